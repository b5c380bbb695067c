"""Which tenant a host or a slug means, remembered for a moment.

Every request asks this, so the answer is kept in the process for `REMEMBERED_FOR` seconds: a
suspension or a new domain takes effect everywhere within that time, without a message to anybody.
"""

import time
from dataclasses import dataclass
from uuid import UUID

from apps.tenancy.models import Domain, Tenant

REMEMBERED_FOR = 2.0
# Unknown hosts are remembered too, or guessing them would be a query each; this bounds the memory.
REMEMBERED_AT_MOST = 20_000


@dataclass(frozen=True, slots=True)
class ResolvedTenant:
    """What a request needs to know of its tenant; never the model instance."""

    id: UUID
    slug: str
    name: str
    schema_name: str
    status: str
    trusts_embedded_issuer: bool

    @property
    def is_served(self) -> bool:
        """Whether requests for this tenant are answered."""
        return self.status == Tenant.Status.ACTIVE


_remembered: dict[tuple[str, str], tuple[float, ResolvedTenant | None]] = {}


def resolve_host(host: str) -> ResolvedTenant | None:
    """Return the tenant that answers on a host name (lower case, without port), or None."""
    return _resolve("host", host)


def resolve_slug(slug: str) -> ResolvedTenant | None:
    """Return the tenant with a slug, or None."""
    return _resolve("slug", slug)


def forget() -> None:
    """Forget everything remembered in this process."""
    _remembered.clear()


def _resolve(kind: str, name: str) -> ResolvedTenant | None:
    now = time.monotonic()
    found = _remembered.get((kind, name))
    if found is not None and found[0] > now:
        return found[1]
    tenant = _look_up(kind, name)
    if len(_remembered) >= REMEMBERED_AT_MOST:
        _remembered.clear()
    _remembered[kind, name] = (now + REMEMBERED_FOR, tenant)
    return tenant


def _look_up(kind: str, name: str) -> ResolvedTenant | None:
    if kind == "host":
        domain = Domain.objects.select_related("tenant").filter(domain=name).first()
        tenant = domain.tenant if domain else None
    else:
        tenant = Tenant.objects.filter(slug=name).first()
    return resolved(tenant) if tenant else None


def resolved(tenant: Tenant) -> ResolvedTenant:
    """Return the plain value of a tenant row."""
    return ResolvedTenant(
        id=tenant.id,
        slug=tenant.slug,
        name=tenant.name,
        schema_name=tenant.schema_name,
        status=tenant.status,
        trusts_embedded_issuer=tenant.trusts_embedded_issuer,
    )
