"""What messages cost: recording one in a transaction, and bringing ten thousand to a handler."""

from benchmarks.figures import Figure, Series, compare
from benchmarks.stage import Stage

ROUNDS = 15
BULK_ROUNDS = 7
RECORD_AT_MOST = 2.0
OUTBOX_AT_LEAST = 0.1
MICROSECONDS = 1_000_000


def measure_messages(stage: Stage) -> list[Figure]:
    """Measure writes with a message and without, and the outbox against plain INSERTs.

    :raises WorkerFailed: a message was not delivered.
    """
    found = stage.few.call(
        "benchmarks.messages_in_process:measure", rounds=ROUNDS, bulk_rounds=BULK_ROUNDS
    )
    with_one, without = (
        Series(tuple(value * MICROSECONDS for value in found["record"][side]))
        for side in ("with", "without")
    )
    return [
        compare(
            name="messages: one row changed, recorded / not",
            ours=with_one,
            reference=without,
            unit="µs",
            more_is_better=False,
            target=f"costs ≤ {RECORD_AT_MOST}",
            meets=lambda ratio: ratio >= 1 / RECORD_AT_MOST,
        ),
        compare(
            name="messages: recorded and delivered / plain INSERTs",
            ours=Series(tuple(found["rate"]["outbox"])),
            reference=Series(tuple(found["rate"]["plain"])),
            unit="1/s",
            more_is_better=True,
            target=f"≥ {OUTBOX_AT_LEAST}",
            meets=lambda ratio: ratio >= OUTBOX_AT_LEAST,
        ),
        compare(
            name="messages: delivered by one relay / plain INSERTs",
            ours=Series(tuple(found["rate"]["relay"])),
            reference=Series(tuple(found["rate"]["plain"])),
            unit="1/s",
            more_is_better=True,
        ),
    ]
