"""The log as a file: page by page, each in a unit of work of its own, and never all at once."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.audit import queries
from apps.kernel import spreadsheets
from apps.kernel.api.renderers import to_json
from apps.tenancy import binding

PAGE = 1_000
MEDIA_TYPES = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}

Row = dict[str, Any]


def pages(
    *,
    tenant: binding.Placed,
    alias: str,
    rows: QuerySet[Any],
    ends_at: datetime,
    replica: bool = False,
) -> Iterator[list[Row]]:
    """Yield the entries, oldest first, PAGE at a time; each page is read in a block that ends before it.

    :param rows: the tenant's entries; evaluated on the alias that the block reads from.
    :param ends_at: what begins from here on is left out, so that an export of a busy log ends.
    """
    rows = rows.filter(occurred_at__lt=ends_at).order_by("occurred_at", "id")
    position: tuple[datetime, UUID] | None = None
    while True:
        with queries.reading(tenant=tenant, alias=alias, replica=replica):
            beyond = rows if position is None else rows.filter(_after(*position))
            page = list(beyond.using(queries.readable(alias)).values(*queries.COLUMNS)[:PAGE])
        if page:
            yield page
        if len(page) < PAGE:
            return
        position = page[-1]["occurred_at"], page[-1]["id"]


def _after(occurred_at: datetime, entry_id: UUID) -> Q:
    # The first part is redundant: by it, an index starts at the right place.
    return Q(occurred_at__gte=occurred_at) & (
        Q(occurred_at__gt=occurred_at) | Q(occurred_at=occurred_at, id__gt=entry_id)
    )


def written(found: Iterable[list[Row]], *, as_: str) -> Iterator[bytes]:
    """Yield the file's bytes, a chunk for each page.

    :param as_: jsonl or csv. A CSV begins with the names of the columns, also without a row.
    """
    if as_ == "csv":
        yield _csv([queries.COLUMNS])
    for page in found:
        if as_ == "csv":
            yield _csv([_cell(row[name]) for name in queries.COLUMNS] for row in page)
        else:
            yield b"".join(to_json(row) + b"\n" for row in page)


def _csv(lines: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """Return a cell that reads as what it is; one that would be run is led by an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return to_json(value).decode()
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return spreadsheets.inert(text)
