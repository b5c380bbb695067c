"""What allauth's issuer asks of us: its name, its keys, and our claims in its tokens."""

from collections.abc import Iterable
from typing import Any, Literal

from allauth.core import context
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.internal.private_keys import filter_keys
from allauth.idp.oidc.models import Client, PrivateKey
from django.conf import settings

from apps.tenancy.identity import issuing, keys
from apps.tenancy.models import Account


class IssuerAdapter(DefaultOIDCAdapter):
    """One issuer for the whole platform, on whichever host its endpoints are reached."""

    def get_issuer(self) -> str:
        """Return what `iss` says."""
        return settings.ISSUER_URL

    def list_private_keys(
        self, *, did_activate: Literal[True] | None = None, is_active: Literal[True] | None = None
    ) -> list[PrivateKey]:
        """Return the published keys; the newest signs."""
        keys.signing_key()
        found = [
            PrivateKey(pem=key.pem, issued_at=key.created_at, expires_at=key.retires_at)
            for key in keys.published_keys()
        ]
        return filter_keys(found, did_activate=did_activate, is_active=is_active)

    def populate_access_token(
        self,
        access_token: dict[str, Any],
        *,
        client: Client,
        scopes: Iterable[str],
        user: Account | None,
        **kwargs: Any,
    ) -> None:
        """Add audience and tenant, and what the scopes allow, as in every other access token."""
        if user is None:
            return
        tenant = getattr(context.request, "tenant", None)
        claims = issuing.own_claims(account=user, tenant_id=tenant.id if tenant else None)
        if "email" not in scopes:
            claims.pop("email", None)
            claims.pop("email_verified", None)
        if "profile" not in scopes:
            claims.pop("name", None)
        # A client that asked for another API (RFC 8707) gets a token for that one, and not for ours.
        access_token.update({**claims, "aud": access_token.get("aud", claims["aud"])})
