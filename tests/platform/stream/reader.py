"""A reader of server-sent events over a plain socket, so that a test sees every byte."""

import contextlib
import json
import queue
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

WAIT = 20.0


@dataclass(frozen=True)
class Told:
    """One event as a client gets it."""

    kind: str
    id: int | None
    data: Any


class Reader:
    """A stream that is open. Events are read in a thread unless `reads` is False."""

    def __init__(
        self,
        port: int,
        *,
        host: str,
        headers: dict[str, str] | None = None,
        path: str = "/api/v1/stream",
        method: str = "GET",
        reads: bool = True,
        buffer: int | None = None,
    ) -> None:
        self._socket = socket.socket()
        if buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self._socket.settimeout(WAIT)
        self._socket.connect(("127.0.0.1", port))
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Accept: text/event-stream"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(": ")
            self.headers[name.lower()] = value
        self.events: queue.Queue[Told | None] = queue.Queue()
        self.comments: queue.Queue[str] = queue.Queue()
        self.retry: int | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.last_id: int | None = None
        if self.is_stream and reads:
            self.start()

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/event-stream")

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join()
        self._file.close()
        self._socket.close()

    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        return dict(json.loads(self._file.read(int(self.headers["content-length"]))))

    def start(self) -> None:
        self._thread.start()

    def comment(self) -> str:
        """The next comment."""
        return self.comments.get(timeout=WAIT)

    def take(self, kind: str | None = None) -> Told:
        """The next event, of a kind if one is named; the ones before it are passed over."""
        deadline = time.monotonic() + WAIT
        while True:
            told = self.events.get(timeout=max(0.01, deadline - time.monotonic()))
            assert told is not None, f"the stream ended: {list(self.comments.queue)}"
            if kind is None or told.kind == kind:
                return told

    def texts(self, *, until: str) -> list[str]:
        """What was said, up to and including a text."""
        said: list[str] = []
        while not said or said[-1] != until:
            told = self.take()
            if "text" in told.data:
                said.append(told.data["text"])
        return said

    def rest(self) -> list[Told]:
        """All events up to the end of the stream."""
        found = []
        while (told := self.events.get(timeout=WAIT)) is not None:
            found.append(told)
        return found

    def _read(self) -> None:
        try:
            buffer = b""
            while size := int(self._file.readline().strip() or b"0", 16):
                buffer += self._file.read(size)
                self._file.readline()
                while b"\n\n" in buffer:
                    block, buffer = buffer.split(b"\n\n", 1)
                    self._understand(block.decode())
        except (OSError, ValueError):
            pass
        self.events.put(None)

    def _understand(self, block: str) -> None:
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            if name:
                fields[name] = value.removeprefix(" ")
            else:
                self.comments.put(value.strip())
        if "retry" in fields:
            self.retry = int(fields["retry"])
        if "id" in fields:
            self.last_id = int(fields["id"])
        if "data" in fields:
            id_ = int(fields["id"]) if "id" in fields else None
            self.events.put(Told(fields["event"], id_, json.loads(fields["data"])))
