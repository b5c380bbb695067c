"""The fake's HTTP: authorization, idempotency, and failures on demand."""

import copy
import hmac
import http.server
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.commerce.payments.stripe_fake.account import Account, Object, Refusal


class Fault(Enum):
    """How a request can go wrong."""

    ERROR_BEFORE = "answers 500, having done nothing"
    ERROR_AFTER = "answers 500, having done the work"
    RESET_BEFORE = "resets the connection, having done nothing"
    RESET_AFTER = "resets the connection, having done the work"
    SILENCE_AFTER = "never answers, having done the work"


@dataclass
class StripeFake:
    """A running fake: accounts by their secret keys."""

    url: str = ""
    accounts: dict[str, Account] = field(default_factory=dict)
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    # Called with the path once the work is done, before it is answered.
    after_work: Callable[[str], None] = lambda path: None
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def open_account(self, name: str) -> Account:
        account = Account(secret_key=f"sk_test_{name}", webhook_secret=f"whsec_{name}")
        self.accounts[account.secret_key] = account
        return account

    def fail(self, path: str, fault: Fault, *, times: int = 1) -> None:
        """Have the next requests go wrong that make something at a path."""
        self.faults += [(path, fault)] * times

    def take_fault(self, path: str) -> Fault | None:
        for planned in self.faults:
            if planned[0] == path:
                self.faults.remove(planned)
                return planned[1]
        return None

    def asked(self, method: str, path: str) -> int:
        """How often something was asked for."""
        return sum(each[:2] == (method, path) for each in self.requests)


def signed(event: Object, *, secret: str, at: float | None = None) -> tuple[bytes, str]:
    """An event's body, and its header Stripe-Signature."""
    body = json.dumps(event, indent=2).encode()
    moment = int(time.time() if at is None else at)
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, sha256).hexdigest()
    return body, f"t={moment},v1={mac},v0={'0' * 64}"


class _Handler(http.server.BaseHTTPRequestHandler):
    fake: StripeFake
    protocol_version = "HTTP/1.1"
    # A reply goes in one piece: the second of two small ones would wait 40 ms for the client's word.
    wbufsize = -1

    def do_GET(self) -> None:
        self._serve({})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self._serve(_nested(body))

    def _serve(self, params: Object) -> None:
        path = urlsplit(self.path).path
        key = self.headers.get("Idempotency-Key", "")
        self.fake.requests.append((self.command, path, key))
        fault = self.fake.take_fault(path) if self.command == "POST" else None
        if fault == Fault.RESET_BEFORE:
            self._reset()
            return
        if fault == Fault.ERROR_BEFORE:
            self._answer(500, {"error": {"type": "api_error", "message": "Something went wrong"}})
            return
        status, answer = self._work(path, params, key)
        if self.command == "POST":
            self.fake.after_work(path)
        if fault == Fault.RESET_AFTER:
            self._reset()
        elif fault == Fault.SILENCE_AFTER:
            self.fake.closing.wait()
        elif fault == Fault.ERROR_AFTER:
            self._answer(500, {"error": {"type": "api_error", "message": "Something went wrong"}})
        else:
            self._answer(status, answer)

    def _work(self, path: str, params: Object, key: str) -> tuple[int, Object]:
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        account = self.fake.accounts.get(token) if scheme == "Bearer" else None
        if account is None:
            return 401, {
                "error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}
            }
        with account.lock:
            if self.command == "GET":
                return self._outcome(lambda: _read(account, self.path))
            # The same path with the same parameters is the same request.
            words = f"{path}\n{json.dumps(params, sort_keys=True)}"
            if key and key in account.answered:
                before, status, answer = account.answered[key]
                if before != words:
                    message = (
                        "Keys for idempotent requests can only be used with the same parameters"
                    )
                    return 400, {"error": {"type": "idempotency_error", "message": message}}
                return status, answer
            status, answer = self._outcome(lambda: _write(account, path, params))
            # What was refused before it began is not kept.
            if key and status in {200, 402}:
                account.answered[key] = (words, status, answer)
            return status, answer

    def _outcome(self, work: Callable[[], Object]) -> tuple[int, Object]:
        try:
            return 200, copy.deepcopy(work())
        except Refusal as refusal:
            return refusal.status, copy.deepcopy(refusal.body)

    def _answer(self, status: int, body: Object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Request-Id", "req_fake")
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(content)

    def _reset(self) -> None:
        # No lingering: what is closed so is reset.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


def _write(account: Account, path: str, params: Object) -> Object:
    match path.removeprefix("/v1/").split("/"):
        case ["customers"]:
            return account.create_customer(params)
        case ["payment_intents"]:
            return account.create_intent(params)
        case ["payment_intents", id_, "cancel"]:
            return account.cancel_intent(id_)
        case ["refunds"]:
            return account.create_refund(params)
    raise Refusal(404, "invalid_request_error", "url_invalid", f"Unrecognized request URL: {path}")


def _read(account: Account, url: str) -> Object:
    parts = urlsplit(url)
    asked = _nested(parts.query)
    match parts.path.removeprefix("/v1/").split("/"):
        case ["payment_intents", id_]:
            return account.get(id_, "payment_intent")
        case ["payment_intents"]:
            return _page(account.all("payment_intent"), asked, by="customer", url=parts.path)
        case ["refunds"]:
            return _page(account.all("refund"), asked, by="payment_intent", url=parts.path)
        case ["disputes"]:
            return _page(account.all("dispute"), asked, by="payment_intent", url=parts.path)
    raise Refusal(404, "invalid_request_error", "url_invalid", f"Unrecognized request URL: {url}")


def _page(rows: list[Object], asked: Object, *, by: str, url: str) -> Object:
    since = int(asked.get("created", {}).get("gte", 0))
    found = [row for row in reversed(rows) if row[by] == asked.get(by) and row["created"] >= since]
    ids = [row["id"] for row in found]
    start = ids.index(asked["starting_after"]) + 1 if "starting_after" in asked else 0
    limit = int(asked.get("limit", 10))
    return {
        "object": "list",
        "url": url,
        "has_more": start + limit < len(found),
        "data": found[start : start + limit],
    }


def _nested(form: str) -> Object:
    """`metadata[a]=b` as {"metadata": {"a": "b"}}."""
    params: Object = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        *parents, last = name.replace("]", "").split("[")
        place = params
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return params


@contextmanager
def running() -> Iterator[StripeFake]:
    """Start a fake on a free port of this machine."""
    fake = StripeFake()
    handler = type("Handler", (_Handler,), {"fake": fake})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield fake
    finally:
        fake.closing.set()
        server.shutdown()
        server.server_close()
