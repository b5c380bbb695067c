"""What keeping replies saves: a profile and a page for anybody, kept and made anew."""

from benchmarks.figures import Figure, Series, compare
from benchmarks.stage import Stage

ROUNDS = 15
MILLISECONDS = 1_000


def measure_caching(stage: Stage) -> list[Figure]:
    """Measure replies to callers who are not signed in.

    :raises WorkerFailed: a kept reply differs from a new one, or asks the database.
    """
    times = stage.few.call("benchmarks.caching_in_process:measure", rounds=ROUNDS)
    return [
        compare(
            name=f"caching: {what}, kept / made",
            ours=Series(tuple(value * MILLISECONDS for value in sides["kept"])),
            reference=Series(tuple(value * MILLISECONDS for value in sides["made"])),
            unit="ms",
            more_is_better=False,
            target="> 1",
            meets=lambda ratio: ratio > 1,
        )
        for what, sides in times.items()
    ]
