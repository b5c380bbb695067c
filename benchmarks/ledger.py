"""What the ledger carries: transfers from eight processes, and balances read from small and large books."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks import environment
from benchmarks.figures import Figure, Series, compare
from benchmarks.stage import Stage
from benchmarks.worker import Worker, working

CALL = "benchmarks.ledger_in_process"
PROCESSES = 8
ROUNDS = 3
SECONDS = 2
KINDS = ("spread", "hot, guarded", "hot, rolled up")
OF_SQL_AT_LEAST = 0.6
OF_NAIVE_AT_LEAST = 2.0
FEW, MANY = 10_000, 2_000_000
READ_ROUNDS = 6
FLAT = 1.2
MICROSECONDS = 1_000_000


def measure_ledger(stage: Stage) -> list[Figure]:
    """Measure posting against the same function called by pgbench, and against reading, changing, writing.

    :raises WorkerFailed: a transfer failed, or a balance is missing.
    """
    stage.few.call(f"{CALL}:prepare")
    figures = []
    with ExitStack() as stack:
        env = environment.of_quintet(prefix=environment.FEW)
        workers = [stack.enter_context(working(env)) for _ in range(PROCESSES)]
        for kind in KINDS:
            figures += _compare(kind, _rounds(stage, workers, kind))
    return [*figures, *_reads(stage)]


def _rounds(stage: Stage, workers: list[Worker], kind: str) -> dict[str, Series]:
    rates: dict[str, list[float]] = {"ours": [], "sql": [], "by hand": [], "unlogged": []}
    for number in range(ROUNDS + 1):
        sides = list(rates)
        for side in sides if number % 2 == 0 else reversed(sides):
            stage.few.call(f"{CALL}:audit_by_hand", wanted=side != "unlogged")
            rate = (
                stage.few.call(f"{CALL}:pgbench", kind=kind, seconds=SECONDS, clients=PROCESSES)
                if side == "sql"
                else _all_at_once(workers, kind=kind, side=side, seed=number)
            )
            # The first round connects, and fills caches.
            if number:
                rates[side].append(rate)
        if number == 0:
            # As autovacuum does with what has grown; it comes by once a minute.
            stage.few.call(f"{CALL}:analyze")
    return {side: Series(tuple(values)) for side, values in rates.items()}


def _all_at_once(workers: list[Worker], *, kind: str, side: str, seed: int) -> float:
    def run(number: int) -> int:
        done: int = workers[number].call(
            f"{CALL}:transfer", kind=kind, side=side, seconds=SECONDS, seed=seed * 100 + number
        )
        return done

    with ThreadPoolExecutor(PROCESSES) as pool:
        return sum(pool.map(run, range(PROCESSES))) / SECONDS


def _compare(kind: str, rates: dict[str, Series]) -> list[Figure]:
    return [
        compare(
            name=f"ledger: transfers, {kind}, bind + post / pgbench",
            ours=rates["ours"],
            reference=rates["sql"],
            unit="1/s",
            more_is_better=True,
            target=f"≥ {OF_SQL_AT_LEAST}",
            meets=lambda ratio: ratio >= OF_SQL_AT_LEAST,
        ),
        compare(
            name=f"ledger: transfers, {kind}, bind + post / the same books by hand",
            ours=rates["ours"],
            reference=rates["by hand"],
            unit="1/s",
            more_is_better=True,
            target=f"≥ {OF_NAIVE_AT_LEAST:g}",
            meets=lambda ratio: ratio >= OF_NAIVE_AT_LEAST,
        ),
        compare(
            name=f"ledger: transfers, {kind}, bind + post / by hand, and not in the audit log",
            ours=rates["ours"],
            reference=rates["unlogged"],
            unit="1/s",
            more_is_better=True,
        ),
    ]


def _reads(stage: Stage) -> list[Figure]:
    """Read from both in turn, each first every other round."""
    sizes = {"few": FEW, "many": MANY}
    for size, last in sizes.items():
        stage.few.call(f"{CALL}:fill", size=size, last=last)
    found: dict[str, list[dict[str, float]]] = {size: [] for size in sizes}
    for number in range(READ_ROUNDS + 1):
        for size in sizes if number % 2 else reversed(sizes):
            read = stage.few.call(f"{CALL}:read_balances", size=size)
            if number:
                found[size].append(read)
    times = {
        size: {
            kind: Series(tuple(each[kind] * MICROSECONDS for each in rounds)) for kind in rounds[0]
        }
        for size, rounds in found.items()
    }
    return [
        compare(
            name=f"ledger: p99 of a balance, {kind}, {MANY:,} / {FEW:,} transactions",
            ours=times["many"][kind],
            reference=times["few"][kind],
            unit="µs",
            more_is_better=False,
            target=f"costs ≤ {FLAT}",
            meets=lambda ratio: ratio >= 1 / FLAT,
        )
        for kind in times["few"]
    ]
