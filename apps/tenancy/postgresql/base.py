"""Quintet's database backend: every cursor on tenant rows goes through a binding."""

import re
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.backends.postgresql.introspection import DatabaseIntrospection
from django_tenants.postgresql_backend import base as django_tenants_base
from psycopg.pq import TransactionStatus

from apps.tenancy import binding as bindings
from apps.tenancy import origin as origins
from apps.tenancy.errors import Unbound
from apps.tenancy.postgresql.schema import DatabaseSchemaEditor
from config.databases import OWNER, PLAN, context_of
from config.embedded import ensure_postgres

WRITES = re.compile(
    r"(\s|--[^\n]*\n|/\*.*?\*/)*(INSERT|UPDATE|DELETE|MERGE|WITH)\b", re.IGNORECASE | re.DOTALL
)

# Filled at the first connection of this process: the embedded server is looked for once.
_server_is_up: list[bool] = []


class DatabaseWrapper(django_tenants_base.DatabaseWrapper):
    """django-tenants' connection, with transaction-local settings instead of session-level ones.

    A connection is *walled* when its database holds homes and its role is bound by row-level
    security. A walled connection gives out no cursor without an open binding. The owner's
    connections are not walled: they carry the one home they work in as `home`.
    """

    SchemaEditorClass = DatabaseSchemaEditor
    # django-tenants' introspection would SET the search path for the session.
    introspection_class = DatabaseIntrospection

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.binding: bindings.Binding | None = None
        self._settings_lost = False
        self._origin_due = False
        self._opening = False
        self._enlisting = False
        super().__init__(*args, **kwargs)
        self.introspection = self.introspection_class(self)
        plan = PLAN.get(context_of(self.alias))
        self.home: str | None = None
        self.is_walled = plan is not None and plan.has_homes and self.settings_dict["USER"] != OWNER
        # Nothing binds the control plane: each of its transactions says itself where it comes from.
        self.says_origin = plan is not None and not plan.has_homes
        if self.says_origin:
            self.execute_wrappers.append(self._in_a_transaction)

    def _handle_search_path(self, cursor: Any = None) -> None:
        """Do nothing: the search path comes with the binding, or with the owner's connection."""

    def get_new_connection(self, conn_params: Any) -> Any:
        """Open a connection; where the embedded server is used, see that it runs first."""
        if settings.EMBEDDED_POSTGRES and not _server_is_up:
            ensure_postgres(var=settings.VAR)
            _server_is_up.append(True)
        return super().get_new_connection(conn_params)

    def connect(self) -> None:
        # Django asks for the server's version through a cursor while it connects.
        self._opening = True
        try:
            super().connect()
        finally:
            self._opening = False
        self.binding = None

    def init_connection_state(self) -> None:
        super().init_connection_state()
        if self.home is not None:
            path = f"{self.ops.quote_name(self.home)}, extensions"
            with self.connection.cursor() as cursor:
                cursor.execute(f"SET search_path = {path}")
                if origin := origins.current():
                    cursor.execute(origin.statement(local=False))

    def close(self) -> None:
        super().close()
        if not self.in_atomic_block:
            self.binding = None

    def _cursor(self, name: str | None = None) -> Any:
        if self._may_enter:
            self._enter_binding()
        elif self._origin_due and self.in_atomic_block and not self._opening:
            self._say_origin()
        return super()._cursor(name)

    @property
    def _may_enter(self) -> bool:
        return self.is_walled and not self._opening and not self._enlisting

    def get_autocommit(self) -> bool:
        """Enlist before `atomic` opens, so that the binding's transaction is the outer one.

        The answer is the state before enlisting: `Atomic.__enter__` then takes a savepoint.
        """
        if self._may_enter and not self.in_atomic_block:
            binding = bindings.current()
            if binding is not None and binding.takes_databases and self.binding is not binding:
                self._enter_binding()
                return True
        return super().get_autocommit()

    def _enter_binding(self) -> None:
        binding = bindings.current()
        if binding is None:
            raise Unbound(self.alias)
        binding.check_usable(self.alias)
        if self.binding is not binding:
            self.enlist(binding)
        elif self._settings_lost:
            self._settings_lost = False
            binding.send_settings(self)

    def enlist(self, binding: bindings.Binding) -> None:
        """Put this connection under a binding, whose transaction begins here."""
        # Beginning a transaction asks for autocommit and may take a savepoint: neither is a touch.
        self._enlisting = True
        try:
            binding.enlist(self)
        finally:
            self._enlisting = False

    def run_unprepared(self, statements: str) -> None:
        """Run statements without parameters in one round trip."""
        self.ensure_connection()
        with self.wrap_database_errors, self.connection.cursor() as cursor:
            cursor.execute(statements)

    def has_failed(self) -> bool:
        """Whether a statement of the open transaction failed, and nothing has been rolled back."""
        return (
            self.connection is not None
            and self.connection.info.transaction_status == TransactionStatus.INERROR
        )

    def leave_binding(self) -> None:
        """Forget the binding; inside a still open outer transaction, take its settings back too."""
        self.binding = None
        self._settings_lost = False
        if self.in_atomic_block and self.connection is not None and not self.needs_rollback:
            self.run_unprepared(
                "SET LOCAL app.tenant_id = ''; SET LOCAL search_path TO DEFAULT; "
                "SET LOCAL app.actor_id = ''; SET LOCAL app.origin = ''"
            )

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)
        self._origin_due = self.says_origin and not autocommit

    def _in_a_transaction(
        self, execute: Any, statement: Any, params: Any, many: bool, context: Any
    ) -> Any:
        """Run a lone write of the control plane in a transaction, which says where it comes from."""
        is_lone = not self.in_atomic_block and origins.current() is not None
        if not is_lone or not WRITES.match(str(statement)):
            return execute(statement, params, many, context)
        with transaction.atomic(using=self.alias):
            self._say_origin()
            return execute(statement, params, many, context)

    def _say_origin(self) -> None:
        self._origin_due = False
        if origin := origins.current():
            self.run_unprepared(origin.statement(local=True))

    def savepoint_rollback(self, sid: str) -> None:
        super().savepoint_rollback(sid)
        # A SET LOCAL sent after the savepoint is gone with it: send it again at the next cursor.
        self._settings_lost = self.binding is not None
        self._origin_due = self.says_origin

    def rollback(self) -> None:
        super().rollback()
        self._settings_lost = self.binding is not None
