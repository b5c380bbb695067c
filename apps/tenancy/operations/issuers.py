"""Which external OIDC issuers a tenant trusts."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.kernel.errors import Conflict, Invalid, NotFound
from apps.kernel.refusals import refusing
from apps.tenancy.identity import trust
from apps.tenancy.identity.fetching import fault_of_url
from apps.tenancy.models import Issuer
from apps.tenancy.models.issuer import ALGORITHMS

CHANGEABLE = ("audience", "jwks_uri", "algorithms", "subject_claim", "is_active")


class IssuerTrusted(Conflict):
    """The tenant trusts the issuer already."""

    slug = "issuer-trusted-already"
    title = "This issuer is in the list already."


def trust_issuer(*, tenant_id: UUID, url: str, values: Mapping[str, Any]) -> Issuer:
    """Accept the tokens of an OIDC issuer in one tenant from now on.

    :param url: as the issuer's tokens have it in `iss`.
    :param values: of the other columns of `Issuer`; at least `audience`.
    :raises Invalid: a URL is not https or not public, an algorithm is not allowed, or the issuer is
        the embedded one.
    :raises IssuerTrusted: the tenant trusts it already.
    """
    issuer = Issuer(tenant_id=tenant_id, url=url, **values)
    _check(issuer)
    with refusing(
        alias="default",
        constraints={"issuer_once_per_tenant": IssuerTrusted("Change it instead.")},
    ):
        issuer.save(force_insert=True)
    trust.forget()
    return issuer


def change_issuer(*, tenant_id: UUID, issuer_id: UUID, values: Mapping[str, Any]) -> Issuer:
    """Change how an issuer is believed, or switch it off.

    :raises NotFound: no such issuer in this tenant.
    :raises Invalid: as for `trust_issuer`.
    """
    with transaction.atomic():
        issuer = (
            Issuer.objects.select_for_update().filter(tenant_id=tenant_id, id=issuer_id).first()
        )
        if issuer is None:
            raise NotFound
        for name in CHANGEABLE:
            setattr(issuer, name, values.get(name, getattr(issuer, name)))
        _check(issuer)
        issuer.save()
    trust.forget()
    return issuer


def distrust_issuer(*, tenant_id: UUID, issuer_id: UUID) -> None:
    """Accept an issuer's tokens no more.

    :raises NotFound: no such issuer in this tenant.
    """
    removed, _ = Issuer.objects.filter(tenant_id=tenant_id, id=issuer_id).delete()
    if not removed:
        raise NotFound
    trust.forget()


def _check(issuer: Issuer) -> None:
    fields: dict[str, Sequence[str]] = {}
    for name in ("url", "jwks_uri"):
        value = getattr(issuer, name)
        fault = fault_of_url(value) if value or name == "url" else None
        if fault:
            fields[name] = [fault]
    if issuer.url.rstrip("/") == settings.ISSUER_URL:
        fields["url"] = ["This is the embedded issuer."]
    unknown = [name for name in issuer.algorithms if name not in ALGORITHMS]
    if unknown or not issuer.algorithms:
        fields["algorithms"] = [f"Choose among {', '.join(ALGORITHMS)}."]
    if fields:
        raise Invalid(fields=fields)
