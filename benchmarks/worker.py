"""A process with settings of its own that runs what it is told to, and answers with JSON.

Each side of a comparison needs its own Django; a worker is one. It reads a line
`{"call": "module:function", "arguments": {…}}` and writes a line `{"result": …}`.
"""

import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from benchmarks.environment import ROOT

STOP_SECONDS = 10


class WorkerFailed(RuntimeError):
    """What was called raised, or the process ended; the message holds its traceback."""


class Worker:
    """The near end of a worker."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def call(self, function: str, **arguments: Any) -> Any:
        """Run `module:function` over there and return its result.

        :raises WorkerFailed: it raised.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": function, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise WorkerFailed(f"{function}: the worker ended with {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerFailed(f"{function} failed:\n{answer['error']}")
        return answer["result"]


@contextmanager
def working(environment: Mapping[str, str]) -> Iterator[Worker]:
    """Have a worker for the length of a block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.worker"],
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Worker(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main() -> None:
    """Serve calls until standard input ends."""
    # What code prints must not be taken for an answer.
    answers: IO[str] = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    import django

    django.setup()
    for line in sys.stdin:
        try:
            order = json.loads(line)
            module, _, name = order["call"].partition(":")
            result = getattr(importlib.import_module(module), name)(**order["arguments"])
            answer = {"result": result}
        except Exception:  # noqa: BLE001 - the near end raises it again
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
