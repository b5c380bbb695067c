"""The live stream: how soon events come to a thousand listeners, and what those cost the API."""

import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psutil

from benchmarks import environment
from benchmarks.client import Target, get
from benchmarks.figures import Figure
from benchmarks.serving import STOP_SECONDS, _await_answer, _free_port
from benchmarks.stage import Stage

STREAMS = 1_000
# Ten people each: a message goes to ten streams, and a hundred a second are a thousand deliveries.
GROUPS = 100
PER_SECOND = 100
SECONDS = 15.0
ROUNDS = 3
API_SECONDS = 8.0
API_AT_MOST = 1.2
BATCH = 250
# A stream is an open file on both sides.
FILES = 8_192
PATH = "/api/v1/profiles?page_size=5"


def measure_stream(stage: Stage) -> list[Figure]:
    """Measure delivery to open streams, their memory, and the API beside them.

    :raises AssertionError: an event is missing or came twice.
    """
    _raise_file_limit()
    stage.few.call("benchmarks.stream_in_process:prepare", people=STREAMS, groups=GROUPS)
    request = stage.request(PATH, signed_in=True)
    target = Target(stage.few_port, request, len(get(port=stage.few_port, request=request)))
    with _stream_server() as (port, server), _listeners() as listeners:
        before = _memory(server)
        listeners.open(stage, port)
        per_stream = (_memory(server) - before) / STREAMS
        lateness = _lateness(stage, listeners)
        alone, beside = [], []
        for number in range(ROUNDS):
            sides = [(alone, False), (beside, True)]
            for kept, with_streams in sides if number % 2 == 0 else reversed(sides):
                if with_streams:
                    listeners.open(stage, port)
                kept.append(_api_p99(stage, target))
                if with_streams:
                    listeners.stop()
    ratio = statistics.median(b / a for a, b in zip(alone, beside, strict=True))
    return [
        Figure(
            f"stream: {STREAMS:,} open, {PER_SECOND}/s, commit to client",
            f"median {_quantile(lateness, 50):.1f} ms, p99 {_quantile(lateness, 99):.1f} ms",
            f"{len(lateness):,} deliveries",
            "",
        ),
        Figure("stream: memory of an open stream", f"{per_stream / 1024:.1f} KiB", "", ""),
        Figure(
            "stream: p99 of the API, with streams / without",
            f"{statistics.median(beside):.1f} ms",
            f"{statistics.median(alone):.1f} ms",
            f"{ratio:.2f}",
            f"costs ≤ {API_AT_MOST}",
            ratio <= API_AT_MOST,
        ),
    ]


def _lateness(stage: Stage, listeners: "_Listeners") -> list[float]:
    stage.few.call("benchmarks.stream_in_process:speak", seconds=SECONDS, per_second=PER_SECOND)
    told = {int(k): v for k, v in stage.few.call("benchmarks.stream_in_process:told").items()}
    time.sleep(2)
    heard = listeners.stop()
    each = STREAMS // GROUPS
    assert len(heard) == len(told) * each, f"{len(heard)} heard of {len(told)} × {each}"
    return [(at - told[position]) * 1_000 for position, at in heard]


def _api_p99(stage: Stage, target: Target) -> float:
    """Return the 99th percentile in ms of the API, while somebody speaks as fast as before."""
    stage.few.call("benchmarks.stream_in_process:speak", seconds=API_SECONDS, per_second=PER_SECOND)
    _, latencies = stage.clients.load(target, seconds=API_SECONDS, count=1)
    stage.few.call("benchmarks.stream_in_process:told")
    return _quantile(latencies, 99) * 1_000


def _quantile(values: Sequence[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


class _Listeners:
    """The near end of the process that listens."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.is_open = False

    def open(self, stage: Stage, port: int) -> None:
        """Open all streams. Tickets live for seconds, so they are got as they are used."""
        for start in range(0, STREAMS, BATCH):
            tickets = stage.few.call(
                "benchmarks.stream_in_process:get_tickets", start=start, count=BATCH
            )
            order = {"port": port, "host": environment.PLATFORM_HOST, "tickets": tickets}
            assert self._ask(order)["open"] == start + BATCH
        self.is_open = True

    def stop(self) -> list[tuple[int, float]]:
        """Close all streams; return what was heard when."""
        if not self.is_open:
            return []
        self.is_open = False
        return list(self._ask({"stop": True})["heard"])

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))


@contextmanager
def _listeners() -> Iterator[_Listeners]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.listeners"],
        cwd=environment.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield _Listeners(process)
    finally:
        process.kill()
        process.wait()


@contextmanager
def _stream_server() -> Iterator[tuple[int, psutil.Process]]:
    """Serve the stream as `manage.py up` does; give port and process."""
    port = _free_port()
    process = subprocess.Popen(
        [str(environment.BINARIES / "granian"), "--interface", "asgi", "--host", "127.0.0.1",
         "--port", str(port), "--workers", "1", "--loop", "asyncio", "--no-ws",
         "--backpressure", str(STREAMS + 100), "--log-level", "warning", "config.asgi:application"],
        cwd=environment.ROOT,
        env=environment.of_quintet(prefix=environment.FEW),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        _await_answer(port, process)
        yield port, psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _memory(server: psutil.Process) -> int:
    """Return the resident memory of the server's processes, in bytes."""
    return sum(process.memory_info().rss for process in [server, *server.children(recursive=True)])


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
