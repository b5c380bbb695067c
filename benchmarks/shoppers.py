"""A client process that buys: a cart, a line, a checkout, again and again over one kept-alive connection.

It reads a line `{"port", "host", "tenant", "token", "items", "seconds"}` and answers with a line
`{"purchases", "seconds", "requests", "latencies"}`; latencies are of single requests, in seconds.
"""

import json
import random
import sys
import time
from typing import Any

from benchmarks.client import Connection, WrongReply


def _post(connection: Connection, order: dict[str, Any], path: str, body: Any) -> Any:
    payload = json.dumps(body).encode()
    head = "\r\n".join(
        [
            f"POST {path} HTTP/1.1",
            f"Host: {order['host']}",
            f"X-Tenant: {order['tenant']}",
            f"Authorization: Bearer {order['token']}",
            "Content-Type: application/json",
            f"Idempotency-Key: {random.getrandbits(128):032x}",
            f"Content-Length: {len(payload)}",
            "",
            "",
        ]
    )
    status, reply = connection.exchange(head.encode() + payload)
    if status not in {200, 201}:
        raise WrongReply(f"{path}: {status} {reply[:500]!r}")
    return json.loads(reply)


def _buy(order: dict[str, Any]) -> dict[str, Any]:
    connection = Connection(order["port"])
    latencies: list[float] = []

    def post(path: str, body: Any) -> Any:
        before = time.perf_counter()
        reply = _post(connection, order, path, body)
        latencies.append(time.perf_counter() - before)
        return reply

    purchases = 0
    begun = time.perf_counter()
    while time.perf_counter() < begun + order["seconds"]:
        cart = post("/api/v1/carts", {"currency": "USD"})
        item = random.choice(order["items"])
        post(f"/api/v1/carts/{cart['id']}/lines", {"item_id": item, "quantity": 1})
        bought = post("/api/v1/purchases", {"cart_id": cart["id"], "provider": "wallet"})
        if bought["state"] != "COMPLETED":
            raise WrongReply(f"not paid: {bought}")
        purchases += 1
    taken = time.perf_counter() - begun
    connection.close()
    return {
        "purchases": purchases,
        "seconds": taken,
        "requests": len(latencies),
        "latencies": latencies,
    }


def main() -> None:
    """Serve orders until standard input ends."""
    for line in sys.stdin:
        print(json.dumps(_buy(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
