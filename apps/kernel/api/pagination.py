"""Cursor pagination by keyset: a total order, no OFFSET, no counting.

A cursor is signed together with the ordering it belongs to, so one that was tampered with, or taken
to another ordering or tenant, is refused by name instead of answering with odd rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from django.conf import settings
from django.core import signing
from django.db.models import Q, QuerySet
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel.api.renderers import JSON_OPTIONS
from apps.kernel.errors import Invalid

CURSOR_PARAM = "cursor"
SIZE_PARAM = "page_size"
_SEPARATOR = ":"
PAGE_SIZE = 50
MAX_SIZE_DIGITS = 9


def encode_cursor(*, values: Sequence[Any], backwards: bool, scope: str) -> str:
    """Return a signed cursor that stands after (or, backwards, before) a row's ordering values."""

    body = orjson.dumps([backwards, *values], option=JSON_OPTIONS)
    payload = signing.b64_encode(body).decode()
    return signing.Signer(salt=f"cursor{scope}", sep=_SEPARATOR).sign(payload)


def decode_cursor(*, cursor: str, scope: str) -> tuple[bool, list[Any]]:
    """Return (backwards, ordering values).

    :raises Invalid: the cursor was not made by this server for this listing.
    """

    try:
        payload = signing.Signer(salt=f"cursor{scope}", sep=_SEPARATOR).unsign(cursor)
        backwards, *values = orjson.loads(signing.b64_decode(payload.encode()))
    except (signing.BadSignature, ValueError) as error:
        raise Invalid(
            fields={
                CURSOR_PARAM: [
                    "This is not a cursor of this listing. Take it whole from `next` or `previous`, "
                    "and keep the same ordering."
                ]
            }
        ) from error
    return bool(backwards), values


class KeysetPagination(BasePagination):
    """Pages of `page_size` rows: `{"next": …, "previous": …, "results": […]}`."""

    page_size = PAGE_SIZE
    max_page_size = settings.PAGE_SIZE_LIMIT

    def page_of_values(
        self,
        *,
        request: Request,
        queryset: QuerySet,
        ordering: Sequence[str],
        columns: Sequence[str],
    ) -> list[dict[str, Any]]:
        """Return one page of rows as dicts, and remember the cursors around it.

        :param ordering: field names with an optional "-", ending in a unique one; none is nullable.
        """
        self.request = request
        self.ordering = list(ordering)
        self.names = [name.lstrip("-") for name in ordering]
        tenant = getattr(request, "tenant", None)
        self.scope = f"{tenant.id if tenant else ''}{request.path}{','.join(ordering)}"
        size = self._size(request)
        backwards, values = False, None
        if cursor := request.query_params.get(CURSOR_PARAM):
            backwards, values = decode_cursor(cursor=cursor, scope=self.scope)
        direction = [_flip(name) for name in ordering] if backwards else ordering
        if values is not None:
            queryset = queryset.filter(_beyond(direction, values))
        extra = [name for name in self.names if name not in columns]
        rows = list(queryset.order_by(*direction).values(*columns, *extra)[: size + 1])
        more = len(rows) > size
        rows = rows[:size]
        if backwards:
            rows.reverse()
        positions = [[row[name] for name in self.names] for row in rows]
        for row in rows:
            for name in extra:
                del row[name]
        has_next = more if not backwards else bool(rows)
        has_previous = more if backwards else values is not None and bool(rows)
        self.next = self._link(positions[-1], backwards=False) if has_next and rows else None
        self.previous = self._link(positions[0], backwards=True) if has_previous and rows else None
        return rows

    def _size(self, request: Request) -> int:
        given = request.query_params.get(SIZE_PARAM)
        if given is None:
            return PAGE_SIZE
        # A length first: Python refuses to read a number of thousands of digits.
        if (
            len(given) > MAX_SIZE_DIGITS
            or not given.isascii()
            or not given.isdigit()
            or not 1 <= int(given) <= self.max_page_size
        ):
            raise Invalid(
                fields={SIZE_PARAM: [f"Give a whole number from 1 to {self.max_page_size}."]}
            )
        return int(given)

    def _link(self, position: Sequence[Any], *, backwards: bool) -> str:
        cursor = encode_cursor(values=position, backwards=backwards, scope=self.scope)
        pairs = [
            (name, value)
            for name, values in self.request.query_params.lists()
            if name != CURSOR_PARAM
            for value in values
        ]
        query = urlencode([*pairs, (CURSOR_PARAM, cursor)])
        return self.request.build_absolute_uri(f"{self.request.path}?{query}")

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page with its cursors."""
        return Response({"next": self.next, "previous": self.previous, "results": data})

    def get_paginated_response_schema(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return the OpenAPI schema of a page."""
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {**link, "description": "The page after this one."},
                "previous": {**link, "description": "The page before this one."},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the OpenAPI parameters of a paginated listing."""
        return [
            {
                "name": CURSOR_PARAM,
                "in": "query",
                "required": False,
                "description": "Where to go on: the cursor inside `next` or `previous`.",
                "schema": {"type": "string"},
            },
            {
                "name": SIZE_PARAM,
                "in": "query",
                "required": False,
                "description": "Rows on a page.",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": self.max_page_size,
                    "default": self.page_size,
                },
            },
        ]


def _flip(name: str) -> str:
    return name[1:] if name.startswith("-") else f"-{name}"


def _beyond(ordering: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows that come after `values` in `ordering`: (a > x) or (a = x and b > y) or …"""
    condition = Q()
    equal = Q()
    for name, value in zip(ordering, values, strict=True):
        field = name.lstrip("-")
        lookup = "lt" if name.startswith("-") else "gt"
        condition |= equal & Q(**{f"{field}__{lookup}": value})
        equal &= Q(**{field: value})
    # Redundant, but it lets an index on the first column start at the right place.
    first = ordering[0].lstrip("-")
    bound = "lte" if ordering[0].startswith("-") else "gte"
    return Q(**{f"{first}__{bound}": values[0]}) & condition
