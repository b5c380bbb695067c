"""The outbox as relays see it: taking a batch under a lease, and saying what became of it.

Claims of one tenant and context follow each other. A claim takes *heads*, the earliest waiting message
of each handler and aggregate, and what directly follows them: nobody else can then be at work on an
earlier message of the same aggregate, wherever a batch is cut off.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connections

from apps.kernel.messages import Envelope
from apps.tenancy import locks

BATCH = 500
# How far a claim looks for heads before it looks everywhere.
WINDOW = 4 * BATCH
# Longer than a batch takes: a relay that is still at work must not see its rows given to another.
LEASE_SECONDS = 120.0
ERROR_LENGTH = 500

# Free: never leased, or left by a relay that ended while it was at work, for the first time.
FREE = "({0}.leased_until IS NULL OR ({0}.leased_until < now() AND {0}.attempts = 0))"
# Left behind more than once, or after failures: maybe the message itself ends relays, so such are
# taken one at a time.
SUSPECT = "({0}.leased_until < now() AND {0}.attempts > 0)"

# How the statements below are to be carried out, in the transactions that hold nothing else. To the
# planner a queue is as long as it was when it was last looked at, which is often: empty. Then all
# indexes that begin with the tenant seem equally good, and it reads the whole queue for each message.
# So what is looked up has an order (or the whole of a key), what is changed is named by its place, and
# every way is closed but these two: along the index that has the order, and to the place.
STEER = """
SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_indexscan = off; SET LOCAL jit = off
"""

CLAIM = """
WITH window_of AS MATERIALIZED (
    SELECT o.* FROM outbox o
    WHERE o.dead_at IS NULL AND o.due_at <= now() AND {free_o}
        AND (%(handlers)s::text[] IS NULL OR o.handler = ANY (%(handlers)s))
    ORDER BY o.due_at LIMIT %(window)s
), heads AS MATERIALIZED (
    SELECT o.handler, o.aggregate_type, o.aggregate_id, o.version, o.due_at FROM window_of o
    WHERE o.version = (
        SELECT p.version FROM outbox p
        WHERE p.handler = o.handler AND p.aggregate_type = o.aggregate_type
            AND p.aggregate_id = o.aggregate_id AND p.dead_at IS NULL
        ORDER BY p.version LIMIT 1
    )
    ORDER BY o.due_at LIMIT %(batch)s
), picked AS MATERIALIZED (
    SELECT run.place FROM heads h CROSS JOIN LATERAL (
        SELECT f.ctid AS place, f.version,
            bool_and(f.due_at <= now() AND {free_f}) OVER (ORDER BY f.version) AS is_open
        FROM outbox f
        WHERE f.handler = h.handler AND f.aggregate_type = h.aggregate_type
            AND f.aggregate_id = h.aggregate_id AND f.version >= h.version AND f.dead_at IS NULL
        ORDER BY f.version LIMIT %(batch)s
    ) run
    WHERE run.is_open
    ORDER BY h.due_at, h.handler, h.aggregate_type, h.aggregate_id, run.version
    LIMIT %(batch)s
), taken AS (
    UPDATE outbox o SET leased_until = now() + make_interval(secs => %(lease)s),
        attempts = o.attempts + (o.leased_until IS NOT NULL)::int
    WHERE o.ctid = ANY (ARRAY(SELECT place FROM picked))
    RETURNING o.*, o.ctid AS place
)
SELECT t.id, t.place::text, t.handler, t.attempts, t.leased_until, e.id, e.tenant_id, e.kind,
    e.aggregate_type, e.aggregate_id, e.version, e.occurred_at, e.payload
FROM taken t CROSS JOIN LATERAL (
    SELECT * FROM domain_events e
    WHERE e.id = t.event_id AND e.aggregate_type = t.aggregate_type
        AND e.aggregate_id = t.aggregate_id AND e.version = t.version
    OFFSET 0
) e
"""
CLAIM_FREE = CLAIM.format(free_o=FREE.format("o"), free_f=FREE.format("f"))
CLAIM_SUSPECT = CLAIM.format(free_o=SUSPECT.format("o"), free_f=SUSPECT.format("f"))

# A place is a message's for as long as nobody else changes it: it is no longer that of one whose lease
# has run out and was given to another.
DONE = "DELETE FROM outbox WHERE ctid = ANY (%s::tid[]) AND id = ANY (%s)"
PUT_BACK = """
UPDATE outbox SET leased_until = NULL,
    due_at = greatest(due_at, now() + make_interval(secs => %s))
