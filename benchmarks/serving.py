"""Serving an application by granian, with the same flags for every side."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from benchmarks.environment import BINARIES, ROOT

START_SECONDS = 60
STOP_SECONDS = 10
# As `manage.py up` runs the API.
FLAGS = (
    *("--interface", "wsgi", "--host", "127.0.0.1", "--workers", "2", "--blocking-threads", "4"),
    *("--backpressure", "64", "--no-ws", "--log-level", "warning"),
)


class NotServing(RuntimeError):
    """The server ended, or does not answer in time."""


@contextmanager
def serving(application: str, *, environment: Mapping[str, str]) -> Iterator[int]:
    """Serve a WSGI application (`module:name`) for the length of a block; give its port.

    :raises NotServing: it does not come up; what it said is on standard error.
    """
    port = _free_port()
    process = subprocess.Popen(
        [str(BINARIES / "granian"), *FLAGS, "--port", str(port), application],
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _await_answer(port, process)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_answer(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NotServing(f"granian ended with {process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise NotServing(f"nothing answers on port {port} after {START_SECONDS} s")
