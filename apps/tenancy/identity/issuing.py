"""Issuing access tokens of the embedded issuer, all of one kind, whoever asks for them."""

import time
import uuid
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import jwt
from allauth.account.models import EmailAddress
from django.conf import settings

from apps.kernel.errors import Problem
from apps.tenancy.identity.keys import ALGORITHM, signing_key
from apps.tenancy.models import Account, Tenant

# The `client_id` of tokens that no registered client asked for.
FIRST_PARTY = "quintet"
OPERATOR = "quintet-operator"
SCOPES = ("openid", "email")


class NoSuchAccount(Problem):
    """Nobody signs in with this email address."""

    status = 404
    slug = "no-such-account"
    title = "There is no such account."


class LifetimeTooLong(Problem):
    """A token would outlive the publication of the key that signs it."""

    slug = "lifetime-too-long"
    title = "A token can't live that long."


def own_claims(*, account: Account, tenant_id: UUID | None) -> dict[str, Any]:
    """Return the claims that allauth does not know of: audience, tenant, email and name."""
    claims: dict[str, Any] = {"aud": settings.TOKEN_AUDIENCE}
    if tenant_id is not None:
        claims["tenant"] = str(tenant_id)
    if account.email:
        claims["email"] = account.email
        claims["email_verified"] = EmailAddress.objects.filter(
            user_id=account.id, email__iexact=account.email, verified=True
        ).exists()
    if account.name:
        claims["name"] = account.name
    return claims


def access_token(
    *,
    account: Account,
    tenant_id: UUID | None,
    seconds: int,
    client_id: str = FIRST_PARTY,
    scopes: Iterable[str] = SCOPES,
    extra: dict[str, Any] | None = None,
) -> str:
    """Return a signed access token for an account.

    :param tenant_id: the only tenant it is good for; None: every tenant that trusts this issuer.
    :param seconds: how long it is good for.
    :raises LifetimeTooLong: longer than a key that has been rotated away stays published.
    """
    if not 0 < seconds <= settings.SIGNING_KEY_OVERLAP_SECONDS:
        raise LifetimeTooLong(
            f"Choose 1 to {settings.SIGNING_KEY_OVERLAP_SECONDS} seconds: so long is a rotated key "
            "still published (QUINTET_SIGNING_KEY_OVERLAP_SECONDS)."
        )
    now = int(time.time())
    key = signing_key()
    claims = {
        **(extra or {}),
        **own_claims(account=account, tenant_id=tenant_id),
        "iss": settings.ISSUER_URL,
        "sub": str(account.id),
        "client_id": client_id,
        "scope": " ".join(scopes),
        "iat": now,
        "exp": now + seconds,
        "jti": uuid.uuid4().hex,
        "token_use": "access",
    }
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})


def token_for(*, email: str, tenant: Tenant, ttl: int) -> str:
    """Return an access token for the account with an email address, good in one tenant.

    :param ttl: seconds.
    :raises NoSuchAccount: nobody signs in with it, or may not any more.
    """
    account = get_account(email=email)
    return access_token(account=account, tenant_id=tenant.id, seconds=ttl, client_id=OPERATOR)


def get_account(*, email: str) -> Account:
    """Return the active account that signs in with an email address.

    :raises NoSuchAccount: there is none, or it is switched off.
    """
    account = Account.objects.filter(email=email.strip().lower()).first()
    if account is None:
        raise NoSuchAccount(f"Nobody signs in with {email!r}. Check its spelling, or use --create.")
    if not account.is_active:
        raise NoSuchAccount(f"The account {email!r} is switched off.")
    return account
