"""Messages: facts that are recorded with the write they tell of, and reach other contexts later.

A context *declares* its messages, frozen dataclasses of its `contracts`; an operation *records* one
in its own transaction; the relay hands it to whoever *subscribed*. A message carries ids, numbers and
states, never what is personal: it is kept for ever.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Protocol, get_args, get_type_hints
from uuid import UUID

from apps.kernel.ids import uuid7


class Message(Protocol):
    """A fact: a frozen dataclass of a context's contracts.

    `AGGREGATE` names what it is about; `aggregate_id` says which one. Messages about the same
    aggregate are delivered in the order in which they were recorded.
    """

    AGGREGATE: ClassVar[str]

    @property
    def aggregate_id(self) -> UUID: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What is known of a recorded message besides itself. `version` counts per aggregate from 1."""

    id: UUID
    tenant_id: UUID
    kind: str
    aggregate_type: str
    aggregate_id: UUID
    version: int
    occurred_at: datetime
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A message on its way into the log of its context. `handlers` are those who want it."""

    id: UUID
    kind: str
    aggregate_type: str
    aggregate_id: UUID
    payload: Mapping[str, Any]
    handlers: Sequence[str]


Handle = Callable[[Any, Envelope], object]
Recorder = Callable[[str, Sequence[Record]], None]


@dataclass(frozen=True)
class Subscription:
    """A handler, and what it wants: it runs bound to the tenant and writes in `context`.

    :param wants: returns whether a kind of message is for it.
    :param reset: empties what the handler keeps, before a replay fills it anew; None where a
        replay makes no sense, because what was done can't be undone.
    """

    name: str
    context: str
    handle: Handle
    wants: Callable[[str], bool]
    reset: Callable[[], object] | None = None


class Undeclared(LookupError):
    """A message was recorded, or subscribed to, that no context declares."""

    def __init__(self, what: object) -> None:
        super().__init__(
            f"No context declares the message {what!r}. Declare it in the ready() of its owner."
        )


class SeveralContexts(ValueError):
    """Messages of several contexts were to be recorded at once: no transaction spans them."""

    def __init__(self, contexts: Collection[str]) -> None:
        super().__init__(
            f"These messages belong to several contexts: {', '.join(sorted(contexts))}."
        )


_kinds: dict[str, type[Any]] = {}
_contexts: dict[type[Any], str] = {}
_subscriptions: dict[str, Subscription] = {}
_recorder: list[Recorder] = []
_known_readers: dict[type[Any], dict[str, Callable[[Any], Any]]] = {}


def declare(context: str, *types: type[Any]) -> None:
    """Declare the messages a context records, from its `ready()`."""
    for kind in types:
        _kinds[f"{context}.{kind.__name__}"] = kind
        _contexts[kind] = context


def subscribe(
    *,
    name: str,
    context: str,
    handle: Handle,
    to: Iterable[type[Any]] | None = None,
    reset: Callable[[], object] | None = None,
) -> None:
    """Subscribe a handler, from the `ready()` of the context it writes in.

    :param name: "<context>.<what it does>"; kept with what is delivered, so it never changes.
    :param to: classes of messages; None for all there are.
    """
    types = None if to is None else frozenset(to)

    def wants(kind: str) -> bool:
        return types is None or _kinds.get(kind) in types

    _subscriptions[name] = Subscription(
        name=name, context=context, handle=handle, wants=wants, reset=reset
    )


def kind_of(message: Any) -> str:
    """Return "<context>.<Class>" of a message.

    :raises Undeclared: no context declares it.
    """
    try:
        return f"{_contexts[type(message)]}.{type(message).__name__}"
    except KeyError:
        raise Undeclared(type(message).__name__) from None


def kinds() -> Collection[str]:
    """Return the kinds of message there are, in order."""
    return sorted(_kinds)


def subscriptions() -> Mapping[str, Subscription]:
    """Return every subscription by its name."""
    return dict(_subscriptions)


def subscribers_of(kind: str) -> list[str]:
    """Return the names of the handlers that want a kind of message, in order."""
    return sorted(name for name, wanted in _subscriptions.items() if wanted.wants(kind))


def record_with(recorder: Recorder) -> None:
    """Name the function that writes messages down: tenancy's, which knows what is bound."""
    _recorder[:] = [recorder]


def record(message: Message) -> UUID:
    """Record a message in the transaction of the write it tells of; return its id.

    :raises Undeclared: no context declares it.
    """
    return record_all([message])[0]


def record_all(messages: Iterable[Message]) -> list[UUID]:
    """Record messages of one context, in their order, by one call of the database; return their ids.

    :raises Undeclared: no context declares one of them.
    :raises SeveralContexts: they are not of one context.
    """
    records = [_to_record(message) for message in messages]
    contexts = {each.kind.partition(".")[0] for each in records}
    if len(contexts) > 1:
        raise SeveralContexts(contexts)
    for context in contexts:
        _recorder[0](context, records)
    return [each.id for each in records]


def _to_record(message: Message) -> Record:
    kind = kind_of(message)
    return Record(
        id=uuid7(),
        kind=kind,
        aggregate_type=message.AGGREGATE,
        aggregate_id=message.aggregate_id,
        payload=to_payload(message),
        handlers=subscribers_of(kind),
    )


def to_payload(message: Any) -> dict[str, Any]:
    """Return a message's fields as JSON knows them: ids and times as texts."""
    return {name: _plain(getattr(message, name)) for name in _readers(type(message))}


def from_payload(kind: str, payload: Mapping[str, Any]) -> Any:
    """Return the message that was recorded. Fields it has lost since are left out.

    :raises Undeclared: its kind is gone.
    """
    if kind not in _kinds:
        raise Undeclared(kind)
    readers = _readers(_kinds[kind])
    return _kinds[kind](
        **{name: readers[name](value) for name, value in payload.items() if name in readers}
    )


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _readers(cls: type[Any]) -> dict[str, Callable[[Any], Any]]:
    """Return, by a message's fields, what makes a field's value of what JSON kept of it."""
    if cls not in _known_readers:
        hints = get_type_hints(cls)
        _known_readers[cls] = {
            field.name: _reader(hints[field.name]) for field in dataclasses.fields(cls)
        }
    return _known_readers[cls]


def _reader(annotation: Any) -> Callable[[Any], Any]:
    inner = {annotation, *get_args(annotation)}
    if UUID in inner:
        of_one: Callable[[Any], Any] = UUID
    elif datetime in inner:
        of_one = datetime.fromisoformat
    else:
        of_one = _as_it_is

    def read(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, list):
            return tuple(of_one(item) for item in value)
        return of_one(value)

    return read


def _as_it_is(value: Any) -> Any:
    return value
