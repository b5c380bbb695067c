"""Clients of the API in a storm: each request has a key, and is sent until it has a definite answer."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from apps.kernel.ids import uuid7

# A storm that answers nothing for as long as this is no storm but an outage.
PATIENCE_SECONDS = 60
TIMEOUT_SECONDS = 15


@dataclass
class Log:
    """What was asked for, and what was acknowledged: ids by what they are ids of."""

    acknowledged: dict[str, list[str]] = field(default_factory=dict)
    doubtful: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    retries: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def acknowledge(self, what: str, id_: str) -> None:
        with self.lock:
            self.acknowledged.setdefault(what, []).append(id_)

    def refuse(self, problem: str) -> None:
        with self.lock:
            self.refused[problem] = self.refused.get(problem, 0) + 1

    def doubt(self, what: str) -> None:
        with self.lock:
            self.doubtful[what] = self.doubtful.get(what, 0) + 1

    def blame(self, text: str) -> None:
        with self.lock:
            self.wrong.append(text)


class Client:
    """Somebody with a token and one connection, which is opened anew when it breaks."""

    def __init__(self, *, port: int, host: str, token: str, log: Log) -> None:
        self._port, self._log = port, log
        self._headers = {
            "Host": host,
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
        }
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> Any:
        status, body = self._until_definite("GET", path, None, {})
        return body if status == 200 else None

    def post(self, what: str, path: str, body: Any) -> Any:
        """Return the reply, or None where it was refused. The same key is sent until it is clear."""
        key = {"Idempotency-Key": str(uuid7())}
        status, reply = self._until_definite("POST", path, body, key)
        if status in {200, 201}:
            self._log.acknowledge(what, str(reply.get("id", "")))
            return reply
        if status is None:
            self._log.doubt(what)
        elif status in {400, 403, 404, 409, 422}:
            self._log.refuse(reply.get("type", "?").rpartition("/")[2])
        else:
            self._log.blame(f"{path}: {status} {reply}")
        return None

    def _until_definite(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int | None, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                status, reply = self._exchange(method, path, body, headers)
            except (OSError, http.client.HTTPException):
                self.close()
            else:
                in_flight = status == 409 and reply.get("type", "").endswith("in-flight")
                if status < 500 and status != 429 and not in_flight:
                    return status, reply
            self._log.retries += 1
            time.sleep(random.uniform(0.02, 0.2))
        return None, None

    def _exchange(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, Any]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._port, timeout=TIMEOUT_SECONDS
            )
        payload = None if body is None else json.dumps(body)
        self._connection.request(method, path, payload, {**self._headers, **headers})
        response = self._connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else {}

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def run_clients(
    acts: list[Callable[[random.Random], None]], *, seconds: float, seed: int, log: Log
) -> None:
    """Have each of `acts` done again and again, in a thread of its own, until the time is over."""
    end = time.monotonic() + seconds

    def go(act: Callable[[random.Random], None], draw: random.Random) -> None:
        while time.monotonic() < end:
            try:
                act(draw)
            except Exception as error:
                log.blame(f"a client failed: {error!r}")

    threads = [
        threading.Thread(target=go, args=(act, random.Random(seed + number)))
        for number, act in enumerate(acts)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
