"""Fetching an issuer's documents: from where the public internet is, in bounded time and size.

Admins of tenants choose these URLs, so a URL must not lead to what only this machine can reach.
"""

import http.client
import ipaddress
import json
import socket
import ssl
import time
import urllib.request
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

MAX_BYTES = 512 * 1024
MAX_URL_LENGTH = 500
_CHUNK = 16 * 1024


class Unfetchable(Exception):
    """The document could not be had; the message says why, for the log and the tenant's admins."""


def fault_of_url(url: str) -> str | None:
    """Return what is wrong with a URL of an issuer or of its keys, or None."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "This is not a URL."
    faults = {
        "This is not an https URL.": parts.scheme not in {"https", "http"} or not host,
        "It is too long.": len(url) > MAX_URL_LENGTH,
        "It must begin with https://.": parts.scheme == "http"
        and not settings.ALLOW_INSECURE_ISSUERS,
        "It can't carry a user, a query or a fragment.": any(
            (parts.username, parts.password, parts.query, parts.fragment)
        ),
        "It can only hold printable ASCII characters.": not url.isascii()
        or not url.isprintable()
        or " " in url,
        "It leads to an address that is not public.": not _may_name(host or ""),
    }
    return next((fault for fault, is_so in faults.items() if is_so), None)


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


def _may_name(host: str) -> bool:
    """Whether a URL may name a host; where a name leads is looked at when connecting."""
    try:
        return _may_connect(ipaddress.ip_address(host))
    except ValueError:
        return True


def _may_connect(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if settings.ALLOW_INSECURE_ISSUERS:
        return True
    if getattr(address, "ipv4_mapped", None):
        address = address.ipv4_mapped  # type: ignore[union-attr, assignment]
    if settings.ALLOW_PRIVATE_ISSUERS:
        return address.is_global or (
            address.is_private and not address.is_loopback and not address.is_link_local
        )
    return address.is_global and not address.is_multicast


def _connect(address: tuple[str, int], timeout: float, source_address: Any = None) -> socket.socket:
    """Connect to a host only where all that its name leads to is public; it is looked up once."""
    host, port = address
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for name in found:
        if not _may_connect(ipaddress.ip_address(name.partition("%")[0])):
            raise OSError("the host's address is not public")
    return socket.create_connection((found[0], port), timeout, source_address)


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
