"""Wake-ups: telling the processes that hold streams open that a tenant's stream has grown.

A wake-up carries a position and nothing else: what happened is read from the database. One that is
lost costs time, never an event.
"""

import logging
from functools import cache
from time import monotonic
from uuid import UUID

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

PREFIX = "quintet:stream:"
# A request has committed and waits for this: a Valkey that does not answer must not hold it.
TIMEOUT_SECONDS = 0.5
# After a failure this process wakes nobody for so long: readers look by themselves.
REST_SECONDS = 5.0

_rest_until = [0.0]


@cache
def _client() -> Redis:
    return Redis.from_url(
        settings.VALKEY_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )


def channel_of(tenant_id: UUID) -> str:
    """Return the name of a tenant's channel."""
    return f"{PREFIX}{tenant_id}"


def wake(*, tenant_id: UUID, position: int) -> None:
    """Say that the stream has come to `position`; without Valkey, readers find out by themselves."""
    if monotonic() < _rest_until[0]:
        return
    try:
        _client().publish(channel_of(tenant_id), position)
    except (RedisError, OSError) as error:
        _rest_until[0] = monotonic() + REST_SECONDS
        logger.warning("nobody is woken for the stream of %s: %s", tenant_id, error)
