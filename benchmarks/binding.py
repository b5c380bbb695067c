"""What binding and row-level security cost, on the query behind a page."""

from benchmarks.figures import Figure, Series, compare, ratios
from benchmarks.stage import Stage

ROUNDS = 15


def measure_binding(stage: Stage) -> list[Figure]:
    """Measure the directory query bound, against an explicit WHERE in a transaction.

    :raises WorkerFailed: both do not give the same rows.
    """
    times = stage.few.call("benchmarks.binding_in_process:measure", rounds=ROUNDS)
    bound, explicit = Series(tuple(times["bound"])), Series(tuple(times["explicit"]))
    empty, bare = Series(tuple(times["empty"])), Series(tuple(times["bare"]))
    overhead = Series(
        tuple(mine - theirs for mine, theirs in zip(empty.values, bare.values, strict=True))
    )
    figures = [
        compare(
            name="binding: bind + RLS / WHERE in a transaction",
            ours=bound,
            reference=explicit,
            unit="µs",
            more_is_better=False,
        ),
        compare(
            name="binding: empty bind / bare transaction",
            ours=empty,
            reference=bare,
            unit="µs",
            more_is_better=False,
        ),
    ]
    share = ratios(overhead, bound).median
    print(f"  bind adds {overhead.median:.0f} µs, {share:.0%} of the bound query")
    return figures
