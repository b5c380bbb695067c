"""Sending a body to a tenant's server: to where the public internet is, in bounded time and size."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from django.conf import settings

from apps.tenancy import outbound
from apps.tenancy.outbound import OutOfReach, Reach

MAX_URL_LENGTH = 2_000
CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 10.0
# As much of an answer is read, and as much of that is kept.
MAX_ANSWER_BYTES = 4 * 1024
EXCERPT_LENGTH = 1_000
# Ports below are those of other services: a POST to one may mean something there.
_FIRST_FREE_PORT = 1_024
_WEB_PORTS = {80, 443}

LEADS_INSIDE = "Its name leads to no public address."


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status and the beginning of the body, or why nothing did."""

    status: int | None = None
    excerpt: str = ""
    error: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the server took it."""
        return self.status is not None and 200 <= self.status < 300


def fault_of_url(url: str) -> str | None:
    """Return what is wrong with an address to send to, as it is written; None if nothing is."""
    fault = outbound.fault_of_url(
        url,
        reach=_reach(),
        may_be_http=settings.WEBHOOKS_ALLOW_HTTP,
        may_have_query=True,
        max_length=MAX_URL_LENGTH,
    )
    if fault:
        return fault
    port = urlsplit(url).port
    if port is not None and port < _FIRST_FREE_PORT and port not in _WEB_PORTS:
        return "Its port must be 80, 443, or 1024 and above."
    return None


def fault_of_place(url: str) -> str | None:
    """Look an address's name up, and return what is wrong with where it leads; None if nothing is.

    It may take as long as the resolver does: don't call it in a unit of work.
    """
    host, port = _place(url)
    try:
        outbound.addresses_of(host, port, reach=_reach())
    except OutOfReach:
        return LEADS_INSIDE
    return None


def post(*, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send a body, and return what came of it; whatever goes wrong is in the answer.

    The name is looked up once, and the connection goes to an address that was found to be public.
    Redirects are not followed, and no proxy is used.
    """
    if fault := fault_of_url(url):
        return Answer(error=fault)
    deadline = time.monotonic() + TOTAL_SECONDS
    try:
        connection = _connect(url)
    except (OSError, ValueError) as error:
        return Answer(error=_said(error))
    # Each read has the time to itself: somebody who sends a byte now and then is cut off by this.
    cut = threading.Timer(max(deadline - time.monotonic(), 0), _cut_off, [connection])
    cut.daemon = True
    cut.start()
    try:
        return _exchange(connection, url=url, body=body, headers=headers, deadline=deadline)
    except (OSError, http.client.HTTPException, ValueError) as error:
        is_late = time.monotonic() >= deadline
        return Answer(error=_said(TimeoutError() if is_late else error))
    finally:
        cut.cancel()
        connection.close()


def _exchange(
    connection: http.client.HTTPConnection,
    *,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    deadline: float,
) -> Answer:
    if isinstance(connection.sock, ssl.SSLSocket):
        connection.sock.do_handshake()
    connection.sock.settimeout(TOTAL_SECONDS)
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("POST", target, body=body, headers=dict(headers))
    response = connection.getresponse()
    if time.monotonic() >= deadline:
        # Headers that were cut off read as if they had ended.
        raise TimeoutError
    content = b""
    # The status has been given: what is wrong with the rest changes nothing.
    with suppress(OSError, http.client.HTTPException, ValueError):
        content = response.read(MAX_ANSWER_BYTES)
    text = content.decode(errors="replace").replace("\x00", "")
    return Answer(status=response.status, excerpt=text[:EXCERPT_LENGTH])


def _connect(url: str) -> http.client.HTTPConnection:
    host, port = _place(url)
    raw = outbound.connect((host, port), CONNECT_SECONDS, reach=_reach())
    if urlsplit(url).scheme == "http":
        plain = http.client.HTTPConnection(host, port)
        plain.sock = raw
        return plain
    connection = http.client.HTTPSConnection(host, port, context=_tls())
    connection.sock = _tls().wrap_socket(raw, server_hostname=host, do_handshake_on_connect=False)
    return connection


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _reach() -> Reach:
    return Reach.MACHINE if settings.WEBHOOKS_ALLOW_PRIVATE else Reach.PUBLIC


def _cut_off(connection: http.client.HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        # Not SSLSocket's own, which would pull the TLS state from under the thread that reads.
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)


def _said(error: Exception) -> str:
    """Return what the tenant is told of a failure: a sentence of ours, nothing of the network's."""
    texts: dict[type[Exception] | tuple[type[Exception], ...], str] = {
        OutOfReach: LEADS_INSIDE,
        TimeoutError: "It did not answer in time.",
        ssl.SSLCertVerificationError: "Its certificate is not valid.",
        ssl.SSLError: "TLS with it failed.",
        ConnectionRefusedError: "It refused the connection.",
        http.client.HTTPException: "It did not answer as HTTP does.",
    }
    return next(
        (text for kind, text in texts.items() if isinstance(error, kind)), "It can't be reached."
    )
