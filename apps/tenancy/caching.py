"""What is kept of a tenant for a short while: in Valkey for all processes, and in each for itself.

Every kind of thing (`users.profile`, `platform.tag`) has a *generation* per tenant in Valkey: a random
word that is part of the key of everything made of that kind. Whoever changes a thing of the kind
renews it right after the commit, before the writer is answered; from then on nothing that was made
before can be found, in any process. The generation is asked for at every look-up, also for what the
process itself has kept. Where Valkey does not answer, nothing is kept and everything is made anew.
"""

import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from apps.kernel.messages import Envelope
from apps.tenancy import binding

logger = logging.getLogger(__name__)

PROFILE_SECONDS = 15 * 60
EVENT_SECONDS = 5 * 60
LIST_SECONDS = 60

# A request waits for this: a Valkey that does not answer must not hold it.
TIMEOUT_SECONDS = 0.25
# After a failure this process makes everything anew for so long, without asking.
REST_SECONDS = 5.0
# Longer than anything is kept. A generation that was lost is replaced by one that never was.
GENERATION_SECONDS = 24 * 3600
# Whoever makes a value has so long before another begins; those who wait look as often.
FILL_SECONDS = 2.0
POLL_SECONDS = 0.02

# Of this process: what was just fetched need not travel again.
NEAR_SECONDS = 5
NEAR_ENTRIES = 512
LARGEST_NEAR = 64 * 1024

Make = Callable[[], bytes | None]

# By key: until when, and the value; those used longest ago are first.
_near: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
_near_lock = threading.Lock()
_kinds_changed_by: dict[str, set[str]] = {}
_rest_until = [0.0]

RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How something is kept: for how long, and which kinds of things it is made of."""

    seconds: int
    kinds: tuple[str, ...]


def depend(kind: str, *, on: Iterable[str]) -> None:
    """Have messages renew a kind's generation, as soon as they are committed.

    :param on: the kinds of messages, "<context>.<Class>".
    """
    for message in on:
        _kinds_changed_by.setdefault(message, set()).add(kind)


def changed_by(messages: Iterable[str]) -> set[str]:
    """Return the kinds of things that kinds of messages change."""
    return {kind for message in messages for kind in _kinds_changed_by.get(message, ())}


def cached(*, tenant_id: UUID, key: str, keep: Keep, make: Make) -> bytes | None:
    """Return what is kept under a key, or make and keep it; many who ask at once make it once.

    :param key: says all that the value depends on besides the tenant and `keep.kinds`.
    :param make: returns the value, or None for one that is not to be kept, which is then returned.
        It reads what is committed by now, never what a replica may lag behind with.
    """
    try:
        place = _place(tenant_id, key, keep.kinds)
        found = _look(place)
        if found is not None:
            return found
        return _fill(place, keep, make)
    except _Silent:
        return make()


def forget(*, tenant_id: UUID, kinds: Collection[str]) -> bool:
    """Forget all that is made of some kinds of things; return whether Valkey was told."""
    if not kinds:
        return True
    pairs = {_generation_key(tenant_id, kind): _new_generation() for kind in sorted(kinds)}
    try:
        pipe = _client().pipeline(transaction=True)
        for name, value in pairs.items():
            pipe.set(name, value, ex=GENERATION_SECONDS)
        pipe.execute()
    except (RedisError, OSError) as error:
        logger.warning("what is kept of %s can't be forgotten now: %s", tenant_id, error)
        return False
    return True


class NotForgotten(RuntimeError):
    """Valkey does not answer; the message that tells of the change is delivered again."""


def forget_what_changed(message: Any, envelope: Envelope) -> None:
    """Forget what a delivered message changed: the second net, for when Valkey was away.

    :raises NotForgotten: it still is.
    """
    kinds = changed_by([envelope.kind])
    if not forget(tenant_id=envelope.tenant_id, kinds=kinds):
        raise NotForgotten(f"Valkey does not answer: {', '.join(sorted(kinds))} is still kept.")


def forget_after_commit(messages: Collection[str]) -> None:
    """Have the bound block forget, once it has committed, what kinds of messages change."""
    bound = binding.require()
    tenant_id = bound.tenant_id
    for kind in sorted(changed_by(messages)):
        bound.add_hook(_forgetting(tenant_id, kind), once=f"forget:{kind}")


def leave_near() -> None:
    """Empty what this process keeps for itself."""
    with _near_lock:
        _near.clear()
    _rest_until[0] = 0.0


def _forgetting(tenant_id: UUID, kind: str) -> Callable[[], object]:
    return lambda: forget(tenant_id=tenant_id, kinds=[kind])


class _Silent(Exception):
    """Valkey does not answer."""


@cache
def _client() -> Redis:
    return Redis.from_url(
        settings.VALKEY_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )


def _ask(question: Callable[[Redis], Any]) -> Any:
    if time.monotonic() < _rest_until[0]:
        raise _Silent
    try:
        return question(_client())
    except (RedisError, OSError) as error:
        _rest_until[0] = time.monotonic() + REST_SECONDS
        logger.warning("nothing is kept while Valkey does not answer: %s", error)
        raise _Silent from error


def _place(tenant_id: UUID, key: str, kinds: Sequence[str]) -> str:
    """Return the key of a value under the present generations of what it is made of."""
    names = [_generation_key(tenant_id, kind) for kind in kinds]
    generations = _ask(lambda client: client.mget(names))
    for number, name in enumerate(names):
        if generations[number] is None:
            generations[number] = _ask(partial(_begin, name=name))
    return f"{tenant_id}:kept:{':'.join(each.decode() for each in generations)}:{key}"


def _begin(client: Redis, *, name: str) -> Any:
    client.set(name, _new_generation(), nx=True, ex=GENERATION_SECONDS)
    return client.get(name) or _new_generation().encode()


def _look(place: str) -> bytes | None:
    with _near_lock:
        until, near = _near.get(place, (0.0, b""))
        if time.monotonic() < until:
            _near.move_to_end(place)
            return near
    found: bytes | None = _ask(lambda client: client.get(place))
    if found is not None:
        _keep_near(place, found)
    return found


def _fill(place: str, keep: Keep, make: Make) -> bytes | None:
    """Make a value, or wait for who is making it."""
    lock, mine = f"{place}:making", uuid4().hex
    until = time.monotonic() + FILL_SECONDS
    while not _ask(lambda client: client.set(lock, mine, nx=True, px=int(FILL_SECONDS * 1000))):
        time.sleep(POLL_SECONDS)
        found = _look(place)
        if found is not None:
            return found
        if time.monotonic() > until or not _ask(lambda client: client.exists(lock)):
            # It is kept before the lock is let go: what isn't there now came to nothing that can be kept.
            return _look(place) or make()
    try:
        made = _look(place) or make()
        if made is not None:
            _try(lambda client: client.set(place, made, ex=keep.seconds))
            _keep_near(place, made)
        return made
    finally:
        _try(lambda client: client.eval(RELEASE, 1, lock, mine))


def _try(order: Callable[[Redis], Any]) -> None:
    try:
        _ask(order)
    except _Silent:
        return


def _keep_near(place: str, value: bytes) -> None:
    if len(value) > LARGEST_NEAR:
        return
    with _near_lock:
        _near[place] = time.monotonic() + NEAR_SECONDS, value
        _near.move_to_end(place)
        if len(_near) > NEAR_ENTRIES:
            _near.popitem(last=False)


def _generation_key(tenant_id: UUID, kind: str) -> str:
    return f"{tenant_id}:generation:{kind}"


def _new_generation() -> str:
    return uuid4().hex[:16]


def to_bytes(value: Any) -> bytes:
    """Return a plain value as it is kept."""
    return json.dumps(value, separators=(",", ":")).encode()


def from_bytes(kept: bytes) -> Any:
    """Return a plain value that was kept."""
    return json.loads(kept)
