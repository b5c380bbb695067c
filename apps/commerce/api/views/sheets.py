"""Views that answer as JSON, or as a spreadsheet to whoever asks for CSV."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import StreamingHttpResponse
from rest_framework.response import Response

from apps.commerce import queries
from apps.commerce.api.views.base import CommerceView
from apps.kernel.api.pagination import CURSOR_PARAM, decode_cursor, encode_cursor
from apps.kernel.api.renderers import JSONRenderer, to_json
from apps.kernel.api.shaping import StrictSerializer
from apps.tenancy import reads
from apps.tenancy.api.requests import TenantRequest


class CSV(JSONRenderer):
    """Lets callers ask for CSV; what is refused is JSON all the same."""

    media_type = "text/csv"
    format = "csv"


class SheetView(CommerceView):
    """A view with one handler, `retrieve`, for JSON, and `sheet` for CSV.

    CSV is asked for by `Accept: text/csv`, or by an address that ends in `.csv`. It is sent outside of
    any block: what it is read by binds itself.
    """

    renderer_classes = [*CommerceView.renderer_classes, CSV]
    query_serializer: ClassVar[type[StrictSerializer]]
    as_csv = False
    pagination_class = None

    @property
    def wants_csv(self) -> bool:
        """Whether the caller asks for CSV."""
        request: Any = self.request
        return self.as_csv or request.accepted_renderer.format == CSV.format

    def perform(self, request: TenantRequest, handler: Callable[..., Any]) -> Any:
        """Answer as any other view, or with a file."""
        if not self.wants_csv:
            return super().perform(request, handler)
        response = self.sheet(request, **self.kwargs)
        reads.write_noted(request, response, tenant=request.tenant)
        return self.finalize_response(request, response, *self.args, **self.kwargs)

    def sheet(self, request: TenantRequest, **named: Any) -> Any:
        """Answer with a file."""
        raise NotImplementedError

    def asked(self, request: TenantRequest) -> dict[str, Any]:
        """Return the parameters of the request, validated.

        :raises ValidationError: one is unknown, or has a value of the wrong kind.
        """
        query = self.query_serializer(
            data=request.query_params.dict(), context={"now": self.now, "request": request}
        )
        query.is_valid(raise_exception=True)
        return dict(query.validated_data)

    def file(self, chunks: Iterable[bytes], *, name: str) -> StreamingHttpResponse:
        """Return a file to be saved. Its first part is made now, so that what fails is a problem yet."""
        parts = iter(chunks)
        first = next(parts, b"")
        return StreamingHttpResponse(
            chain([first], parts),
            content_type=queries.sheets.MEDIA_TYPE,
            headers={
                "Content-Disposition": f'attachment; filename="{name}.csv"',
                "Cache-Control": "no-store",
            },
        )

    # Pages ----------------------------------------------------------------------------------------

    def position(
        self, request: TenantRequest, cursor: str | None, *, of: Sequence[Any]
    ) -> tuple[bool, list[Any] | None]:
        """Return which way to go, and from which position; from the beginning without a cursor.

        :param of: what is listed, besides the address: a cursor of something else is refused.
        """
        if cursor is None:
            return False, None
        return decode_cursor(cursor=cursor, scope=self._scope(request, of))

    def page(
        self,
        request: TenantRequest,
        *,
        of: Sequence[Any],
        ends: Sequence[Sequence[Any]],
        has_more: bool,
        backwards: bool,
        is_first: bool,
        **pinned: datetime,
    ) -> dict[str, str | None]:
        """Return `next` and `previous`.

        :param ends: the positions of the first and the last row; none where there are no rows.
        :param pinned: parameters whose default would be another at the next page.
        """
        has_next = bool(ends) and (backwards or has_more)
        has_previous = bool(ends) and (has_more if backwards else not is_first)
        return {
            "next": self._link(request, of, ends[-1], False, pinned) if has_next else None,
            "previous": self._link(request, of, ends[0], True, pinned) if has_previous else None,
        }

    def _link(
        self,
        request: TenantRequest,
        of: Sequence[Any],
        position: Sequence[Any],
        backwards: bool,
        pinned: dict[str, datetime],
    ) -> str:
        cursor = encode_cursor(values=position, backwards=backwards, scope=self._scope(request, of))
        given = request.query_params.dict()
        moments = {name: value.isoformat() for name, value in pinned.items()}
        query = urlencode({**given, **moments, CURSOR_PARAM: cursor})
        return str(request.build_absolute_uri(f"{request.path}?{query}"))

    def _scope(self, request: TenantRequest, of: Sequence[Any]) -> str:
        return f"{request.tenant.id}{request.path}{to_json(list(of)).decode()}"

    def with_decimals(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return rows with the decimals of the currency of each. One query at most."""
        found = queries.currencies.decimals(codes={row["currency"] for row in rows})
        return [{**row, "decimals": found.get(row["currency"], 0)} for row in rows]

    def reply(self, **members: Any) -> Response:
        """Answer with members in this order."""
        return Response(members)
