"""Tenants, the homes they live in, and the hosts they answer on."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from apps.kernel.ids import uuid7
from apps.tenancy.models.audited import Audited

# A slug is a DNS label (RFC 1035) and, behind "t_", a schema name: both end at 63 characters.
SLUG_PATTERN = r"^[a-z]([a-z0-9-]{0,58}[a-z0-9])?$"
HOME_PATTERN = r"^(pool_[1-9][0-9]{0,5}|t_[a-z0-9_]{1,60})$"
DOMAIN_PATTERN = (
    r"^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
)


class Home(models.Model):
    """A PostgreSQL schema, of the same name in every context's database, in which tenants live."""

    class Kind(models.TextChoices):
        POOL = "POOL", "Shared by many tenants"
        OWN = "OWN", "One tenant's own"

    class State(models.TextChoices):
        PREPARING = "PREPARING", "Schemas are being made"
        READY = "READY", "Takes tenants"
        FULL = "FULL", "Takes no further tenants"

    name = models.CharField(
        max_length=63, primary_key=True, validators=[RegexValidator(HOME_PATTERN)]
    )
    kind = models.CharField(max_length=4, choices=Kind.choices)
    state = models.CharField(max_length=9, choices=State.choices, default=State.PREPARING)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="home_kind", condition=Q(kind__in=["POOL", "OWN"])),
            models.CheckConstraint(
                name="home_state", condition=Q(state__in=["PREPARING", "READY", "FULL"])
            ),
            models.CheckConstraint(name="home_name", condition=Q(name__regex=HOME_PATTERN)),
            Audited(name="tenancy_home_audit", tenant=None),
        ]

    def __str__(self) -> str:
        return self.name


class TenantQuerySet(models.QuerySet["Tenant"]):
    """Named filters over tenants."""

    def active(self) -> "TenantQuerySet":
        """Tenants that are served."""
        return self.filter(status=Tenant.Status.ACTIVE)

    def in_order(self) -> "TenantQuerySet":
        """Oldest first, totally ordered."""
        return self.order_by("created_at", "id")


class Tenant(models.Model):
    """A customer: an organisation or a brand. Its id is on every row of every context."""

    class Status(models.TextChoices):
        PROVISIONING = "PROVISIONING", "Being set up"
        ACTIVE = "ACTIVE", "Served"
        SUSPENDED = "SUSPENDED", "Refused, with everything kept"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.CharField(max_length=60, unique=True, validators=[RegexValidator(SLUG_PATTERN)])
    name = models.CharField(max_length=200)
    home = models.ForeignKey(
        Home, on_delete=models.PROTECT, related_name="tenants", db_column="schema_name"
    )
    status = models.CharField(
        max_length=12, choices=Status.choices, default=Status.PROVISIONING, db_index=True
    )
    trusts_embedded_issuer = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    suspended_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="tenant_status",
                condition=Q(status__in=["PROVISIONING", "ACTIVE", "SUSPENDED"]),
            ),
            models.CheckConstraint(name="tenant_slug", condition=Q(slug__regex=SLUG_PATTERN)),
            models.CheckConstraint(
                name="tenant_suspended_at",
                condition=Q(status="SUSPENDED", suspended_at__isnull=False)
                | (~Q(status="SUSPENDED") & Q(suspended_at__isnull=True)),
            ),
            Audited(name="tenancy_tenant_audit", tenant="id"),
        ]

    def __str__(self) -> str:
        return self.slug

    @property
    def schema_name(self) -> str:
        """The home's name, which is the name of its schema."""
        return self.home_id


class Domain(models.Model):
    """A host name that leads to a tenant. Exactly one per tenant is primary."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="domains")
    domain = models.CharField(
        max_length=253, unique=True, validators=[RegexValidator(DOMAIN_PATTERN)]
    )
    is_primary = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="domain_one_primary", fields=["tenant"], condition=Q(is_primary=True)
            ),
            models.CheckConstraint(
                name="domain_is_a_host", condition=Q(domain__regex=DOMAIN_PATTERN)
            ),
            Audited(name="tenancy_domain_audit"),
        ]

    def __str__(self) -> str:
        return self.domain
