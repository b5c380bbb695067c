"""Binding: entering a tenant, which is the unit of work.

`bind` is the only way to tenant rows. It holds no connection until one is needed: the database it
writes in is enlisted at once, others at first touch and read-only, so PostgreSQL itself refuses a
write in two contexts. Enlisting opens a transaction and sends, in one round trip, `SET LOCAL` for
the tenant, the search path and the origin.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from django.db import connections, transaction
from psycopg import sql

from apps.tenancy import origin as origins
from apps.tenancy.errors import (
    BindingClosed,
    BindingElsewhere,
    SwallowedFailure,
    TenantMismatch,
    Unbound,
    UnknownContext,
    WritesElsewhere,
)
from apps.tenancy.origin import Actor, Origin
from config.databases import HOME_ALIASES, REPLICA_SUFFIX, context_of

if TYPE_CHECKING:
    from apps.tenancy.postgresql.base import DatabaseWrapper


class Placed(Protocol):
    """Anything that says which tenant it is and where that tenant lives."""

    @property
    def id(self) -> UUID: ...

    @property
    def schema_name(self) -> str: ...


_current: ContextVar["Binding | None"] = ContextVar("quintet_binding", default=None)


class Binding:
    """One tenant, one thread, one transaction per enlisted database."""

    __slots__ = (
        "_enlisted",
        "_hooks",
        "_once",
        "_rollback",
        "_settings",
        "_thread",
        "home",
        "is_closing",
        "is_open",
        "origin",
        "reads_replica",
        "tenant",
        "tenant_id",
        "writes",
    )

    def __init__(
        self,
        *,
        tenant: Placed,
        writes: str | None,
        origin: Origin,
        replica: bool = False,
    ) -> None:
        self.tenant = tenant
        self.tenant_id = tenant.id
        self.home = tenant.schema_name
        self.writes = writes
        self.origin = origin
        self.reads_replica = replica and writes is None
        self.is_open = True
        self.is_closing = False
        self._thread = threading.get_ident()
        self._enlisted: list[tuple[DatabaseWrapper, transaction.Atomic]] = []
        self._hooks: list[Callable[[], object]] = []
        self._once: set[str] = set()
        self._rollback = False
        self._settings: str | None = None

    def __repr__(self) -> str:
        state = "open" if self.is_open else "closed"
        return f"<Binding tenant={self.tenant_id} home={self.home} writes={self.writes} {state}>"

    def check_usable(self, alias: str) -> None:
        """Refuse a binding that has ended, or that belongs to another thread.

        :raises BindingClosed: the block has ended.
        :raises BindingElsewhere: another thread opened the block.
        """
        if not self.is_open:
            raise BindingClosed(alias)
        if threading.get_ident() != self._thread:
            raise BindingElsewhere(alias)

    @property
    def takes_databases(self) -> bool:
        """Whether another database can still be enlisted: not while the enlisted ones are ended."""
        return self.is_open and not self.is_closing

    def enlist(self, connection: "DatabaseWrapper") -> None:
        """Open a transaction on `connection` and put it under this binding.

        Called by the database backend, before any cursor is made.
        """
        self.check_usable(connection.alias)
        if self.is_closing:
            raise BindingClosed(connection.alias)
        atomic = transaction.Atomic(using=connection.alias, savepoint=True, durable=False)
        atomic.__enter__()
        connection.binding = self
        self._enlisted.append((connection, atomic))
        self.send_settings(connection)

    def send_settings(self, connection: "DatabaseWrapper") -> None:
        """Send tenant, search path and origin, transaction-local, in one round trip."""
        settings = self._settings
        if settings is None:
            settings = self._settings = self._render_settings()
        if context_of(connection.alias) != self.writes:
            settings += "; SET LOCAL transaction_read_only = on"
        connection.run_unprepared(settings)

    def _render_settings(self) -> str:
        # SET LOCAL with literals, not set_config(): only the former reaches Citus workers.
        path = sql.SQL("SET LOCAL search_path = {}, extensions").format(sql.Identifier(self.home))
        tenant = sql.SQL("SET LOCAL app.tenant_id = {}").format(sql.Literal(str(self.tenant_id)))
        return "; ".join(
            [path.as_string(None), tenant.as_string(None), self.origin.statement(local=True)]
        )

    def rollback(self) -> None:
        """Have every enlisted transaction roll back when the block ends, without an exception."""
        self._rollback = True

    def check_constraints(self) -> None:
        """Check what is deferred now, so that a bad write is refused before the answer is rendered.

        :raises django.db.IntegrityError: a deferred constraint does not hold.
        """
        for connection, _ in self._enlisted:
            if context_of(connection.alias) == self.writes:
                connection.run_unprepared(
                    "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED"
                )

    def close(self, error: BaseException | None) -> None:
        """End every transaction: readers first, the writer last. Then run the hooks, unbound."""
        failure = error
        self.is_closing = True
        try:
            for connection, atomic in sorted(
                self._enlisted,
                key=lambda entry: context_of(entry[0].alias) == self.writes,
            ):
                failure = self._close_one(connection, atomic, failure)
        finally:
            self.is_open = False
            self._enlisted = []
        if failure is not None and failure is not error:
            raise failure

    def _close_one(
        self,
        connection: "DatabaseWrapper",
        atomic: transaction.Atomic,
        failure: BaseException | None,
    ) -> BaseException | None:
        if failure is None and self._rollback:
            connection.needs_rollback = True
        elif failure is None and connection.has_failed():
            # COMMIT of an aborted transaction is a ROLLBACK that reports success.
            failure = SwallowedFailure(connection.alias)
        try:
            if failure is None:
                atomic.__exit__(None, None, None)
            else:
                atomic.__exit__(type(failure), failure, failure.__traceback__)
        except Exception as error:  # noqa: BLE001 - the other databases must be closed all the same
            failure = failure or error
        finally:
            connection.leave_binding()
        return failure

    def take_hooks(self) -> list[Callable[[], object]]:
        """Return what is to run after a successful end; empty when the block rolled back."""
        hooks, self._hooks = self._hooks, []
        return [] if self._rollback else hooks

    def add_hook(self, hook: Callable[[], object], *, once: str = "") -> None:
        """Keep `hook` for after the end of the block; of those with the same `once`, the first."""
        if once and once in self._once:
            return
        self._once.add(once)
        self._hooks.append(hook)


def current() -> Binding | None:
    """Return the binding this code runs under, or None."""
    return _current.get()


def require() -> Binding:
    """Return the open binding.

    :raises Unbound: there is none.
    :raises BindingClosed: there is one, and its block has ended.
    """
    binding = _current.get()
    if binding is None:
        raise Unbound("any context")
    binding.check_usable("any context")
    return binding


@contextmanager
def bind(
    tenant: Placed,
    *,
    writes: str | None = None,
    actor: Actor | None = None,
    request_id: UUID | None = None,
    source: str | None = None,
    replica: bool = False,
) -> Iterator[Binding]:
    """Enter a tenant: everything inside the block sees that tenant's rows and no others.

    :param writes: the one context the block may write in; None for reading only.
    :param actor: who does it; what is not said here and below is the surrounding origin's.
    :param source: where the work comes from: api, admin, command or task.
    :param replica: reads may come from a replica, which can lag behind what was just written.
    :raises TenantMismatch: inside another tenant's block.
    :raises WritesElsewhere: inside a block of the same tenant that writes elsewhere, or only reads.
    :raises UnknownContext: `writes` names a database without homes.
    """
    if writes is not None and writes not in HOME_ALIASES:
        raise UnknownContext(writes)
    outer = _current.get()
    if outer is not None and outer.is_open:
        yield _join(outer, tenant=tenant, writes=writes)
        return

    binding = Binding(
        tenant=tenant,
        writes=writes,
        origin=_origin_of(actor=actor, request_id=request_id, source=source),
        replica=replica,
    )
    token = _current.set(binding)
    try:
        try:
            if writes is not None:
                connections[writes].enlist(binding)  # type: ignore[attr-defined]
            yield binding
        except BaseException as error:
            binding.close(error)
            raise
        else:
            binding.close(None)
    finally:
        _current.reset(token)
    for hook in binding.take_hooks():
        hook()


def _origin_of(*, actor: Actor | None, request_id: UUID | None, source: str | None) -> Origin:
    around = origins.current() or Origin()
    return replace(
        around,
        actor=actor or around.actor,
        request_id=request_id or around.request_id,
        source=source or around.source,
    )


def _join(outer: Binding, *, tenant: Placed, writes: str | None) -> Binding:
    outer.check_usable(writes or "any context")
    if outer.tenant_id != tenant.id:
        raise TenantMismatch(bound=outer.tenant_id, wanted=tenant.id)
    if writes is not None and writes != outer.writes:
        raise WritesElsewhere(declared=outer.writes, wanted=writes)
    return outer


def replica_of(alias: str) -> str:
    """Return the alias of a database's replica, or `alias` itself where it has none."""
    replica = alias + REPLICA_SUFFIX
    return replica if replica in connections.databases else alias


def on_commit(hook: Callable[[], object]) -> None:
    """Run `hook` once the bound block has ended well: after all databases closed, and unbound.

    :raises Unbound: outside a bound block.
    """
    require().add_hook(hook)
