"""Searching among 200,000 documents: by the function's indexes, and by reading every document."""

from benchmarks.figures import Figure, Series, compare
from benchmarks.stage import Stage

ROUNDS = 9
MILLISECONDS = 1_000


def measure_search(stage: Stage) -> list[Figure]:
    """Measure searches of one tenant in a pool with others, and of one in a home of its own.

    :raises WorkerFailed: a search finds nothing, or its plan reads every document.
    """
    times = stage.few.call("benchmarks.search_in_process:measure", rounds=ROUNDS)
    return [
        compare(
            name=f"search: {home}, {what}",
            ours=_milliseconds(sides["found"]),
            reference=_milliseconds(sides["scanned"]),
            unit="ms",
            more_is_better=False,
            target="> 1",
            meets=lambda ratio: ratio > 1,
        )
        for home, kinds in times.items()
        for what, sides in kinds.items()
    ]


def _milliseconds(seconds: list[float]) -> Series:
    return Series(tuple(value * MILLISECONDS for value in seconds))
