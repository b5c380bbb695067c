"""What the audit log costs those who write, and whether sealing keeps up with them."""

from benchmarks.figures import Figure, Series, compare
from benchmarks.stage import Stage

ROUNDS = 15
BULK_ROUNDS = 7
SEAL_ROUNDS = 5
SINGLE_AT_MOST = 1.35
BULK_AT_MOST = 1.8
MILLISECONDS = 1_000
MICROSECONDS = 1_000_000


def measure_audit(stage: Stage) -> list[Figure]:
    """Measure writes with the triggers of the audit log and without, and sealing beside them.

    :raises WorkerFailed: a write changes another number of rows than it should.
    """
    times = stage.few.call(
        "benchmarks.audit_in_process:measure", rounds=ROUNDS, bulk_rounds=BULK_ROUNDS
    )
    rates = stage.few.call("benchmarks.audit_in_process:seal_and_write", rounds=SEAL_ROUNDS)
    return [
        _cost("one row, bind + ORM", times["orm"], unit="µs", at_most=SINGLE_AT_MOST),
        _cost("one row, one SQL statement", times["sql"], unit="µs", at_most=SINGLE_AT_MOST),
        _cost("10,000 rows, one statement", times["bulk"], unit="ms", at_most=BULK_AT_MOST),
        _cost(
            "10,000 rows, a personal column",
            times["bulk_personal"],
            unit="ms",
            at_most=BULK_AT_MOST,
        ),
        *(
            compare(
                name=f"audit: sealing / writing by {name}",
                ours=Series(tuple(sides["sealed"])),
                reference=Series(tuple(sides["written"])),
                unit="rows/s",
                more_is_better=True,
                target="> 1",
                meets=lambda ratio: ratio > 1,
            )
            for name, sides in rates.items()
        ),
    ]


def _cost(name: str, times: dict[str, list[float]], *, unit: str, at_most: float) -> Figure:
    scale = MICROSECONDS if unit == "µs" else MILLISECONDS
    audited, plain = (
        Series(tuple(value * scale for value in times[side])) for side in ("audited", "plain")
    )
    return compare(
        name=f"audit: {name}, logged / not",
        ours=audited,
        reference=plain,
        unit=unit,
        more_is_better=False,
        target=f"costs ≤ {at_most}",
        meets=lambda ratio: ratio >= 1 / at_most,
    )