WHERE ctid = ANY (%s::tid[]) AND id = ANY (%s) AND leased_until = %s
"""
PUT_OFF = """
UPDATE outbox o SET leased_until = NULL, attempts = f.attempts, last_error = f.error,
    due_at = now() + make_interval(secs => f.pause), dead_at = CASE WHEN f.is_dead THEN now() END
FROM unnest(%s::tid[], %s::uuid[], %s::int[], %s::text[], %s::float8[], %s::bool[])
    AS f(place, id, attempts, error, pause, is_dead)
WHERE o.ctid = f.place AND o.id = f.id AND o.leased_until = %s
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message on its way to one handler. `lease` says whose it is: a lease is given once.

    `place` is where its row is: PostgreSQL's ctid, as text.
    """

    id: UUID
    place: str
    handler: str
    attempts: int
    lease: Any
    envelope: Envelope

    @property
    def about(self) -> tuple[str, UUID]:
        """The aggregate, in which messages are delivered in order."""
        return self.envelope.aggregate_type, self.envelope.aggregate_id

    @property
    def order(self) -> tuple[str, str, UUID, int]:
        """Sorts a batch by handler, aggregate and version."""
        return self.handler, *self.about, self.envelope.version


@dataclass(frozen=True, slots=True)
class Failure:
    """A delivery that failed: tried again after a pause, or dead."""

    delivery: Delivery
    attempts: int
    error: str
    pause_seconds: float
    is_dead: bool


@dataclass(slots=True)
class Outcome:
    """What became of a batch."""

    done: list[Delivery] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    # Not tried, and by how many seconds they wait at least.
    back: dict[float, list[Delivery]] = field(default_factory=dict)

    def put_back(self, deliveries: Sequence[Delivery], *, pause_seconds: float = 0.0) -> None:
        """Note deliveries that were not tried."""
        self.back.setdefault(pause_seconds, []).extend(deliveries)


def claim(*, context: str, handlers: Sequence[str] | None, suspects_only: bool) -> list[Delivery]:
    """Lease the bound tenant's next batch: heads and their followers, or one message under suspicion."""
    hold_claims()
    options: dict[str, Any] = {
        "handlers": handlers,
        "lease": LEASE_SECONDS,
        "batch": BATCH,
        "window": WINDOW,
    }
    with connections[context].cursor() as cursor:
        cursor.execute(STEER)
        if not suspects_only:
            cursor.execute(CLAIM_FREE, options)
            rows = cursor.fetchall()
            if not rows:
                cursor.execute(CLAIM_FREE, {**options, "window": None})
                rows = cursor.fetchall()
            if rows:
                return sorted(map(_to_delivery, rows), key=lambda each: each.order)
        cursor.execute(CLAIM_SUSPECT, {**options, "batch": 1, "window": None})
        return [_to_delivery(row) for row in cursor.fetchall()]


def hold_claims() -> None:
    """Keep others from claiming of the bound tenant's outbox until the transaction ends."""
    locks.hold("relay")


def settle(outcome: Outcome, *, context: str) -> None:
    """Write down what became of a batch, by a statement for each kind of end.

    It changes only what is still under the lease it was claimed with: a relay that was too slow
    changes nothing about rows that another has by now.
    """
    if not (outcome.done or outcome.back or outcome.failed):
        return
    with connections[context].cursor() as cursor:
        cursor.execute(STEER)
        if outcome.done:
            cursor.execute(DONE, _named(outcome.done))
        for pause, deliveries in outcome.back.items():
            if deliveries:
                cursor.execute(PUT_BACK, [pause, *_named(deliveries), deliveries[0].lease])
        if outcome.failed:
            cursor.execute(PUT_OFF, _columns(outcome.failed))


def _named(deliveries: Sequence[Delivery]) -> tuple[list[str], list[UUID]]:
    return [each.place for each in deliveries], [each.id for each in deliveries]


def _columns(failed: Sequence[Failure]) -> list[Any]:
    return [
        *_named([each.delivery for each in failed]),
        [each.attempts for each in failed],
        [each.error for each in failed],
        [each.pause_seconds for each in failed],
        [each.is_dead for each in failed],
        failed[0].delivery.lease,
    ]


def _to_delivery(row: Sequence[Any]) -> Delivery:
    return Delivery(
        id=row[0],
        place=row[1],
        handler=row[2],
        attempts=row[3],
        lease=row[4],
        envelope=Envelope(
            id=row[5],
            tenant_id=row[6],
            kind=row[7],
            aggregate_type=row[8],
            aggregate_id=row[9],
            version=row[10],
            occurred_at=row[11],
            payload=json.loads(row[12]),
        ),
    )
