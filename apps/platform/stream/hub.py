"""The hub: reads each tenant's stream once for all who listen to it in this process.

A wake-up over Valkey says that a tenant's stream has grown. Without one, the hub finds out by looking,
every STREAM_POLL_SECONDS for each tenant that has listeners: an event is late, and never lost.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from time import monotonic
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections

from apps.platform.models import Audience
from apps.platform.stream import frames, reading
from apps.platform.stream.clients import Client
from apps.platform.stream.reading import Event, Page, Standing
from apps.tenancy.resolution import ResolvedTenant

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Threads that read what is new: apart from those that let people in, or a crowd at the door would
# keep everybody who is inside from hearing anything.
READERS = 2
# Events of a tenant that are kept for those who are just coming in.
RECENT = 1_000


class Channel:
    """The listeners of one tenant in this process, and how far they have been told."""

    def __init__(self, *, tenant: ResolvedTenant, seen: int) -> None:
        self.tenant = tenant
        self.seen = seen
        self.clients: set[Client] = set()
        self.woken = asyncio.Event()
        self._recent: deque[Event] = deque(maxlen=RECENT)
        self._by_group: dict[UUID, set[Client]] = {}
        self._by_profile: dict[UUID, set[Client]] = {}

    def attach(self, client: Client) -> bool:
        """Have a client told all that comes after its place; False if that can't be done from here.

        Between its reading and this moment others may have been told more: it is given that first.
        """
        if self.seen > client.after and not (
            self._recent and self._recent[0].position <= client.after + 1
        ):
            return False
        for event in self._recent:
            if event.position > client.after:
                client.catch_up(event)
        client.after = max(client.after, self.seen)
        self.clients.add(client)
        self._index(client)
        return True

    def detach(self, client: Client) -> None:
        """Forget a client."""
        self.clients.discard(client)
        self._unindex(client)

    def end_all(self, frame: bytes) -> None:
        """End every stream of the tenant."""
        for client in self.clients:
            client.end(frame)

    def tell(self, event: Event) -> None:
        """Give an event to all it is for. Who joins hears of it; who leaves hears that, and no more."""
        self.seen = event.position
        self._recent.append(event)
        if event.kind in reading.JOINED:
            self._change_member(event)
        for client in self._audience(event):
            client.offer(event)
        if event.kind in reading.LEFT:
            self._change_member(event)
        for profile_id in event.erased:
            for client in self._by_profile.get(profile_id, ()):
                client.end(frames.expired("account"))

    def stand_anew(self, clients: Iterable[Client], standings: dict[UUID, Standing]) -> None:
        """Have clients see what they may see now, as it was read anew."""
        for client in clients:
            standing = standings.get(client.listener.person_id)
            if standing is not None and client in self.clients:
                self._unindex(client)
                client.standing = replace(standing, groups=dict(standing.groups))
                self._index(client)

    def _audience(self, event: Event) -> Iterable[Client]:
        if event.audience_id is None:
            return self.clients
        index = self._by_group if event.audience == Audience.GROUP else self._by_profile
        return index.get(event.audience_id, ())

    def _change_member(self, event: Event) -> None:
        if event.member is None:
            return
        group_id, profile_id = event.member
        for client in self._by_profile.get(profile_id, ()):
            if event.position <= client.after:
                continue
            client.standing.follow(event)
            if event.kind in reading.JOINED:
                self._by_group.setdefault(group_id, set()).add(client)
            else:
                _discard(self._by_group, group_id, client)

    def _index(self, client: Client) -> None:
        for group_id in client.standing.groups:
            self._by_group.setdefault(group_id, set()).add(client)
        for profile_id in client.standing.profile_ids:
            self._by_profile.setdefault(profile_id, set()).add(client)

    def _unindex(self, client: Client) -> None:
        for group_id in client.standing.groups:
            _discard(self._by_group, group_id, client)
        for profile_id in client.standing.profile_ids:
            _discard(self._by_profile, profile_id, client)


def _discard(index: dict[UUID, set[Client]], key: UUID, client: Client) -> None:
    if (found := index.get(key)) is not None:
        found.discard(client)
        if not found:
            del index[key]


class Hub:
    """All channels of this process, and the threads that read for them."""

    def __init__(self) -> None:
        self.channels: dict[UUID, Channel] = {}
        self.is_stopping = False
        self._doors = ThreadPoolExecutor(settings.STREAM_THREADS, thread_name_prefix="door")
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._tasks: set[asyncio.Task[None]] = set()

    async def at_the_door(self, work: Callable[[], T]) -> T:
        """Run something synchronous for one client."""
        return await asyncio.get_running_loop().run_in_executor(self._doors, _run, work)

    def attach(self, *, tenant: ResolvedTenant, client: Client, page: Page) -> Channel | None:
        """Have a client told what comes after its page; None if it has to read another one first."""
        if self.is_stopping:
            client.end(frames.STOPPING)
        channel = self.channels.get(tenant.id)
        if channel is None:
            channel = self.channels[tenant.id] = Channel(tenant=tenant, seen=page.last)
            task = asyncio.get_running_loop().create_task(self._keep_telling(channel))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return channel if channel.attach(client) else None

    def wake(self, *, tenant_id: UUID, position: int) -> None:
        """Have a tenant's stream read now, if somebody here has not heard all of it."""
        channel = self.channels.get(tenant_id)
        if channel is not None and position > channel.seen:
            channel.woken.set()

    def wake_all(self) -> None:
        """Have every tenant's stream read now."""
        for channel in self.channels.values():
            channel.woken.set()

    def stop(self) -> None:
        """End every stream, and open no more."""
        self.is_stopping = True
        for channel in self.channels.values():
            channel.end_all(frames.STOPPING)

    def close(self) -> None:
        """Let the threads go."""
        for task in self._tasks:
            task.cancel()
        self._doors.shutdown(wait=False, cancel_futures=True)
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def _keep_telling(self, channel: Channel) -> None:
        checked_at = monotonic()
        while channel.clients:
            is_due = monotonic() - checked_at >= settings.STREAM_RECHECK_SECONDS
            channel.woken.clear()
            try:
                is_behind = await self._read_on(channel, ask=is_due)
            except Exception:
                logger.warning("the stream of %s is not read", channel.tenant.slug, exc_info=True)
                is_behind = False
                await asyncio.sleep(settings.STREAM_POLL_SECONDS)
            else:
                checked_at = monotonic() if is_due else checked_at
            if not is_behind:
                await _woken(channel)
        # Nothing has been awaited since the last client was looked for: nobody can have come.
        del self.channels[channel.tenant.id]

    async def _read_on(self, channel: Channel, *, ask: bool) -> bool:
        """Read and tell what is new; return whether there may be more."""
        # Those who come in while this is read know better how they stand.
        asked = tuple(channel.clients) if ask else ()
        listeners = {client.listener for client in asked}
        found = await asyncio.get_running_loop().run_in_executor(
            self._readers,
            _run,
            lambda: reading.look(
                slug=channel.tenant.slug,
                tenant_id=channel.tenant.id,
                after=channel.seen,
                ask=listeners,
            ),
        )
        if found is None:
            channel.end_all(frames.closed("tenant-not-served"))
            return False
        channel.stand_anew(asked, found.standings)
        for client in asked:
            if client.listener in found.refused:
                client.end(frames.expired("account"))
        for event in found.events:
            channel.tell(event)
        return len(found.events) == reading.batch()


async def _woken(channel: Channel) -> None:
    try:
        async with asyncio.timeout(settings.STREAM_POLL_SECONDS):
            await channel.woken.wait()
    except TimeoutError:
        pass


def _run(work: Callable[[], T]) -> T:
    # As at the two ends of a request: a connection that broke or grew old is not used again.
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()
