"""Conditional requests: ETag, If-None-Match and If-Match (RFC 9110, section 13)."""

from hashlib import blake2b

from django.utils.http import parse_etags, quote_etag
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel.errors import PreconditionFailed


def etag_of(body: bytes) -> str:
    """Return the strong entity tag of a rendered reply."""
    return quote_etag(blake2b(body, digest_size=12).hexdigest())


def add_etag(request: Request, response: Response) -> None:
    """Tag a rendered 200 reply to GET or HEAD; empty it as 304 if the caller has it already."""
    if request.method not in {"GET", "HEAD"} or response.status_code != 200:
        return
    etag = etag_of(response.content)
    response["ETag"] = etag
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if known and ("*" in known or etag in {tag.removeprefix("W/") for tag in known}):
        response.status_code = 304
        response.content = b""
        del response["Content-Type"]


def check_match(request: Request, current: bytes) -> None:
    """Refuse to change what the caller has not seen.

    :param current: the rendered reply that a GET would give now.
    :raises PreconditionFailed: If-Match does not name it, or names nothing that is a tag.
    """
    wanted = parse_etags(request.headers.get("If-Match", ""))
    if "*" not in wanted and etag_of(current) not in wanted:
        raise PreconditionFailed(
            "It has changed since you read it. Read it again, then repeat your change on that."
        )
