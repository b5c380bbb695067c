"""Signing in to the API: `Authorization: Bearer <access token>`, and nothing else."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apps.kernel.errors import Problem
from apps.tenancy import binding
from apps.tenancy.identity.people import Person, person_of
from apps.tenancy.identity.trust import trust_of
from apps.tenancy.identity.verification import verify

REALM = "quintet"


class BadAuthorizationHeader(Problem):
    """The header holds no bearer token where it promises one."""

    status = 401
    slug = "bad-authorization-header"
    title = "The Authorization header can't be read."

    def __init__(self) -> None:
        super().__init__(
            "Send `Authorization: Bearer ` and the access token, separated by one space.",
            headers={"WWW-Authenticate": f'Bearer realm="{REALM}", error="invalid_request"'},
        )


class TokenAuthentication(BaseAuthentication):
    """Sets `request.user` to a `Person` and `request.auth` to the token's claims."""

    def authenticate(self, request: Request) -> tuple[Person, Any] | None:
        """Return the caller, or None for a request without a token.

        :raises TokenRefused, IssuerUnreachable, BadAuthorizationHeader: as they say.
        """
        header = request.META.get("HTTP_AUTHORIZATION", "")
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            return None
        if not token or " " in token or not token.isascii():
            raise BadAuthorizationHeader
        # Verifying may wait for somebody else's server, which no transaction should.
        assert binding.current() is None, "authentication inside a bound block"
        tenant = getattr(request, "tenant", None)
        verified = verify(token=token, trust=trust_of(tenant))
        return person_of(verified=verified, tenant=tenant), verified.claims

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401 to a request without a token."""
        return f'Bearer realm="{REALM}"'


class TokenAuthenticationScheme(OpenApiAuthenticationExtension):
    """Says in the OpenAPI document how to sign in."""

    target_class = "apps.tenancy.identity.authentication.TokenAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the security scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": (
                "An access token of the embedded issuer or of an OIDC issuer that the tenant trusts. "
                "Apps get one at `/_allauth/app/v1/auth/login`, browsers by authorization code with "
                "PKCE (`/.well-known/openid-configuration`), scripts from `manage.py issue_token`."
            ),
        }
