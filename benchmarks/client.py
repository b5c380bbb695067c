"""A client process: one connection that is kept alive, one request again and again.

It reads a line `{"port", "request", "length", "seconds"}` and answers with a line
`{"count", "seconds", "latencies"}`. Every reply's status and length are looked at.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.environment import ROOT

STOP_SECONDS = 10
TIMEOUT = 30


class WrongReply(AssertionError):
    """A reply is not the one that was looked at before measuring."""


@dataclass(frozen=True)
class Target:
    """What to ask of whom, and how long the body of the answer is."""

    port: int
    request: bytes
    length: int


class Connection:
    """A kept-alive HTTP/1.1 connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def exchange(self, request: bytes) -> tuple[int, bytes]:
        """Send a request; return status and body.

        :raises WrongReply: the answer does not say where it ends, or ends early.
        """
        self._socket.sendall(request)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        head, rest = received[:end].lower() + b"\r\n", received[end + 4 :]
        status = int(received[9:12])
        at = head.find(b"\r\ncontent-length:")
        if at >= 0:
            length = int(head[at + 17 : head.find(b"\r\n", at + 2)])
            return status, self._read(rest, length)
        if b"\r\ntransfer-encoding: chunked" in head:
            return status, self._read_chunks(rest)
        raise WrongReply(f"neither length nor chunks: {received[:300]!r}")

    def _read(self, received: bytes, length: int) -> bytes:
        parts, missing = [received], length - len(received)
        while missing > 0:
            parts.append(self._receive())
            missing -= len(parts[-1])
        return b"".join(parts)

    def _read_chunks(self, received: bytes) -> bytes:
        body = b""
        while True:
            while (end := received.find(b"\r\n")) < 0:
                received += self._receive()
            size, received = int(received[:end], 16), received[end + 2 :]
            received = self._read(received, size + 2)
            if size == 0:
                return body
            body, received = body + received[:size], received[size + 2 :]

    def _receive(self) -> bytes:
        data = self._socket.recv(262_144)
        if not data:
            raise WrongReply("the connection was closed in the middle of a reply")
        return data

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def get(*, port: int, request: bytes) -> bytes:
    """Return the body of one 200 reply.

    :raises WrongReply: it is another status.
    """
    connection = Connection(port)
    try:
        status, body = connection.exchange(request)
    finally:
        connection.close()
    if status != 200:
        raise WrongReply(f"{status}: {body[:2000].decode(errors='replace')}")
    return body


class Clients:
    """The near end of several client processes."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def load(self, target: Target, *, seconds: float, count: int) -> tuple[float, list[float]]:
        """Have `count` clients ask for a time; return requests per second, and all latencies in s."""
        order = {
            "port": target.port,
            "request": target.request.decode(),
            "length": target.length,
            "seconds": seconds,
        }
        asked = self._processes[:count]
        for process in asked:
            assert process.stdin is not None
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
        speed, latencies = 0.0, []
        for process in asked:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise WrongReply("a client stopped; what it saw is above")
            answer = json.loads(line)
            speed += answer["count"] / answer["seconds"]
            latencies += answer["latencies"]
        return speed, latencies


@contextmanager
def clients(count: int) -> Iterator[Clients]:
    """Have client processes for the length of a block."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.client"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for _ in range(count)
    ]
    try:
        yield Clients(processes)
    finally:
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _load(order: dict[str, Any]) -> dict[str, Any]:
    connection = Connection(order["port"])
    request, length = order["request"].encode(), order["length"]
    latencies = []
    begun = before = time.perf_counter()
    end = begun + order["seconds"]
    while before < end:
        status, body = connection.exchange(request)
        now = time.perf_counter()
        if status != 200 or len(body) != length:
            raise WrongReply(
                f"{status}, {len(body)} bytes in the place of {length}: {body[:500]!r}"
            )
        latencies.append(now - before)
        before = now
    connection.close()
    return {"count": len(latencies), "seconds": before - begun, "latencies": latencies}


def main() -> None:
    """Serve orders until standard input ends."""
    for line in sys.stdin:
        print(json.dumps(_load(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
