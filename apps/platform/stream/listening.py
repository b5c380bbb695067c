"""Hearing wake-ups: one subscription per process, to every tenant's channel."""

import asyncio
import logging
from contextlib import suppress
from uuid import UUID

from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from apps.platform.ports.wakeups import PREFIX
from apps.platform.stream.hub import Hub

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
CONNECT_SECONDS = 2.0


async def listen(hub: Hub) -> None:
    """Wake the hub until it stops; while Valkey does not answer, the hub looks by itself."""
    is_heard = True
    # Asked each time: a cancellation that comes while it connects may arrive as a timeout.
    while not hub.is_stopping:
        try:
            await _listen_once(hub)
        except (RedisError, OSError, TimeoutError) as error:
            if is_heard:
                logger.warning("no wake-ups are heard, events come late: %s", error)
            is_heard = False
        else:
            is_heard = True
        await asyncio.sleep(RETRY_SECONDS)


async def _listen_once(hub: Hub) -> None:
    client = Redis.from_url(settings.VALKEY_URL, socket_connect_timeout=CONNECT_SECONDS)
    try:
        async with client.pubsub() as subscription:
            await subscription.psubscribe(f"{PREFIX}*")
            # What was told while nobody heard.
            hub.wake_all()
            async for message in subscription.listen():
                if message["type"] == "pmessage":
                    _wake(hub, message)
    finally:
        with suppress(RedisError, OSError):
            await client.aclose()


def _wake(hub: Hub, message: dict[str, bytes]) -> None:
    with suppress(ValueError):
        tenant_id = UUID(message["channel"].decode().removeprefix(PREFIX))
        hub.wake(tenant_id=tenant_id, position=int(message["data"]))
