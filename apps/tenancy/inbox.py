"""The inbox: what a handler has taken, noted in the transaction of what it does.

A *hold* on a handler is a note of no message. While it is there nothing is delivered to the handler, so
that its read model can be filled anew in the order of things.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.apps import apps
from django.db import connections

# What was taken longer ago may be taken again, if it is delivered again: only a replay does that.
KEEP = timedelta(days=30)
HOLD = UUID(int=0)

# Deliveries to a handler share the lock; who holds the handler has it alone.
LOCK = (
    "SELECT {function}(hashtextextended("
    "'replay:' || current_setting('app.tenant_id') || ':' || %s, 0))"
)
NOTE = """
WITH held AS MATERIALIZED (
    SELECT message_id FROM {inbox}
    WHERE id = %(hold_id)s AND handler = %(handler)s AND message_id = %(hold)s
), noted AS (
    INSERT INTO {inbox} (id, handler, message_id, taken_at)
    SELECT extensions.uuid7(), %(handler)s, id, now() FROM unnest(%(ids)s::uuid[]) AS id
    ON CONFLICT (tenant_id, handler, message_id) DO NOTHING
    RETURNING message_id
)
SELECT message_id FROM noted UNION ALL SELECT message_id FROM held
"""


class BeingReplayed(RuntimeError):
    """A handler can't be given anything: its read model is being filled anew."""


def note(*, handler: str, context: str, ids: Sequence[UUID]) -> set[UUID]:
    """Note messages as taken; return those that were not before. Call it bound, writing in `context`.

    :raises BeingReplayed: the handler is held.
    """
    with connections[context].cursor() as cursor:
        cursor.execute(LOCK.format(function="pg_try_advisory_xact_lock_shared"), [handler])
        (is_open,) = cursor.fetchone()
        if not is_open:
            raise BeingReplayed(handler)
        cursor.execute(
            NOTE.format(inbox=_table(context)),
            {
                "handler": handler,
                "hold": HOLD,
                "hold_id": _hold_id(handler),
                "ids": list(ids),
            },
        )
        new = {message_id for (message_id,) in cursor.fetchall()}
    if HOLD in new:
        raise BeingReplayed(handler)
    return new


def forget(*, handler: str, context: str, ids: Sequence[UUID]) -> None:
    """Take notes back that were made in this very unit of work."""
    with connections[context].cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {_table(context)} WHERE handler = %s AND message_id = ANY (%s)",
            [handler, list(ids)],
        )


def forget_since(*, handler: str, context: str, since: datetime | None) -> None:
    """Forget what a handler has taken: all of it, or what it took since a time."""
    with connections[context].cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {_table(context)} WHERE handler = %s AND message_id <> %s "
            "AND taken_at >= coalesce(%s, '-infinity'::timestamptz)",
            [handler, HOLD, since],
        )


def forget_old(*, context: str, now: datetime) -> int:
    """Forget what was taken longer ago than is kept; return how much that was."""
    with connections[context].cursor() as cursor:
        # The ids are of their time, and the key begins with them: no index on the time is needed.
        cursor.execute(
            f"DELETE FROM {_table(context)} WHERE id < %s AND taken_at < %s AND message_id <> %s",
            [_first_id_at(now - KEEP + timedelta(minutes=1)), now - KEEP, HOLD],
        )
        return int(cursor.rowcount)


def hold(*, handler: str, context: str, held_at: datetime) -> None:
    """Let nothing be delivered to a handler, from the end of this unit of work on.

    Waits for deliveries that are under way.
    """
    with connections[context].cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '150s'")
        cursor.execute(LOCK.format(function="pg_advisory_xact_lock"), [handler])
        cursor.execute(
            f"INSERT INTO {_table(context)} (id, handler, message_id, taken_at) "
            "VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (tenant_id, handler, message_id) DO NOTHING",
            [_hold_id(handler), handler, HOLD, held_at],
        )


def release(*, handler: str, context: str) -> None:
    """Let deliveries to a handler go on."""
    forget(handler=handler, context=context, ids=[HOLD])


def _hold_id(handler: str) -> UUID:
    """Return the id of a handler's hold: known, so that any index leads to it and none through the rest."""
    return uuid5(HOLD, handler)


def _first_id_at(at: datetime) -> UUID:
    return UUID(int=int(at.timestamp() * 1000) << 80)


def _table(context: str) -> str:
    table = apps.get_model(context, "InboxEntry")._meta.db_table
    return str(connections[context].ops.quote_name(table))
