"""What binding and row-level security cost, on the query behind a page."""

from benchmarks.figures import Figure, Series, compare, ratios, shown
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
    return [
        compare(
            name="binding: bind + RLS / WHERE in a transaction",
            ours=bound,
            reference=explicit,
            unit="µs",
            more_is_better=False,
        ),
        compare(
            name="binding: bind / bare transaction, of SELECT 1",
            ours=empty,
            reference=bare,
            unit="µs",
            more_is_better=False,
        ),
        Figure(
            name="binding: what bind adds / the bound query",
            ours=shown(overhead, "µs"),
            reference=shown(bound, "µs"),
            ratio=f"{ratios(overhead, bound).median:.2f}",
        ),
    ]
