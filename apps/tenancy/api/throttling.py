"""Rate limits per tenant and per account, counted in Valkey over a sliding minute."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import redis
from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.tenancy.middleware import host_of

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
# Longer than this is not answering: the request goes on uncounted.
VALKEY_SECONDS = 0.5

# All limits of a request in one round trip, by the server's clock. A limit is a hash of two counters:
# this window's and the one's before, of which the part counts that the last WINDOW seconds still reach
# into. A request that any limit refuses is counted in none.
# ARGV: seconds of a window, then one amount for each key.
# Returns the place of the limit that refuses or 0; and of that one, or else of the last: what is left,
# and the milliseconds to the end of the window.
COUNT = """
local window = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local number = math.floor(now / window)
local left = window - (now - number * window)
local counted = {}
local remaining = 0
for place, key in ipairs(KEYS) do
    local kept = redis.call('HMGET', key, 'window', 'current', 'previous')
    local age = number - (tonumber(kept[1]) or 0)
    local current, previous = tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
    if age == 1 then
        current, previous = 0, current
    elseif age ~= 0 then
        current, previous = 0, 0
    end
    remaining = tonumber(ARGV[place + 1]) - math.floor(previous * left / window) - current - 1
    if remaining < 0 then
        return {place, 0, math.ceil(left * 1000)}
    end
    counted[place] = {current + 1, previous}
end
for place, key in ipairs(KEYS) do
    redis.call('HSET', key, 'window', number,
        'current', counted[place][1], 'previous', counted[place][2])
    redis.call('EXPIRE', key, 2 * window)
end
return {0, remaining, math.ceil(left * 1000)}
"""


@dataclass(frozen=True, slots=True)
class Limit:
    """An amount of requests per window; `name` is what the RateLimit header calls it."""

    name: str
    key: str
    amount: int


class RateLimit(BaseThrottle):
    """Refuses with 429 when the tenant or the account has used up its minute.

    Where Valkey does not answer, requests pass: an outage of the counter is not one of the service.
    """

    def __init__(self) -> None:
        self.retry_after: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request; return whether it is within both limits."""
        limits = _limits_of(request)
        if not limits:
            return True
        try:
            refusing, remaining, milliseconds = _count(limits)
        except redis.RedisError:
            logger.warning("rate limits are not counted: Valkey does not answer", exc_info=True)
            return True
        told = limits[refusing - 1]
        wait = max(1, math.ceil(milliseconds / 1000))
        # RateLimit header fields for HTTP, draft-ietf-httpapi-ratelimit-headers-10.
        request._request.rate_limit = (  # type: ignore[attr-defined]
            f'"{told.name}";q={told.amount};w={WINDOW_SECONDS}',
            f'"{told.name}";r={remaining};t={wait}',
        )
        if refusing:
            self.retry_after = wait
        return not refusing

    def wait(self) -> float | None:
        """Return the seconds until a request may pass again."""
        return self.retry_after


def _limits_of(request: Request) -> list[Limit]:
    tenant = getattr(request, "tenant", None)
    account = getattr(request.user, "id", None) or _address(request)
    # The braces keep both keys on one node of a cluster.
    scope = f"{{{tenant.id if tenant else host_of(request._request)}}}:rate"
    limits = []
    if tenant is not None and settings.RATE_LIMIT_PER_TENANT:
        limits.append(Limit("tenant", f"{scope}:tenant", settings.RATE_LIMIT_PER_TENANT))
    if settings.RATE_LIMIT_PER_ACCOUNT:
        limits.append(
            Limit("account", f"{scope}:account:{account}", settings.RATE_LIMIT_PER_ACCOUNT)
        )
    return limits


@cache
def _limiter() -> Any:
    client = redis.Redis.from_url(
        settings.VALKEY_URL,
        socket_timeout=VALKEY_SECONDS,
        socket_connect_timeout=VALKEY_SECONDS,
    )
    return client.register_script(COUNT)


def _count(limits: Sequence[Limit]) -> tuple[int, int, int]:
    """Return (place of the limit that refuses or 0, requests left, milliseconds to the window's end)."""
    refusing, remaining, milliseconds = _limiter()(
        keys=[limit.key for limit in limits],
        args=[WINDOW_SECONDS, *(limit.amount for limit in limits)],
    )
    return int(refusing), int(remaining), int(milliseconds)


def _address(request: Request) -> str:
    return str(request.META.get("REMOTE_ADDR", "unknown"))
