"""A check: a page with `?expand=tags` costs the same number of queries for 1 row and for 50."""

from benchmarks.figures import Figure
from benchmarks.stage import Stage


def measure_expand(stage: Stage) -> list[Figure]:
    """Count the queries of both pages.

    :raises AssertionError: they differ.
    """
    one, fifty = (
        stage.few.call("benchmarks.expand_in_process:count_queries", token=stage.token, size=size)
        for size in (1, 50)
    )
    figure = Figure(
        name="expand: queries of a page of 50 / of 1",
        ours=f"{fifty} queries",
        reference=f"{one} queries",
        ratio=f"{fifty / one:.2f}",
        target="= 1",
        met=fifty == one,
    )
    assert figure.met, f"{one} queries for 1 row, {fifty} for 50"
    return [figure]
