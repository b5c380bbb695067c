"""Who sent a request: the person behind a verified token, and their standing in a tenant."""

import time
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from django.db.models import F, FilteredRelation, Q

from apps.tenancy.identity.verification import TokenRefused, Verified
from apps.tenancy.models import Account
from apps.tenancy.models.account import external_account_id
from apps.tenancy.resolution import ResolvedTenant

# A changed role, a removed member or an account that was switched off takes effect within this time.
REMEMBERED_FOR = 2.0
REMEMBERED_AT_MOST = 50_000
NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Person:
    """The caller. `id` is the identity provider's UUID, which profiles keep as `keycloak_id`.

    `account_id` is the account that memberships of this person point at; for the embedded issuer it
    is the same as `id`. `role` is the one in the tenant of the request, None for everybody else.
    `session_id` is what the issuer calls the session, or the token.
    """

    id: UUID
    issuer: str
    account_id: UUID
    email: str | None
    email_verified: bool
    name: str
    scopes: frozenset[str]
    role: str | None
    session_id: str = ""

    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False
    is_active: ClassVar[bool] = True

    @property
    def pk(self) -> UUID:
        """The id, by the name that frameworks look for."""
        return self.id


_remembered: dict[tuple[UUID | None, UUID, UUID], tuple[float, str | None]] = {}


def person_of(*, verified: Verified, tenant: ResolvedTenant | None) -> Person:
    """Return the person of a verified token, with their role in a tenant.

    :raises TokenRefused: the account is gone or switched off, or the id is another issuer's.
    """
    claims, issuer = verified.claims, verified.issuer
    if issuer.is_embedded or tenant is None:
        account_id = verified.person_id
    else:
        account_id = external_account_id(
            tenant_id=tenant.id, issuer=issuer.url, subject=verified.subject
        )
    scope, email = claims.get("scope"), claims.get("email")
    return Person(
        id=verified.person_id,
        issuer=issuer.url,
        account_id=account_id,
        email=email.lower() if isinstance(email, str) and "@" in email else None,
        email_verified=claims.get("email_verified") is True,
        name=_printable(claims.get("name")),
        scopes=frozenset(scope.split()) if isinstance(scope, str) else frozenset(),
        role=_role(
            tenant.id if tenant else None, verified.person_id, account_id, issuer.is_embedded
        ),
        session_id=_printable(claims.get("sid") or claims.get("jti")),
    )


def forget() -> None:
    """Forget every standing remembered in this process."""
    _remembered.clear()


def _printable(name: object) -> str:
    if not isinstance(name, str):
        return ""
    return "".join(character for character in name if character.isprintable())[:NAME_LENGTH]


def _role(
    tenant_id: UUID | None, person_id: UUID, account_id: UUID, is_embedded: bool
) -> str | None:
    key = (tenant_id, person_id, account_id)
    now = time.monotonic()
    found = _remembered.get(key)
    if found is not None and found[0] > now:
        return found[1]
    role = _look_up(tenant_id, person_id, account_id, is_embedded)
    if len(_remembered) >= REMEMBERED_AT_MOST:
        _remembered.clear()
    _remembered[key] = (now + REMEMBERED_FOR, role)
    return role


def _look_up(
    tenant_id: UUID | None, person_id: UUID, account_id: UUID, is_embedded: bool
) -> str | None:
    rows = {
        row[0]: row[1:]
        for row in Account.objects.filter(id__in={person_id, account_id})
        .annotate(
            here=FilteredRelation("memberships", condition=Q(memberships__tenant_id=tenant_id))
        )
        .values_list("id", "is_active", F("here__role"))
    }
    if not is_embedded and person_id in rows and person_id != account_id:
        # An external issuer may choose any subject; not that of somebody who signs in here.
        raise TokenRefused("Its subject is somebody else's here.")
    is_active, role = rows.get(account_id, (not is_embedded, None))
    if not is_active:
        raise TokenRefused("Its account is gone or switched off.")
    return role
