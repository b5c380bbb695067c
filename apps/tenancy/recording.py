"""Recording: messages are written down in the bound transaction, and queued for those who want them."""

import json
from collections.abc import Sequence

from django.db import connections

from apps.kernel.messages import Record
from apps.tenancy import binding, caching, kicks

# Of one call: the database reads all of them several times.
CHUNK = 1_000


class RecordedElsewhere(RuntimeError):
    """A context's message was recorded in a block that does not write in that context."""

    def __init__(self, *, context: str, writes: str | None) -> None:
        super().__init__(
            f"A message of {context!r} is recorded in the transaction of its write, "
            f"and this block writes in {writes!r}."
        )


def record(context: str, records: Sequence[Record]) -> None:
    """Write messages down in the bound transaction, and have them relayed after the commit.

    :raises RecordedElsewhere: the block writes in another context, or only reads.
    """
    bound = binding.require()
    if bound.writes != context:
        raise RecordedElsewhere(context=context, writes=bound.writes)
    with connections[context].cursor() as cursor:
        for start in range(0, len(records), CHUNK):
            chunk = records[start : start + CHUNK]
            cursor.execute(
                "SELECT record_messages(%s::jsonb)",
                [json.dumps([_member(number, each) for number, each in enumerate(chunk)])],
            )
    caching.forget_after_commit({each.kind for each in records})
    if any(each.handlers for each in records):
        tenant = bound.tenant
        bound.add_hook(lambda: kicks.kick(tenant=tenant, context=context), once=f"relay:{context}")


def _member(number: int, record: Record) -> dict[str, object]:
    return {
        "n": number,
        "id": str(record.id),
        "kind": record.kind,
        "about": record.aggregate_type,
        "about_id": str(record.aggregate_id),
        "facts": record.payload,
        "handlers": list(record.handlers),
    }
