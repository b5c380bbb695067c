"""Fields of bodies that DRF has no word for."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.kernel.api.renderers import to_json

MAX_BYTES = 16_384
MAX_DEPTH = 10


@extend_schema_field(OpenApiTypes.OBJECT)
class JSONObjectField(serializers.Field):
    """A JSON object of a client's own, up to MAX_BYTES and MAX_DEPTH, without the character NUL."""

    default_error_messages = {
        "type": "Give a JSON object.",
        "size": f"Give an object of at most {MAX_BYTES} bytes.",
        "depth": f"Nest at most {MAX_DEPTH} levels.",
        "nul": "A text can't hold the character NUL.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Return the object.

        :raises ValidationError: it is no object, too large, too deep, or holds NUL.
        """
        if not isinstance(data, dict):
            self.fail("type")
        for text, depth in _texts(data):
            if depth > MAX_DEPTH:
                self.fail("depth")
            if "\x00" in text:
                self.fail("nul")
        if len(to_json(data)) > MAX_BYTES:
            self.fail("size")
        return data

    def to_representation(self, value: Any) -> Any:
        """Return it as it is."""
        return value


def _texts(value: Any, depth: int = 0) -> Iterator[tuple[str, int]]:
    """Yield every text in a value with its depth; stops where it has gone too deep."""
    if isinstance(value, str):
        yield value, depth
    elif isinstance(value, dict | list):
        yield "", depth
        if depth > MAX_DEPTH:
            return
        for item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(item[0], depth)
            yield from _texts(item[1], depth + 1)
