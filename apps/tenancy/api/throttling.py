"""Rate limits per tenant and per account, counted in Valkey over a sliding minute."""

import logging
import math
import time
from functools import cache
from typing import Any, cast

import redis
from django.conf import settings
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import RedisStorage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.tenancy.middleware import host_of

logger = logging.getLogger(__name__)

# Longer than this is not answering: the request goes on uncounted.
VALKEY_SECONDS = 0.5


@cache
def _limiter() -> SlidingWindowCounterRateLimiter:
    storage = storage_from_string(
        settings.VALKEY_URL.replace("unix://", "redis+unix://"),
        key_prefix="rate",
        socket_timeout=VALKEY_SECONDS,
        socket_connect_timeout=VALKEY_SECONDS,
    )
    return SlidingWindowCounterRateLimiter(cast(RedisStorage, storage))


@cache
def _per_minute(amount: int) -> RateLimitItem:
    return RateLimitItemPerMinute(amount)


class RateLimit(BaseThrottle):
    """Refuses with 429 when the account or the tenant has used up its minute.

    Where Valkey does not answer, requests pass: an outage of the counter is not one of the service.
    """

    def __init__(self) -> None:
        self.retry_after: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request; return whether it is within both limits."""
        try:
            # The account first: what it is refused does not count against its tenant.
            return all(self._hit(request, amount, names) for amount, names in _limits_of(request))
        except redis.RedisError:
            logger.warning("rate limits are not counted: Valkey does not answer", exc_info=True)
            return True

    def _hit(self, request: Request, amount: int, names: tuple[str, ...]) -> bool:
        item = _per_minute(amount)
        allowed = _limiter().hit(item, *names)
        if names[0] == "account" or not allowed:
            window = _limiter().get_window_stats(item, *names)
            wait = max(1, math.ceil(window.reset_time - time.time()))
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


def _limits_of(request: Request) -> list[tuple[int, tuple[str, ...]]]:
    """Return the limits that hold for a request: an amount a minute, and what is counted."""
    tenant = getattr(request, "tenant", None)
    account = getattr(request.user, "id", None) or request.META.get("REMOTE_ADDR", "unknown")
    scope = str(tenant.id) if tenant else host_of(request._request)
    limits: list[tuple[int, tuple[str, ...]]] = []
    if settings.RATE_LIMIT_PER_ACCOUNT:
        limits.append((settings.RATE_LIMIT_PER_ACCOUNT, ("account", scope, str(account))))
    if tenant is not None and settings.RATE_LIMIT_PER_TENANT:
        limits.append((settings.RATE_LIMIT_PER_TENANT, ("tenant", scope)))
    return limits
