"""Rate limits per tenant and per account, counted in Valkey over a sliding minute."""

import logging
import time
from functools import cache
from typing import Any

from django.conf import settings
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.tenancy.middleware import host_of

logger = logging.getLogger(__name__)


@cache
def _limiter() -> SlidingWindowCounterRateLimiter:
    url = settings.VALKEY_URL
    storage = storage_from_string(
        url.replace("unix://", "redis+unix://"), implementation="redispy", key_prefix="rate"
    )
    return SlidingWindowCounterRateLimiter(storage)


@cache
def _per_minute(amount: int) -> RateLimitItem:
    return RateLimitItemPerMinute(amount)


class RateLimit(BaseThrottle):
    """Refuses with 429 when the tenant or the account has used up its minute.

    Where Valkey does not answer, requests pass: an outage of the counter is not one of the service.
    """

    def __init__(self) -> None:
        self.retry_after: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request; return whether it is within both limits."""
        tenant = getattr(request, "tenant", None)
        account = getattr(request.user, "id", None) or _address(request)
        limits: list[tuple[int, tuple[str, ...]]] = []
        if tenant is not None and settings.RATE_LIMIT_PER_TENANT:
            limits.append((settings.RATE_LIMIT_PER_TENANT, ("tenant", str(tenant.id))))
        if settings.RATE_LIMIT_PER_ACCOUNT:
            scope = str(tenant.id) if tenant else host_of(request._request)
            limits.append((settings.RATE_LIMIT_PER_ACCOUNT, ("account", scope, str(account))))
        try:
            return all(self._hit(request, amount, names) for amount, names in limits)
        except Exception:
            logger.warning("rate limits are not counted: Valkey does not answer", exc_info=True)
            return True

    def _hit(self, request: Request, amount: int, names: tuple[str, ...]) -> bool:
        item = _per_minute(amount)
        allowed = _limiter().hit(item, *names)
        if names[0] == "account" or not allowed:
            window = _limiter().get_window_stats(item, *names)
            wait = max(1, round(window.reset_time - time.time()))
            # RateLimit header fields for HTTP, draft-ietf-httpapi-ratelimit-headers-10.
            request._request.rate_limit = (  # type: ignore[attr-defined]
                f'"{names[0]}";q={amount};w=60',
                f'"{names[0]}";r={max(0, window.remaining)};t={wait}',
            )
            if not allowed:
                self.retry_after = wait
        return allowed

    def wait(self) -> float | None:
        """Return the seconds until a request may pass again."""
        return self.retry_after


def _address(request: Request) -> str:
    return str(request.META.get("REMOTE_ADDR", "unknown"))
