"""The life of tenants and homes: provisioning, suspending, resuming."""

import re
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, Q

from apps.kernel.errors import Problem
from apps.tenancy import homes, resolution
from apps.tenancy.models import Domain, Home, Tenant
from apps.tenancy.models.tenant import DOMAIN_PATTERN, HOME_PATTERN, SLUG_PATTERN

# Host names that people would take for the platform's own, or that software looks for.
RESERVED_SLUGS = frozenset(
    "admin api app auth autoconfig autodiscover cdn default docs ftp health help id imap info "
    "localhost mail media mta-sts ns1 ns2 platform pool pop public quintet root smtp sso static "
    "status stream support system test vault webmail wpad ws www".split()
)


class BadSlug(Problem):
    """The slug can't be a host label, or is reserved."""

    slug = "bad-slug"
    title = "This slug can't be used."


class SlugTaken(Problem):
    """Another tenant has the slug."""

    status = 409
    slug = "slug-taken"
    title = "This slug is taken."


class BadDomain(Problem):
    """The domain is not a host name, or is the platform's own."""

    slug = "bad-domain"
    title = "This domain can't be used."


class DomainTaken(Problem):
    """Another tenant answers on the domain."""

    status = 409
    slug = "domain-taken"
    title = "This domain is taken."


class NoSuchTenant(Problem):
    """No tenant has the slug."""

    status = 404
    slug = "no-such-tenant"
    title = "There is no such tenant."


class NoRoom(Problem):
    """There is no such home, or it takes no tenants."""

    status = 409
    slug = "no-room"
    title = "There is no home to place the tenant in."


class BadHome(Problem):
    """The name can't be a pool's."""

    slug = "bad-home"
    title = "This name can't be a pool's."


@dataclass(frozen=True)
class Order:
    """What is asked of provisioning: who, where, and on which host."""

    slug: str
    name: str
    domain: str
    pool: str | None
    own_home: bool


def check_order(
    *,
    slug: str,
    name: str = "",
    domain: str | None = None,
    pool: str | None = None,
    own_home: bool = False,
) -> Order:
    """Return what would be provisioned, having refused what can't be.

    :raises BadSlug, SlugTaken, BadDomain, DomainTaken, NoRoom: as they say. Nothing was written.
    """
    if not re.match(SLUG_PATTERN, slug):
        raise BadSlug(
            f"{slug!r} can't be a slug: use 1 to 60 lower-case letters, digits and hyphens, "
            f"beginning with a letter and not ending in a hyphen."
        )
    if slug in RESERVED_SLUGS:
        raise BadSlug(f"{slug!r} is reserved. Choose another slug.")
    domain = (domain or f"{slug}.{settings.TENANT_BASE_DOMAIN}").lower().rstrip(".")
    if not re.match(DOMAIN_PATTERN, domain) or "." not in domain:
        raise BadDomain(f"{domain!r} is not a full host name such as fans.example.com.")
    if domain in {settings.PLATFORM_HOST, *settings.PLATFORM_HOST_ALIASES}:
        raise BadDomain(f"{domain!r} is the platform's own host.")
    existing = Tenant.objects.filter(slug=slug).first()
    if existing is not None and existing.status != Tenant.Status.PROVISIONING:
        raise SlugTaken(f"The slug {slug!r} is taken by {existing.name!r}. Choose another.")
    holder = Domain.objects.select_related("tenant").filter(domain=domain).first()
    if holder is not None and holder.tenant.slug != slug:
        raise DomainTaken(f"The domain {domain!r} leads to {holder.tenant.slug!r} already.")
    if not own_home:
        _check_pool(pool)
    return Order(slug=slug, name=name or slug, domain=domain, pool=pool, own_home=own_home)


def _check_pool(pool: str | None) -> None:
    ready = Home.objects.filter(kind=Home.Kind.POOL, state=Home.State.READY)
    if pool is None and not ready.exists():
        raise NoRoom("No pool takes tenants. Make one with `manage.py create_pool`.")
    if pool is not None and not ready.filter(name=pool).exists():
        known = ", ".join(ready.order_by("name").values_list("name", flat=True)) or "none"
        raise NoRoom(f"{pool!r} is no pool that takes tenants; these do: {known}.")


def create_tenant(order: Order) -> Tenant:
    """Provision a tenant. After a crash half-way, the same order carries on where it stopped.

    In a pool this is one short transaction. An own home's schemas are made first, under a tenant that
    is PROVISIONING and served to nobody, and the tenant becomes ACTIVE as the last thing.

    :raises SlugTaken, DomainTaken: somebody was quicker.
    """
    try:
        with transaction.atomic():
            tenant = Tenant.objects.select_for_update().filter(slug=order.slug).first()
            if tenant is None:
                tenant = _insert(order)
            else:
                _carry_on(tenant, order)
    except IntegrityError as error:
        if Tenant.objects.filter(slug=order.slug).exists():
            raise SlugTaken(
                f"The slug {order.slug!r} was taken a moment ago. Choose another."
            ) from error
        raise DomainTaken(f"The domain {order.domain!r} was taken a moment ago.") from error
    if order.own_home:
        prepare_home(tenant.home)
        with transaction.atomic():
            _activate(tenant)
    resolution.forget()
    return tenant


