"""What every request comes with: its origin, and its tenant, from the host or from X-Tenant.

Nothing is bound here: the view binds around its one operation.
"""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from apps.kernel.api.problems import problem_response
from apps.kernel.errors import Problem
from apps.tenancy import origin
from apps.tenancy.models.tenant import SLUG_PATTERN
from apps.tenancy.resolution import ResolvedTenant, resolve_host, resolve_slug

HEADER = "X-Tenant"
PLATFORM_URLS = "config.urls_platform"
TENANT_URLS = "config.urls_tenant"


class UnknownHost(Problem):
    """No tenant answers on this host."""

    status = 404
    slug = "unknown-host"
    title = "Nobody answers on this host."


class UnknownTenant(Problem):
    """X-Tenant names no tenant."""

    status = 404
    slug = "unknown-tenant"
    title = "There is no such tenant."


class TenantSuspended(Problem):
    """The tenant is not served at present; everything it has is kept."""

    status = 403
    slug = "tenant-suspended"
    title = "This tenant is suspended."


class TenantHeaderNotAllowed(Problem):
    """X-Tenant was sent to a tenant's own host."""

    status = 400
    slug = "tenant-header-not-allowed"
    title = "X-Tenant is only read on the platform's own host."


class TenantRequired(Problem):
    """The platform's own host was asked for something that belongs to a tenant."""

    status = 400
    slug = "tenant-required"
    title = "Say which tenant you mean."

    def __init__(self) -> None:
        super().__init__("Send the request to the tenant's host, or name the tenant in X-Tenant.")


class OriginMiddleware:
    """Has whatever a request changes logged as this request's; views say whose it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        arrived = origin.Origin(
            actor=origin.ANONYMOUS,
            source="api",
            request_id=request.request_id,  # type: ignore[attr-defined]
            ip_address=client_address(request),
            user_agent=request.headers.get("User-Agent", ""),
        )
        with origin.acting(arrived):
            return self.get_response(request)


class TenantMiddleware:
    """Sets `request.tenant`: a `ResolvedTenant`, or None on the platform's host without X-Tenant."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._answer(request)
        # Or a cache in front of the platform's host would serve one tenant's reply to the next.
        patch_vary_headers(response, [HEADER])
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        try:
            tenant = tenant_of(request)
        except Problem as problem:
            return problem_response(request, problem)
        request.tenant = tenant  # type: ignore[attr-defined]
        # The same address leads to the control plane's admin on one host, to the tenant's on another.
        request.urlconf = PLATFORM_URLS if tenant is None else TENANT_URLS
        return self.get_response(request)


def tenant_of(request: HttpRequest) -> ResolvedTenant | None:
    """Return the tenant of a request.

    :raises UnknownHost, UnknownTenant, TenantSuspended, TenantHeaderNotAllowed: as they say.
    """
    host = host_of(request)
    slug = request.headers.get(HEADER)
    if host == settings.PLATFORM_HOST or host in settings.PLATFORM_HOST_ALIASES:
        if slug is None:
            return None
        tenant = resolve_slug(slug) if re.match(SLUG_PATTERN, slug) else None
        if tenant is None:
            raise UnknownTenant("X-Tenant names no tenant of this platform. Check its spelling.")
    else:
        tenant = resolve_host(host)
        if tenant is None:
            raise UnknownHost("No tenant has this host. Check the address, or ask its operator.")
        if slug is not None and slug != tenant.slug:
            raise TenantHeaderNotAllowed(
                "This host belongs to one tenant already. Leave X-Tenant out here."
            )
    if not tenant.is_served:
        raise TenantSuspended("It is not served at present. Its owner can ask the operator why.")
    return tenant


def host_of(request: HttpRequest) -> str:
    """Return the host a request was sent to: lower case, no port, no trailing dot."""
    host = request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", "")
    if not host.endswith("]"):
        host = host.rsplit(":", 1)[0] if ":" in host else host
    return host.lower().rstrip(".")[:253]


def client_address(request: HttpRequest) -> str:
    """Return the caller's IP address, as the proxy in front says it where one is configured.

    A proxy appends to the header what it saw itself; what stands before that, a caller may have made up.
    """
    if settings.CLIENT_ADDRESS_HEADER:
        return request.headers.get(settings.CLIENT_ADDRESS_HEADER, "").rsplit(",", 1)[-1].strip()
    return str(request.META.get("REMOTE_ADDR", ""))
