"""A process that holds many streams open, and notes when which event came.

It reads lines `{"port", "host", "tickets"}`, opens a stream with each ticket and answers with a line
`{"open": n}`. The line `{"stop": true}` closes all and is answered with `{"heard": [[position, time]…]}`.
"""

import asyncio
import json
import sys
import time
from typing import Any

AT_ONCE = 20
READY_SECONDS = 60


class NotOpened(RuntimeError):
    """A stream was refused."""


async def _open(
    port: int, host: str, ticket: str, heard: list[tuple[int, float]], gate: asyncio.Semaphore
) -> tuple[asyncio.StreamWriter, asyncio.Task[None]]:
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            f"GET /api/v1/stream?ticket={ticket} HTTP/1.1\r\nHost: {host}\r\n"
            "Accept: text/event-stream\r\n\r\n".encode()
        )
        status = await reader.readline()
        if b" 200 " not in status:
            raise NotOpened(status.decode())
        async with asyncio.timeout(READY_SECONDS):
            while not (await reader.readline()).startswith(b"event: ready"):
                pass
    return writer, asyncio.create_task(_hear(reader, heard))


async def _hear(reader: asyncio.StreamReader, heard: list[tuple[int, float]]) -> None:
    # The line of the `ready` that is open yet is its data: an id is the next event's.
    while line := await reader.readline():
        if line.startswith(b"id: "):
            heard.append((int(line[4:]), time.time()))


async def _main() -> None:
    loop = asyncio.get_running_loop()
    heard: list[tuple[int, float]] = []
    opened: list[tuple[asyncio.StreamWriter, asyncio.Task[None]]] = []
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order: dict[str, Any] = json.loads(line)
        if "stop" in order:
            for writer, task in opened:
                task.cancel()
                writer.close()
            answer: dict[str, Any] = {"heard": heard}
            heard, opened = [], []
        else:
            gate = asyncio.Semaphore(AT_ONCE)
            opened += await asyncio.gather(
                *(
                    _open(order["port"], order["host"], ticket, heard, gate)
                    for ticket in order["tickets"]
                )
            )
            answer = {"open": len(opened)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(_main())
