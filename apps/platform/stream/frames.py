"""What is written to a stream, as the HTML standard has server-sent events."""

from typing import Any

from apps.kernel.api.renderers import to_json

# How long a client waits before it comes back, in milliseconds.
RETRY = b"retry: 3000\n\n"
HEARTBEAT = b":\n\n"
TOO_SLOW = b": you read more slowly than there is to tell; come back with your Last-Event-ID\n\n"
STOPPING = b": this server stops; come back with your Last-Event-ID\n\n"
GONE = b""


def frame(*, kind: str, data: Any, position: int | None = None) -> bytes:
    """Return one event; `position`, where there is one, is what a client comes back with."""
    # A line break would end the field, and let the rest be read as another one.
    name = kind.replace("\r", " ").replace("\n", " ")
    head = b"" if position is None else b"id: %d\n" % position
    return b"%sevent: %s\ndata: %s\n\n" % (head, name.encode(), to_json(data))


def ready(position: int) -> bytes:
    """Return what a stream begins with: everything after `position` will be told."""
    return frame(kind="ready", data={"position": position}, position=position)


def reset(position: int, *, reason: str) -> bytes:
    """Return the request to load everything anew: what came before `position` is not told again."""
    return frame(kind="reset", data={"position": position, "reason": reason}, position=position)


def expired(reason: str) -> bytes:
    """Return the end of a stream whose listener has to sign in anew."""
    return frame(kind="expired", data={"reason": reason})


def closed(reason: str) -> bytes:
    """Return the end of a stream that is not to be opened again for now."""
    return frame(kind="closed", data={"reason": reason})
