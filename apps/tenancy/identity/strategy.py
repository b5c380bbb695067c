"""How apps sign in: allauth's session and refresh tokens, with access tokens of the embedded issuer.

allauth's JWT strategy signs access tokens with a key of its own, which no JWKS publishes, and without
`iss` and `aud`. Here they are the issuer's, so that there is one kind and one verification. Refresh
tokens stay allauth's: this server alone reads them, and they survive a rotation of the signing key.
"""

from typing import Any
from uuid import UUID

from allauth.core import context
from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy, internal
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest

from apps.kernel.errors import Problem
from apps.tenancy.identity import issuing
from apps.tenancy.identity.trust import trust_of
from apps.tenancy.identity.verification import verify
from apps.tenancy.models import Account


class TokenStrategy(JWTTokenStrategy):
    """Gives an app its tokens when it signs in, and new ones for its refresh token."""

    def create_access_token_payload(self, request: HttpRequest) -> dict[str, Any] | None:
        """Return what goes into `meta` of the reply: both tokens, and the access token's seconds."""
        payload = super().create_access_token_payload(request)
        return payload and {**payload, "expires_in": settings.ACCESS_TOKEN_SECONDS}

    def create_access_token(self, request: HttpRequest) -> str | None:
        """Return an access token for who is signed in, good in the tenant of the request."""
        return _access_token(request.user, request.session)  # type: ignore[arg-type]

    def refresh_token(self, refresh_token: str) -> tuple[str, str] | None:
        """Return a new access and refresh token, or None; the old refresh token is used up."""
        found = internal.validate_refresh_token(refresh_token)
        if found is None:
            return None
        account, session, payload = found
        internal.invalidate_refresh_token(session, payload)
        following = internal.create_refresh_token(account, session)
        session.save()
        return _access_token(account, session), following

    def _get_access_token(self, request: HttpRequest) -> dict[str, Any] | None:
        """Let an app use its access token in place of its session token, as allauth does."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            trust = trust_of(getattr(request, "tenant", None))
            verified = verify(token=token, trust=trust)
        except Problem:
            return None
        # Other issuers have a `sid` too (Keycloak does): sessions here are the embedded one's alone.
        if not verified.issuer.is_embedded or "sid" not in verified.claims:
            return None
        return dict(verified.claims)


def _access_token(account: Account, session: SessionBase) -> str:
    if not session.session_key:
        session.save()
    return issuing.access_token(
        account=account,
        tenant_id=_tenant_id(),
        seconds=settings.ACCESS_TOKEN_SECONDS,
        extra={"sid": internal.session_key_to_sid(str(session.session_key))},
    )


def _tenant_id() -> UUID | None:
    tenant = getattr(context.request, "tenant", None)
    return tenant.id if tenant else None
