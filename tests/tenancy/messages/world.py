"""Messages, handlers and a table for the tests; the relays that they start as processes load it too.

What a handler does is a row of `effects`, in the home of the tenant and the database it writes in.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.db import connections

from apps.kernel import messages
from apps.tenancy import binding
from apps.tenancy.models import Tenant
from apps.tenancy.roles import as_owner

CONTEXTS = ("users", "platform")
# Two contexts, three handlers.
HANDLERS = {"users.note": "users", "platform.note": "platform", "platform.note_again": "platform"}

TABLE = """
CREATE TABLE effects (
    tenant_id uuid NOT NULL DEFAULT current_setting('app.tenant_id')::uuid,
    n bigint GENERATED ALWAYS AS IDENTITY,
    handler text NOT NULL, about uuid NOT NULL, number int NOT NULL,
    PRIMARY KEY (tenant_id, n)
);
ALTER TABLE effects ENABLE ROW LEVEL SECURITY;
ALTER TABLE effects FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON effects USING (tenant_id = current_setting('app.tenant_id')::uuid);
GRANT SELECT, INSERT, DELETE ON effects TO quintet_app
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Something happened to a thing, for the `number`th time."""

    AGGREGATE: ClassVar[str] = "thing"

    thing_id: UUID
    number: int

    @property
    def aggregate_id(self) -> UUID:
        return self.thing_id


def effect_of(handler: str, *, before: Callable[[Ticked], object] = bool) -> messages.Handle:
    """What a handler does: it notes the message in its table. `before` may fail, or worse."""

    def handle(message: Ticked, envelope: messages.Envelope) -> None:
        before(message)
        with connections[HANDLERS[handler]].cursor() as cursor:
            cursor.execute(
                "INSERT INTO effects (handler, about, number) VALUES (%s, %s, %s)",
                [handler, message.thing_id, message.number],
            )

    return handle


def subscribe(
    *names: str,
    before: Callable[[Ticked], object] = bool,
    reset: Callable[[], object] | None = None,
) -> None:
    """Declare the message, and subscribe handlers to it."""
    messages.declare("users", Ticked)
    for name in names:
        messages.subscribe(
            name=name,
            context=HANDLERS[name],
            to=[Ticked],
            handle=effect_of(name, before=before),
            reset=reset,
        )


@contextmanager
def tables(home: str) -> Iterator[None]:
    """Have the table in a home of both databases."""
    _as_owner(home, TABLE)
    try:
        yield
    finally:
        connections.close_all()
        _as_owner(home, "DROP TABLE effects")


def _as_owner(home: str, statement: str) -> None:
    for alias in CONTEXTS:
        with as_owner(aliases=[alias], home=home), connections[alias].cursor() as cursor:
            cursor.execute(statement)


def tick(tenant: Tenant, thing: UUID, *numbers: int) -> None:
    """Record messages about one thing."""
    tick_all(tenant, [(thing, number) for number in numbers])


def tick_all(tenant: Tenant, ticks: Sequence[tuple[UUID, int]]) -> None:
    with binding.bind(tenant, writes="users"):
        messages.record_all(Ticked(thing_id=thing, number=number) for thing, number in ticks)


def effects(tenant: Tenant, handler: str = "users.note") -> list[tuple[UUID, int]]:
    """What a handler did for a tenant, in the order in which it did it."""
    statement = "SELECT about, number FROM effects WHERE handler = %s ORDER BY n"
    return ask(tenant, statement, [handler], context=HANDLERS[handler])


def numbers(tenant: Tenant, handler: str = "users.note") -> list[int]:
    return [number for _, number in effects(tenant, handler)]


def waiting(tenant: Tenant) -> list[Any]:
    """Handler, number of attempts, and whether it is dead, of what waits."""
    return ask(
        tenant,
        "SELECT handler, version, attempts, dead_at IS NOT NULL, last_error FROM outbox "
        "ORDER BY handler, version",
    )


def ask(
    tenant: Tenant, statement: str, parameters: Any = None, *, context: str = "users"
) -> list[Any]:
    """Run a statement, bound; return its rows if it has any."""
    with binding.bind(tenant, writes=context), connections[context].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []
