"""What a message may hold, by its type."""

import re
from typing import Any

import orjson

from apps.kernel.errors import Invalid
from apps.platform.models import ContentType
from apps.platform.models.tag import HTTPS_PATTERN

ADDRESS_LENGTH = 2_000
MAX_DEPTH = 10


def check(*, content: str, content_type: str) -> None:
    """Refuse a content that is not what its type says.

    :raises Invalid: an image or a video is no https address, or a rich text is no JSON document.
    """
    fault = ""
    if content_type in {ContentType.IMAGE, ContentType.VIDEO}:
        if len(content) > ADDRESS_LENGTH or not re.fullmatch(HTTPS_PATTERN, content):
            fault = (
                f"Give the address of the {content_type.lower()}, which begins with https:// and "
                f"has at most {ADDRESS_LENGTH} characters."
            )
    elif content_type == ContentType.RICH:
        fault = _fault_of_document(content)
    if fault:
        raise Invalid(fields={"message_content": [fault]})


def _fault_of_document(content: str) -> str:
    try:
        document = orjson.loads(content)
    except ValueError:
        return "Give a rich text as a JSON document."
    if not isinstance(document, dict | list):
        return "Give a rich text as a JSON object or array."
    if _depth(document, limit=MAX_DEPTH) > MAX_DEPTH:
        return f"Nest at most {MAX_DEPTH} levels."
    return ""


def _depth(value: Any, *, limit: int) -> int:
    """Return how deep a document is nested; what is deeper than the limit is not gone into."""
    if not isinstance(value, dict | list) or limit < 0:
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max((_depth(item, limit=limit - 1) for item in inner), default=0)
