"""Where this machine may connect to on behalf of a tenant.

Admins of tenants choose URLs: of issuers, of webhooks. None must lead to what only this machine can
reach. A URL is looked at when it is named, and again when it is used: its name is then looked up
once, every address it leads to is judged, and the connection goes to one of those.
"""

import ipaddress
import socket
from collections.abc import Sequence
from enum import IntEnum
from typing import Any
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Never a tenant's, whatever is allowed: the metadata and control addresses of clouds among what
# Python takes to be public, and networks that only stand for others.
_NEVER: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network] = [
    ipaddress.ip_network("192.0.0.0/24"),
    ipaddress.ip_network("192.88.99.0/24"),
    ipaddress.ip_network("168.63.129.16/32"),
    ipaddress.ip_network("100.64.0.0/10"),
    ipaddress.ip_network("2001::/32"),
]
# Of a name's addresses so many are tried: each has its time, and a name can lead to hundreds.
_TRIED = 3
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LAST_32_BITS = 0xFFFF_FFFF


class Reach(IntEnum):
    """How far a connection may go; each with everything the ones before it may do."""

    PUBLIC = 1
    """The public internet alone."""
    PRIVATE = 2
    """And private networks, but not this machine."""
    MACHINE = 3
    """And this machine; link-local addresses, where clouds keep metadata, still not."""
    ANYWHERE = 4


class OutOfReach(OSError):
    """A name leads nowhere, or to where the connection may not go: the two read the same.

    Otherwise a tenant could learn which names there are inside.
    """

    def __init__(self) -> None:
        super().__init__("the name leads to no address that is public")


def may_connect(address: Address, *, reach: Reach) -> bool:
    """Return whether an address is within reach. One that holds another is judged by that."""
    address = _innermost(address)
    if reach == Reach.ANYWHERE:
        return True
    if (
        address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or any(address in network for network in _NEVER)
    ):
        return False
    if address.is_loopback:
        return reach >= Reach.MACHINE
    # IPv6's site-local addresses are old private ones, which Python takes to be global.
    if address.is_private or getattr(address, "is_site_local", False):
        return reach >= Reach.PRIVATE
    return address.is_global and not address.is_reserved


def may_name(host: str, *, reach: Reach) -> bool:
    """Return whether a URL may name a host; where a name leads is seen when it is looked up."""
    host = host.rstrip(".").lower()
    if reach < Reach.MACHINE and (host == "localhost" or host.endswith(".localhost")):
        return False
    try:
        return may_connect(ipaddress.ip_address(host.partition("%")[0]), reach=reach)
    except ValueError:
        pass
    # What ends in a number is an IPv4 address to every resolver: 127.1, 0x7f000001, 2130706433.
    last = host.rpartition(".")[2]
    if not (last.isdigit() or last.startswith("0x")):
        return True
    try:
        return may_connect(ipaddress.IPv4Address(socket.inet_aton(host)), reach=reach)
    except OSError:
        return False


def fault_of_url(
    url: str, *, reach: Reach, may_be_http: bool, may_have_query: bool, max_length: int
) -> str | None:
    """Return what is wrong with a URL, as a sentence; None if nothing is."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "This is not a URL."
    faults = {
        "This is not an https URL.": parts.scheme not in {"https", "http"} or not host,
        "It is too long.": len(url) > max_length,
        "It must begin with https://.": parts.scheme == "http" and not may_be_http,
        "It can't carry a user or a fragment.": "@" in parts.netloc or "#" in url,
        "It can't carry a query.": "?" in url and not may_have_query,
        "It can only hold printable ASCII characters.": not url.isascii()
        or not url.isprintable()
        or " " in url,
        "It leads to an address that is not public.": not may_name(host or "", reach=reach),
    }
    return next((fault for fault, is_so in faults.items() if is_so), None)


def addresses_of(host: str, port: int, *, reach: Reach) -> list[str]:
    """Look a name up, once; return the addresses it leads to.

    :raises OutOfReach: it leads nowhere, or one of the addresses is out of reach.
    """
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutOfReach from None
    found = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
    for name in found:
        if not may_connect(ipaddress.ip_address(name.partition("%")[0]), reach=reach):
            raise OutOfReach
    return found


def connect(
    address: tuple[str, int], timeout: float, source_address: Any = None, *, reach: Reach
) -> socket.socket:
    """Connect to a host: to an address that was judged, so that no second look-up can differ.

    :param timeout: seconds for each of the few addresses that are tried.

    :raises OutOfReach: as for `addresses_of`.
    :raises OSError: none of the addresses answers.
    """
    host, port = address
    failure: OSError = OutOfReach()
    for name in addresses_of(host, port, reach=reach)[:_TRIED]:
        try:
            return socket.create_connection((name, port), timeout, source_address)
        except OSError as error:
            failure = error
    raise failure


def _innermost(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _LAST_32_BITS)
    return address.ipv4_mapped or address.sixtofour or address
