"""What goes wrong in a storm: connections of the databases are cut, and a worker is killed."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.databases import APP
from tests.conftest import admin
from tests.environment import ROOT
from tests.journeys.conftest import free_port

CUT_EVERY = (0.2, 0.8)
KILL_WORKER_EVERY = (4.0, 8.0)


@contextmanager
def api() -> Iterator[int]:
    """The API, as `manage.py up` serves it, on this test's databases; gives its port."""
    port = free_port()
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "granian"), "--interface", "wsgi", "--host", "127.0.0.1",
         "--port", str(port), "--workers", "2", "--blocking-threads", "4", "--backpressure", "64",
         "--no-ws", "--log-level", "warning", "config.wsgi:application"],
        cwd=ROOT, stdin=subprocess.DEVNULL,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
    )  # fmt: skip
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


class Worker:
    """A Celery worker that is killed now and then, and started again."""

    def __init__(self, queue: str) -> None:
        self._queue = queue
        self.kills = 0
        self._process = self._start()

    def _start(self) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "config.celery",
             "worker", "--pool", "solo", "--loglevel", "ERROR", "--queues", self._queue,
             "--without-mingle", "--without-gossip", "--without-heartbeat"],
            cwd=ROOT, stdin=subprocess.DEVNULL,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        )  # fmt: skip

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.kills += 1
        self._process = self._start()

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def storming(*, worker: Worker, seed: int) -> Iterator[dict[str, int]]:
    """Cut connections to the commerce database and kill the worker at random, through the block."""
    counts = {"cut": 0}
    over = threading.Event()
    draw = random.Random(seed)

    def cut() -> None:
        with admin() as connection:
            while not over.wait(draw.uniform(*CUT_EVERY)):
                rows = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE usename = %s AND datname = %s "
                    "AND application_name = 'quintet' AND pid <> ALL(%s)",
                    [APP, f"{os.environ['QUINTET_DATABASE_PREFIX']}_commerce", _own_backends()],
                ).fetchall()
                # A statement that is being run is what there is to hit.
                if rows:
                    (pid,) = draw.choice(rows)
                    connection.execute("SELECT pg_terminate_backend(%s)", [pid])
                    counts["cut"] += 1

    def kill() -> None:
        while not over.wait(draw.uniform(*KILL_WORKER_EVERY)):
            worker.kill()

    threads = [threading.Thread(target=cut), threading.Thread(target=kill)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _own_backends() -> list[int]:
    from django.db import connections

    return [
        each.connection.info.backend_pid
        for each in connections.all()
        if each.connection is not None
    ]


def wait_until_quiet(condition, *, seconds: float) -> None:
    """Wait until `condition()` holds.

    :raises AssertionError: it does not.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.2)
    raise AssertionError("what was left over was not worked off")
