"""Whether the number of tenants in a pool shows: in a request, and in a migration with nothing to do."""

import statistics
from itertools import chain

from benchmarks import client
from benchmarks.client import Target
from benchmarks.figures import Figure, Series, alternate, compare
from benchmarks.stage import FULL_TENANTS, MANY_TENANTS, PAGE_PATH, Stage

ROUNDS = 40
SECONDS = 0.4
# The slowest requests of one round are too few: they are taken from this many rounds together.
ROUNDS_TOGETHER = 5
MIGRATE_ROUNDS = 8
LATENCY_WITHIN = 0.15
MILLISECONDS = 1_000


def measure_tenants(stage: Stage) -> list[Figure]:
    """Measure the same request and the same command at 10 and at 5,000 tenants.

    :raises AssertionError: the number of tenants is another.
    """
    many, few = stage.many, stage.few
    for worker, count in ((few, FULL_TENANTS), (many, MANY_TENANTS)):
        found = worker.call("benchmarks.quintet:count_tenants")
        assert found >= count, f"{found} tenants in the place of {count}"
    return [*_latency(stage), _migrate(stage)]


def _latency(stage: Stage) -> list[Figure]:
    request = stage.request(PAGE_PATH, signed_in=True)
    targets = [
        Target(port, request, len(client.get(port=port, request=request)))
        for port in (stage.many_port, stage.few_port)
    ]
    assert targets[0].length == targets[1].length
    kept: dict[int, list[list[float]]] = {target.port: [] for target in targets}

    def median(target: Target) -> float:
        _, latencies = stage.clients.load(target, seconds=SECONDS, count=1)
        kept[target.port].append(latencies)
        return statistics.median(latencies) * MILLISECONDS

    for target in targets:
        median(target)
        kept[target.port].clear()
    medians = alternate(
        ours=lambda: median(targets[0]), reference=lambda: median(targets[1]), rounds=ROUNDS
    )
    slowest = tuple(_slowest(kept[target.port]) for target in targets)
    return [
        compare(
            name=f"tenants: {name} latency, 5,000 / 10",
            ours=series[0],
            reference=series[1],
            unit="ms",
            more_is_better=False,
            target="within 15 %",
            meets=lambda ratio: ratio >= 1 / (1 + LATENCY_WITHIN),
        )
        for name, series in (("median", medians), ("p95", slowest))
    ]


def _slowest(rounds: list[list[float]]) -> Series:
    together = [
        chain.from_iterable(rounds[at : at + ROUNDS_TOGETHER])
        for at in range(0, len(rounds), ROUNDS_TOGETHER)
    ]
    return Series(
        tuple(statistics.quantiles(latencies, n=20)[-1] * MILLISECONDS for latencies in together)
    )


def _migrate(stage: Stage) -> Figure:
    for worker in (stage.many, stage.few):
        worker.call("benchmarks.quintet:migrate_nothing")
    ours, reference = alternate(
        ours=lambda: float(stage.many.call("benchmarks.quintet:migrate_nothing")) * MILLISECONDS,
        reference=lambda: (
            float(stage.few.call("benchmarks.quintet:migrate_nothing")) * MILLISECONDS
        ),
        rounds=MIGRATE_ROUNDS,
    )
    return compare(
        name="tenants: migrate, nothing to do, 5,000 / 10",
        ours=ours,
        reference=reference,
        unit="ms",
        more_is_better=False,
        target="equal",
        meets=lambda ratio: abs(ratio - 1) <= max(0.05, ours.spread + reference.spread),
    )
