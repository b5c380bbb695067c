"""The ASGI application: lets people in through the API's middleware, then writes to them."""

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.module_loading import import_string

from apps.kernel.api.problems import InternalError, problem_response, to_problem
from apps.platform.stream import frames, reading
from apps.platform.stream.admission import MEDIA_TYPE, Admission, Places, admit
from apps.platform.stream.clients import Client
from apps.platform.stream.hub import Channel, Hub
from apps.platform.stream.listening import listen
from apps.platform.stream.problems import StreamsFull
from apps.platform.stream.reading import Page
from apps.tenancy.middleware import HEADER as TENANT_HEADER

logger = logging.getLogger(__name__)

# How long the end of the process waits for the connection to Valkey to be given up.
LISTENING_SECONDS = 2.0
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# What stands around the API and has a meaning here; the tenant is found where a ticket may name it.
MIDDLEWARE = (
    "apps.kernel.api.middleware.RequestIdMiddleware",
    "apps.kernel.api.middleware.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "apps.tenancy.middleware.OriginMiddleware",
)
# A reader that takes nothing for so long, in seconds, is gone.
SEND_SECONDS = 30.0


class StreamResponse(HttpResponse):
    """The head of a stream: its body is written for as long as the listener stays."""

    def __init__(self, admission: Admission) -> None:
        super().__init__(content_type=MEDIA_TYPE)
        self.admission = admission
        self["Cache-Control"] = "no-store"
        # nginx holds back what it proxies unless it is told not to.
        self["X-Accel-Buffering"] = "no"


class StreamApplication:
    """One process of the live stream."""

    def __init__(self) -> None:
        self._places = Places()
        self._hub: Hub | None = None
        answer: Callable[[HttpRequest], HttpResponse] = self._answer
        for name in reversed(MIDDLEWARE):
            answer = import_string(name)(answer)
        self._chain = answer

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one connection, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        hub = self._hub = Hub()
        listening = asyncio.create_task(listen(hub))
        self._stop_on_signal(hub)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        hub.stop()
        listening.cancel()
        await asyncio.wait({listening}, timeout=LISTENING_SECONDS)
        hub.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _stop_on_signal(self, hub: Hub) -> None:
        """Have streams end when the server is told to stop: it waits for them before it says so here."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            # The server's own handler hangs on the loop's wake-up descriptor, and is called as well.
            signal.signal(name, lambda *_: loop.call_soon_threadsafe(hub.stop))

    async def _serve(self, scope: Message, receive: Receive, send: Send) -> None:
        assert self._hub is not None, "the application was not started"
        response = await self._hub.at_the_door(lambda: self._chain(_request_of(scope)))
        if not isinstance(response, StreamResponse):
            await _send_head(send, response)
            await send({"type": "http.response.body", "body": response.content})
            return
        try:
            await _Stream(self._hub, response.admission, send).run(response, receive)
        finally:
            self._places.leave(response.admission)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        """Let somebody in, or say why not. Runs in a thread."""
        try:
            if self._hub is None or self._hub.is_stopping:
                raise StreamsFull
            admission = admit(request)
            self._places.take(admission)
            response: HttpResponse = StreamResponse(admission)
        except Exception as error:
            problem = to_problem(error)
            if isinstance(problem, InternalError):
                logger.exception("unhandled error at the door of the stream")
            response = problem_response(request, problem)
            if problem.status == 405:
                response["Allow"] = "GET, OPTIONS"
        patch_vary_headers(response, [TENANT_HEADER, "Authorization"])
        return response


class _Stream:
    """What is done for one listener, from the first byte to the last."""

    def __init__(self, hub: Hub, admission: Admission, send: Send) -> None:
        self._hub = hub
        self._admission = admission
        self._send = send
        self._client = Client(listener=admission.listener, expires_at=admission.expires_at)

    async def run(self, response: HttpResponse, receive: Receive) -> None:
        """Write until the listener goes, or is sent away."""
        watching = asyncio.create_task(self._watch(receive))
        channel = None
        try:
            await _send_head(self._send, response)
            await self._write(frames.RETRY)
            channel = await self._come_in()
            await self._keep_writing()
            await self._send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            # It takes nothing. The connection is left as it is, and the server closes it.
            pass
        except Exception:
            logger.warning("a stream is broken off", exc_info=True)
        finally:
            watching.cancel()
            if channel is not None:
                channel.detach(self._client)

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._client.end(frames.GONE)

    async def _come_in(self) -> Channel | None:
        """Write what was missed, and take part in what is told from then on."""
        after = self._admission.after
        while self._client.last_words is None:
            page = await self._page(after)
            await self._write(self._missed(page, after))
            self._client.after = after = page.upto
            self._client.standing = page.standing
            if page.upto < page.last:
                continue
            channel = self._hub.attach(
                tenant=self._admission.tenant, client=self._client, page=page
            )
            if channel is not None:
                return channel
        return None

    async def _page(self, after: int | None) -> Page:
        admission = self._admission
        return await self._hub.at_the_door(
            lambda: reading.page_for(
                tenant=admission.tenant, person_id=admission.listener.person_id, after=after
            )
        )

    def _missed(self, page: Page, after: int | None) -> bytes:
        if after is None:
            return frames.ready(page.last)
        if not page.is_kept:
            is_old = 0 <= after < page.last
            return frames.reset(page.last, reason="too-old" if is_old else "unknown-position")
        return b"".join(event.frame for event in page.events)

    async def _keep_writing(self) -> None:
        client = self._client
        while True:
            left = client.expires_at - time.time()
            if left <= 0:
                client.end(frames.expired("token"))
            if written := client.take():
                await self._write(written)
            elif client.last_words is not None:
                await self._write(client.last_words)
                return
            elif not await client.wait(min(left, settings.STREAM_HEARTBEAT_SECONDS)):
                await self._write(frames.HEARTBEAT)

    async def _write(self, written: bytes) -> None:
        """Hand bytes to the server, which holds us until the reader has taken enough of them.

        :raises TimeoutError: the reader takes nothing.
        """
        if written:
            async with asyncio.timeout(SEND_SECONDS):
                await self._send({"type": "http.response.body", "body": written, "more_body": True})


def _request_of(scope: Message) -> HttpRequest:
    return ASGIRequest(dict(scope), BytesIO())


async def _send_head(send: Send, response: HttpResponse) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in response.items()
    ]
    start = {"type": "http.response.start", "status": response.status_code, "headers": headers}
    await send(start)
