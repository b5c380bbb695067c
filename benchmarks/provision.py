"""Provisioning a tenant in a pool, against plain django-tenants, which makes a schema for each."""

from benchmarks import databases, environment
from benchmarks.figures import Figure, alternate, compare
from benchmarks.stage import Stage

ROUNDS = 6
# A schema takes long enough to be measured alone.
OURS_AT_ONCE, THEIRS_AT_ONCE = 20, 1
TARGET = 50
MILLISECONDS = 1_000


def measure_provision(stage: Stage) -> list[Figure]:
    """Measure `create_tenant` on both sides, in-process.

    :raises WorkerFailed: a side can't provision.
    """
    ours = stage.few
    with stage.connect() as connection:
        databases.make(connection, environment.DJANGO_TENANTS_DATABASE)
    theirs = stage.worker(stage.reference_environment("benchmarks.django_tenants_plain.settings"))
    theirs.call("benchmarks.django_tenants_plain.setup:prepare")
    numbers = iter(range(1, 10**6))

    def create_ours(count: int = OURS_AT_ONCE) -> float:
        start = next(numbers) * OURS_AT_ONCE
        taken = ours.call("benchmarks.quintet:create_tenants", start=start, count=count)
        return float(taken) * MILLISECONDS

    def create_theirs() -> float:
        taken = theirs.call(
            "benchmarks.django_tenants_plain.setup:create_tenants",
            start=next(numbers),
            count=THEIRS_AT_ONCE,
        )
        return float(taken) * MILLISECONDS

    create_ours()
    create_theirs()
    series = alternate(ours=create_ours, reference=create_theirs, rounds=ROUNDS)
    return [
        compare(
            name="provision: pool / plain django-tenants",
            ours=series[0],
            reference=series[1],
            unit="ms",
            more_is_better=False,
            target=f"≥ {TARGET}",
            meets=lambda ratio: ratio >= TARGET,
        )
    ]
