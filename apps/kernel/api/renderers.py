"""JSON by orjson, in and out: UUIDs and timestamps are written natively, in UTC with a Z."""

import sys
from collections.abc import Mapping
from typing import Any

import orjson
from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from apps.kernel.errors import BodyTooLarge

JSON_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
INTEGER_BITS = 63


def _unknown(value: Any) -> Any:
    # Lazy translations and the like have a text; anything else is a mistake worth hearing of.
    if hasattr(value, "__str__") and type(value).__module__.startswith("django.utils.functional"):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def to_json(value: Any) -> bytes:
    """Return `value` as compact JSON.

    :raises TypeError: it holds something JSON has no word for.
    """
    try:
        return orjson.dumps(value, default=_unknown, option=JSON_OPTIONS)
    except orjson.JSONEncodeError:
        return orjson.dumps(_narrowed(value), default=_unknown, option=JSON_OPTIONS)


def _narrowed(value: Any) -> Any:
    """Return `value` with integers beyond 64 bits, which PostgreSQL keeps in jsonb, as floats."""
    if isinstance(value, int) and value.bit_length() > INTEGER_BITS:
        return float(value) if value.bit_length() < sys.float_info.max_exp else str(value)
    if isinstance(value, dict):
        return {key: _narrowed(item) for key, item in value.items()}
    return [_narrowed(item) for item in value] if isinstance(value, list) else value


class JSONRenderer(BaseRenderer):
    """Renders `application/json`."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        """Return the body; the empty body where there is no data."""
        return b"" if data is None else to_json(data)


class ProblemRenderer(JSONRenderer):
    """Renders `application/problem+json` (RFC 9457)."""

    media_type = "application/problem+json"
    format = "problem"


class JSONParser(BaseParser):
    """Reads `application/json`, to the limit of MAX_BODY_BYTES."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the parsed body.

        :raises BodyTooLarge: over the limit, whether or not Content-Length admits it.
        :raises ParseError: it is not JSON; the message names line and column.
        """
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise BodyTooLarge(limit)
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not JSON: {error}.") from error
