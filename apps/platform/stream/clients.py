"""One open stream: what waits to be written to it, and how it ends."""

import asyncio
from collections import deque

from django.conf import settings

from apps.platform.stream import frames
from apps.platform.stream.reading import JOINED, LEFT, Event, Listener, Standing

# What is handed to the server at once, in bytes; a single event may be larger.
CHUNK = 65_536


class Client:
    """A stream as the hub sees it. Frames are shared by all who wait for them."""

    __slots__ = (
        "_ended_with",
        "_waiting",
        "_woken",
        "after",
        "expires_at",
        "listener",
        "standing",
    )

    def __init__(self, *, listener: Listener, expires_at: float) -> None:
        self.listener = listener
        self.expires_at = expires_at
        self.after = 0
        self.standing = Standing()
        self._waiting: deque[bytes] = deque()
        self._woken = asyncio.Event()
        self._ended_with: bytes | None = None

    def offer(self, event: Event) -> None:
        """Queue an event that is new and for this listener; a reader who is too slow is sent away."""
        if event.position <= self.after or self._ended_with is not None:
            return
        if not self.standing.sees(event):
            return
        if len(self._waiting) >= settings.STREAM_QUEUE:
            self.end(frames.TOO_SLOW)
            return
        self.keep(event.frame)

    def catch_up(self, event: Event) -> None:
        """Queue an event of before it was listening, however many there are."""
        if event.kind in JOINED:
            self.standing.follow(event)
        if self.standing.sees(event):
            self.keep(event.frame)
        if event.kind in LEFT:
            self.standing.follow(event)

    def keep(self, frame: bytes) -> None:
        """Queue a frame."""
        self._waiting.append(frame)
        self._woken.set()

    def end(self, frame: bytes) -> None:
        """End the stream with a frame; what still waits is told when the client comes back."""
        if self._ended_with is None:
            self._ended_with = frame
            self._waiting.clear()
            self._woken.set()

    @property
    def last_words(self) -> bytes | None:
        """What the stream ends with; None while it goes on."""
        return self._ended_with

    def take(self) -> bytes:
        """Return what waits, as much of it as is written at once; empty if nothing does."""
        taken: list[bytes] = []
        size = 0
        while self._waiting and size < CHUNK:
            taken.append(self._waiting.popleft())
            size += len(taken[-1])
        if not self._waiting and self._ended_with is None:
            self._woken.clear()
        return b"".join(taken)

    async def wait(self, seconds: float) -> bool:
        """Wait until there is something to do; return False if there was nothing for so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True
