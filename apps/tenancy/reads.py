"""Looks at personal data: who was shown what of whom, written into the log of where it lives.

A database logs what is written by trigger, but it can't see who reads. So whoever shows personal data
that is neither public nor the reader's own notes it on the request, and it is written here before the
reply leaves: what can't be logged is not shown.
"""

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseFault
from django.db import connections, transaction
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from apps.kernel.errors import Unavailable
from apps.tenancy import binding
from apps.tenancy.errors import UnknownContext
from apps.tenancy.models.audited import Audited
from config.databases import HOME_ALIASES

logger = logging.getLogger(__name__)

# However many kinds of rows were seen, and whatever of each, it is one query.
RECORD = (
    "SELECT record_reads(%s::uuid, seen.entity, seen.ids, seen.fields) "
    "FROM jsonb_to_recordset(%s::jsonb) AS seen (entity text, ids text[], fields text[])"
)
NOTED = "_noted_reads"

# What was seen of a database's rows: table -> key -> columns.
Notes = dict[str, dict[str, set[str]]]


class ReadNotRecorded(Unavailable):
    """Personal data was asked for, and that it was looked at can't be logged."""

    slug = "read-not-recorded"
    title = "This can't be shown right now."

    def __init__(self) -> None:
        super().__init__(
            "It is personal, and the log of who looks at it does not answer. Try again in a moment."
        )


def record_reads(
    *,
    tenant: binding.Placed,
    alias: str,
    entity_type: str,
    ids: Collection[str | UUID],
    fields: Sequence[str],
) -> None:
    """Log that the current origin was shown `fields` of some rows: one entry for each row.

    It is a unit of work of its own, so that what was only read need not be bound for writing. Inside a
    block that writes in `alias` it joins that block.

    :param alias: the context whose rows they are, or "default" for the control plane.
    :param entity_type: the table; `ids` are the keys of its rows, and no ids write nothing.
    :raises WritesElsewhere: inside a block that only reads, or writes in another context.
    :raises UnknownContext: `alias` names no database that keeps a log.
    """
    seen = {str(key): set(fields) for key in ids}
    _record(tenant, alias, {entity_type: seen})


def note_read(
    request: HttpRequest | Request,
    *,
    alias: str,
    entity_type: str,
    id: str | UUID,
    fields: Iterable[str],
) -> None:
    """Note that the reply to a request shows `fields` of a row; no fields, no note."""
    if names := set(fields):
        notes: dict[str, Notes] = _notes_of(request)
        rows = notes.setdefault(alias, {}).setdefault(entity_type, {})
        rows.setdefault(str(id), set()).update(names)


def write_noted(
    request: HttpRequest | Request,
    response: HttpResponseBase,
    *,
    tenant: binding.Placed,
    only: str | None = None,
) -> None:
    """Log what was noted for a rendered reply, unless the reply has no body to show it in.

    A HEAD and a 304 tell only that nothing has changed, and an error shows nothing: neither is a look.

    :param only: the one database whose notes are due now, inside the block that writes in it.
    :raises ReadNotRecorded: the log could not be written; the reply must not be sent.
    """
    notes = _notes_of(request)
    if not shows_body(request, response):
        notes.clear()
    for alias in [alias for alias in notes if only in {None, alias}]:
        seen = notes.pop(alias)
        try:
            _record(tenant, alias, seen)
        except DatabaseFault as error:
            logger.exception("a look at personal data in %s could not be recorded", alias)
            raise ReadNotRecorded from error


def shows_body(request: HttpRequest | Request, response: HttpResponseBase) -> bool:
    """Return whether the caller gets to see a successful reply's body."""
    has_body = bool(getattr(response, "streaming", False) or getattr(response, "content", b""))
    return request.method != "HEAD" and 200 <= response.status_code < 300 and has_body


def personal_columns(model: type[Model]) -> tuple[str, ...]:
    """Return the columns of a table that its `Audited` names as personal."""
    audits = [each for each in model._meta.constraints if isinstance(each, Audited)]
    return tuple(column for audit in audits for column in audit.personal)


def _notes_of(request: HttpRequest | Request) -> Any:
    # DRF wraps the request, and a view may be handed either.
    inner = getattr(request, "_request", request)
    if not hasattr(inner, NOTED):
        setattr(inner, NOTED, {})
    return getattr(inner, NOTED)


def _record(tenant: binding.Placed, alias: str, seen: Mapping[str, dict[str, set[str]]]) -> None:
    groups = _groups(seen)
    if not groups:
        return
    if alias in HOME_ALIASES:
        with binding.bind(tenant, writes=alias):
            _run(alias, tenant.id, groups)
    elif alias == "default":
        with transaction.atomic(using="default"):
            _run(alias, tenant.id, groups)
    else:
        raise UnknownContext(alias)


def _run(alias: str, tenant_id: UUID, groups: list[dict[str, Any]]) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(RECORD, [tenant_id, json.dumps(groups)])


def _groups(seen: Mapping[str, dict[str, set[str]]]) -> list[dict[str, Any]]:
    """Return the rows of each table, those of which the same columns were seen together."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for table, rows in seen.items():
        for key, columns in rows.items():
            groups.setdefault((table, tuple(sorted(columns))), []).append(key)
    return [
        {"entity": table, "ids": ids, "fields": columns} for (table, columns), ids in groups.items()
    ]
