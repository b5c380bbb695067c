"""Issuers a tenant trusts besides the embedded one, and the embedded one's keys."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.kernel.ids import uuid7
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.tenant import Tenant

# Asymmetric only: with a shared secret, whoever can verify a token can also make one.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")


def default_algorithms() -> list[str]:
    """Return what an issuer is believed to sign with, unless told otherwise."""
    return ["RS256", "ES256", "EdDSA"]


class IssuerQuerySet(models.QuerySet["Issuer"]):
    """Named filters over issuers."""

    def active(self) -> "IssuerQuerySet":
        """Those whose tokens are accepted."""
        return self.filter(is_active=True)


class Issuer(models.Model):
    """An OpenID Connect issuer whose tokens one tenant accepts.

    `url` is the `iss` of its tokens. `subject_claim` names the claim that says who the person is: a
    UUID there is the person's id, anything else is turned into one.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="issuers")
    url = models.CharField(max_length=500)
    audience = models.CharField(max_length=500)
    # Empty: found through the issuer's discovery document.
    jwks_uri = models.CharField(max_length=500, blank=True, default="")
    algorithms = ArrayField(models.CharField(max_length=8), default=default_algorithms)
    subject_claim = models.CharField(max_length=100, default="sub")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = IssuerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="issuer_once", fields=["tenant", "url"]),
            models.CheckConstraint(
                name="issuer_algorithms",
                condition=Q(algorithms__contained_by=list(ALGORITHMS)) & ~Q(algorithms=[]),
            ),
            models.CheckConstraint(
                name="issuer_is_complete",
                condition=~Q(url="") & ~Q(audience="") & ~Q(subject_claim=""),
            ),
            Audited(name="tenancy_issuer_audit"),
        ]

    def __str__(self) -> str:
        return self.url


class SigningKey(models.Model):
    """A key of the embedded issuer. The private half is stored encrypted under the secret key.

    The newest one signs; each is published, and its tokens accepted, until `retires_at`.
    """

    kid = models.CharField(max_length=64, primary_key=True)
    sealed_private_key = models.TextField()
    created_at = models.DateTimeField()
    retires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            Audited(name="tenancy_signingkey_audit", personal=["sealed_private_key"], tenant=None)
        ]

    def __str__(self) -> str:
        return self.kid