def _insert(order: Order) -> Tenant:
    """Make a tenant and its domain: in a pool ACTIVE at once, as nothing is left to be made."""
    status = Tenant.Status.PROVISIONING if order.own_home else Tenant.Status.ACTIVE
    tenant = Tenant.objects.create(
        slug=order.slug, name=order.name, home=_place(order), status=status
    )
    Domain.objects.create(tenant=tenant, domain=order.domain, is_primary=True)
    return tenant


def _carry_on(tenant: Tenant, order: Order) -> None:
    """Take up a tenant that was left half-made.

    :raises SlugTaken: it is not half-made.
    :raises DomainTaken: the domain leads to another tenant.
    """
    if tenant.status != Tenant.Status.PROVISIONING:
        raise SlugTaken(f"The slug {order.slug!r} was taken a moment ago. Choose another.")
    domain, _ = Domain.objects.get_or_create(
        domain=order.domain, defaults={"tenant": tenant, "is_primary": True}
    )
    if domain.tenant_id != tenant.id:
        raise DomainTaken(f"The domain {order.domain!r} was taken a moment ago.")
    if not order.own_home:
        _activate(tenant)


def _place(order: Order) -> Home:
    if order.own_home:
        home, _ = Home.objects.get_or_create(
            name=own_home_name(slug=order.slug), defaults={"kind": Home.Kind.OWN}
        )
        return home
    ready = Home.objects.filter(kind=Home.Kind.POOL, state=Home.State.READY)
    if order.pool is not None:
        return ready.get(name=order.pool)
    return emptiest_pool()


def emptiest_pool() -> Home:
    """Return the ready pool with the fewest tenants.

    :raises NoRoom: there is none.
    """
    home = (
        Home.objects.filter(kind=Home.Kind.POOL, state=Home.State.READY)
        .annotate(population=Count("tenants"))
        .order_by("population", "name")
        .first()
    )
    if home is None:
        raise NoRoom("No pool takes tenants. Make one with `manage.py create_pool`.")
    return home


def own_home_name(*, slug: str) -> str:
    """Return the name of a tenant's own home: t_ and the slug, hyphens as underscores."""
    return f"t_{slug.replace('-', '_')}"


def _activate(tenant: Tenant) -> None:
    tenant.status = Tenant.Status.ACTIVE
    tenant.save(update_fields=["status"])


def prepare_home(home: Home) -> None:
    """Make a home's schemas and bring them to head. Safe to run again after a crash."""
    homes.create_schemas(home.name)
    Home.objects.filter(name=home.name).update(
        state=Home.State.FULL if home.kind == Home.Kind.OWN else Home.State.READY
    )


def create_pool(*, name: str | None = None) -> Home:
    """Make a pool home, or finish one that was left half-made.

    :param name: pool_<n>; the next free number when None.
    :raises BadHome: the name can't be a pool's.
    """
    if name is None:
        name = next_pool_name()
    if not re.match(HOME_PATTERN, name) or not name.startswith("pool_"):
        raise BadHome(f"{name!r} can't be a pool's name; it must be pool_1, pool_2, …")
    home, _ = Home.objects.get_or_create(name=name, defaults={"kind": Home.Kind.POOL})
    prepare_home(home)
    home.refresh_from_db()
    return home


def next_pool_name() -> str:
    """Return pool_<n> for the smallest n after the pools there are."""
    numbers = [
        int(name.removeprefix("pool_"))
        for name in Home.objects.filter(kind=Home.Kind.POOL).values_list("name", flat=True)
    ]
    return f"pool_{max(numbers, default=0) + 1}"


def get_tenant(*, slug: str) -> Tenant:
    """Return the tenant with a slug.

    :raises NoSuchTenant: there is none; the message names close ones.
    """
    tenant = Tenant.objects.select_related("home").filter(slug=slug).first()
    if tenant is None:
        near = Tenant.objects.filter(Q(slug__startswith=slug[:3])).order_by("slug")[:3]
        hint = f" Did you mean {', '.join(t.slug for t in near)}?" if near else ""
        raise NoSuchTenant(f"There is no tenant {slug!r}.{hint}")
    return tenant


def suspend_tenant(*, slug: str, suspended_at: datetime) -> bool:
    """Have a tenant's requests and tasks refused, keeping everything; return whether that is a change.

    :raises NoSuchTenant: there is none.
    """
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(id=get_tenant(slug=slug).id)
        changed = tenant.status == Tenant.Status.ACTIVE
        if changed:
            tenant.status = Tenant.Status.SUSPENDED
            tenant.suspended_at = suspended_at
            tenant.save(update_fields=["status", "suspended_at"])
    resolution.forget()
    return changed


def resume_tenant(*, slug: str) -> bool:
    """Serve a suspended tenant again; return whether that is a change.

    :raises NoSuchTenant: there is none.
    """
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().get(id=get_tenant(slug=slug).id)
        changed = tenant.status == Tenant.Status.SUSPENDED
        if changed:
            tenant.status = Tenant.Status.ACTIVE
            tenant.suspended_at = None
            tenant.save(update_fields=["status", "suspended_at"])
    resolution.forget()
    return changed
