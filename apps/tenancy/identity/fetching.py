"""Fetching an issuer's documents: from where the public internet is, in bounded time and size.

Admins of tenants choose these URLs, so a URL must not lead to what only this machine can reach.
"""

import http.client
import json
import socket
import ssl
import time
import urllib.request
from typing import Any

from django.conf import settings

from apps.tenancy import outbound
from apps.tenancy.outbound import Reach

MAX_BYTES = 512 * 1024
MAX_URL_LENGTH = 500
_CHUNK = 16 * 1024


class Unfetchable(Exception):
    """The document could not be had; the message says why, for the log and the tenant's admins."""


def fault_of_url(url: str) -> str | None:
    """Return what is wrong with a URL of an issuer or of its keys, or None."""
    return outbound.fault_of_url(
        url,
        reach=_reach(),
        may_be_http=settings.ALLOW_INSECURE_ISSUERS,
        may_have_query=False,
        max_length=MAX_URL_LENGTH,
    )


def fetch_json(url: str) -> Any:
    """Return the JSON document at a URL. Redirects are not followed, and no proxy is used.

    :raises Unfetchable: it can't be reached, is not there, too large, too slow, or no JSON.
    """
    fault = fault_of_url(url)
    if fault:
        raise Unfetchable(fault)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), _NoRedirects, _HTTPHandler, _HTTPSHandler
    )
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    deadline = time.monotonic() + settings.ISSUER_TIMEOUT_SECONDS
    try:
        with opener.open(request, timeout=settings.ISSUER_TIMEOUT_SECONDS) as response:
            return json.loads(_read(response, deadline=deadline))
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise Unfetchable(f"{url}: {error}") from error


def _read(response: Any, *, deadline: float) -> bytes:
    body = b""
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("too slow")
    return body


def _reach() -> Reach:
    if settings.ALLOW_INSECURE_ISSUERS:
        return Reach.ANYWHERE
    return Reach.PRIVATE if settings.ALLOW_PRIVATE_ISSUERS else Reach.PUBLIC


def _connect(address: tuple[str, int], timeout: float, source_address: Any = None) -> socket.socket:
    return outbound.connect(address, timeout, source_address, reach=_reach())


class _HTTPConnection(http.client.HTTPConnection):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._create_connection = _connect


class _HTTPSConnection(http.client.HTTPSConnection):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._create_connection = _connect


class _HTTPHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HTTPConnection, req)


class _HTTPSHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HTTPSConnection, req, context=ssl.create_default_context())


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None
