"""Whom a tenant trusts to say who somebody is, remembered for a moment."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from uuid import UUID

from django.conf import settings

from apps.tenancy.identity.keys import ALGORITHM
from apps.tenancy.models import Issuer
from apps.tenancy.resolution import ResolvedTenant

# An issuer that is switched off is refused everywhere within this time.
REMEMBERED_FOR = 2.0
REMEMBERED_AT_MOST = 20_000


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """What verifying a token of one issuer needs to know."""

    url: str
    audience: str
    jwks_uri: str
    algorithms: tuple[str, ...]
    subject_claim: str
    is_embedded: bool = False


@dataclass(frozen=True, slots=True)
class Trust:
    """The issuers one tenant trusts, by URL; `mark` differs whenever any of it does."""

    tenant_id: UUID | None
    issuers: Mapping[str, TrustedIssuer]
    mark: bytes


_remembered: dict[tuple[UUID | None, bool], tuple[float, Trust]] = {}


def embedded_issuer() -> TrustedIssuer:
    """Return the issuer that is part of Quintet."""
    return TrustedIssuer(
        url=settings.ISSUER_URL,
        audience=settings.TOKEN_AUDIENCE,
        jwks_uri="",
        algorithms=(ALGORITHM,),
        subject_claim="sub",
        is_embedded=True,
    )


def trust_of(tenant: ResolvedTenant | None) -> Trust:
    """Return whom a tenant trusts; without a tenant, the platform trusts the embedded issuer alone."""
    key = (tenant.id, tenant.trusts_embedded_issuer) if tenant else (None, True)
    now = time.monotonic()
    found = _remembered.get(key)
    if found is not None and found[0] > now:
        return found[1]
    trust = _look_up(tenant)
    if len(_remembered) >= REMEMBERED_AT_MOST:
        _remembered.clear()
    _remembered[key] = (now + REMEMBERED_FOR, trust)
    return trust


def forget() -> None:
    """Forget everything remembered in this process."""
    _remembered.clear()


def _look_up(tenant: ResolvedTenant | None) -> Trust:
    issuers = {}
    if tenant is not None:
        for row in Issuer.objects.active().filter(tenant_id=tenant.id).order_by("url"):
            issuers[row.url] = TrustedIssuer(
                url=row.url,
                audience=row.audience,
                jwks_uri=row.jwks_uri,
                algorithms=tuple(row.algorithms),
                subject_claim=row.subject_claim,
            )
    # Last, so that nobody can take its place by naming its URL.
    embedded = embedded_issuer()
    issuers.pop(embedded.url, None)
    if tenant is None or tenant.trusts_embedded_issuer:
        issuers[embedded.url] = embedded
    tenant_id = tenant.id if tenant else None
    mark = blake2b(repr((tenant_id, sorted(issuers.items()))).encode(), digest_size=16).digest()
    return Trust(tenant_id, MappingProxyType(issuers), mark)
