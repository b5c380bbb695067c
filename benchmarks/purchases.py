"""Purchases through the whole API: cart, line and checkout, paid from a wallet at once."""

import json
import statistics
import subprocess
import sys
from contextlib import ExitStack
from typing import Any

from benchmarks import environment
from benchmarks.environment import ROOT
from benchmarks.figures import Figure, Series, shown
from benchmarks.stage import CLIENTS, Stage

ITEMS = 20
ROUNDS = 8
SECONDS = 3.0


def measure_purchases(stage: Stage) -> list[Figure]:
    """Measure how fast four clients buy, each with a wallet of its own.

    :raises AssertionError: a purchase was not paid.
    """
    shop = stage.few.call("benchmarks.purchases_in_process:prepare", buyers=CLIENTS, items=ITEMS)
    orders = [
        {
            "port": stage.few_port,
            "host": environment.PLATFORM_HOST,
            "tenant": "bench",
            "token": token,
            "items": shop["items"],
            "seconds": SECONDS,
        }
        for token in shop["tokens"]
    ]
    speeds, purchases, latencies = [], [], []
    with ExitStack() as stack:
        processes = [stack.enter_context(_shopper()) for _ in orders]
        _round(processes, orders)
        for _ in range(ROUNDS):
            answers = _round(processes, orders)
            speeds.append(sum(each["requests"] / each["seconds"] for each in answers))
            purchases.append(sum(each["purchases"] / each["seconds"] for each in answers))
            latencies += [latency for each in answers for latency in each["latencies"]]
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
    percentiles = statistics.quantiles(latencies, n=100)
    return [
        Figure(
            "purchases: requests through the whole API, 4 clients",
            shown(Series(tuple(speeds)), "req/s"),
            "",
            "",
        ),
        Figure(
            "purchases: cart, line and checkout, paid",
            shown(Series(tuple(purchases)), "1/s"),
            "",
            "",
        ),
        Figure(
            "purchases: latency of a request",
            f"median {percentiles[49] * 1000:.1f} ms, p99 {percentiles[98] * 1000:.1f} ms",
            f"{len(latencies):,} requests",
            "",
        ),
    ]


def _shopper() -> Any:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.shoppers"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _round(processes: list[Any], orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for process, order in zip(processes, orders, strict=True):
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
    answers = []
    for process in processes:
        line = process.stdout.readline()
        assert line, "a client stopped; what it saw is above"
        answers.append(json.loads(line))
    return answers
