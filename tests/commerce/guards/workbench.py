"""Tries statements on a tenant's rows, with guards and without; nothing of it stays."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql

from config.databases import OWNER
from tests.audit.conftest import enter
from tests.commerce.guards import catalog
from tests.commerce.guards.catalog import Guard, Trigger
from tests.commerce.guards.example import Example
from tests.isolation.world import World

_COLUMNS = """
SELECT relname::text, array_agg(attname::text ORDER BY attnum)
FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
WHERE relnamespace = to_regnamespace(%s) AND relname = ANY (%s) AND attnum > 0
    AND NOT attisdropped AND attgenerated = ''
GROUP BY 1
"""


class Workbench:
    """A superuser's connection, in one transaction that ends in a rollback."""

    def __init__(self, connection: psycopg.Connection, world: World) -> None:
        self.connection = connection
        self.world = world
        self.home = world.tenant.schema_name
        enter(connection, world.tenant)
        self.columns: dict[str, list[str]] = dict(
            connection.execute(_COLUMNS, [self.home, catalog.tables()]).fetchall()
        )

    def guards(self) -> dict[str, Guard]:
        """Return by key what refuses something: all but the keys that others stand on."""
        found = catalog.guards(self.connection, self.home)
        return {
            each.key: each
            for each in found
            if not catalog.stood_on(self.connection, self.home, each)
        }

    def count(self, table: str) -> int:
        """Return how many rows of the tenant there are in a table."""
        statement = f"SELECT count(*) FROM {table} WHERE tenant_id = %s"
        found = self.connection.execute(statement, [self.world.tenant.id]).fetchone()
        return int(found[0]) if found else 0

    def keys_stood_on(self) -> list[Guard]:
        found = catalog.guards(self.connection, self.home)
        return [each for each in found if catalog.stood_on(self.connection, self.home, each)]

    def triggers(self) -> list[Trigger]:
        return catalog.triggers(self.connection, self.home)

    @contextmanager
    def without(self, *drops: str) -> Iterator[None]:
        """Have the owner take something away, for a block."""
        with self.connection.transaction(force_rollback=True):
            self.connection.execute(f"SET LOCAL ROLE {OWNER}")
            for drop in drops:
                self.connection.execute(drop)
            self.connection.execute("RESET ROLE")
            yield

    def refusal(self, example: Example) -> str:
        """Return the name of the constraint that refuses an example; nothing, if it passes."""
        try:
            with self.connection.transaction(force_rollback=True):
                self.perform(example)
        except psycopg.errors.IntegrityError as error:
            return error.diag.constraint_name or str(error)
        return ""

    def perform(self, example: Example) -> None:
        """Carry an example out, with all that is asked at the end of a transaction."""
        self.connection.execute(f"SET LOCAL ROLE {example.role}")
        assert self.connection.execute(self._statement(example)).rowcount == 1, example
        self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        self.connection.execute("RESET ROLE")

    def denies(self, statement: str) -> str:
        """Return the function that denies a statement; nothing, if it passes."""
        try:
            with self.connection.transaction(force_rollback=True):
                self.connection.execute(f"SET LOCAL ROLE {OWNER}")
                assert self.connection.execute(statement).rowcount != 0, statement
        except psycopg.errors.InsufficientPrivilege as error:
            return (error.diag.context or str(error)).split("(")[0].split()[-1]
        return ""

    def _statement(self, example: Example) -> sql.Composed:
        ids = {f"<{kind}>": id_ for kind, id_ in self.world.ids.items()}
        given = {"id": str(uuid4())} if example.is_new else {}
        values = {
            column: ids.get(value, value) if isinstance(value, str) else value
            for column, value in (given | example.values).items()
        }
        written = self.columns[example.table] if example.is_new else list(values)
        columns = sql.SQL(", ").join(map(sql.Identifier, written))
        return sql.SQL(_INSERT if example.is_new else _UPDATE).format(
            table=sql.Identifier(example.table),
            columns=columns,
            read=sql.SQL(", ").join(sql.Identifier("made", column) for column in written),
            values=sql.Literal(json.dumps(values)),
            row=self._row(example),
        )

    def _row(self, example: Example) -> sql.Composable:
        if example.row:
            return sql.Literal(self.world.ids[example.row])
        return sql.SQL("(SELECT id FROM {} WHERE tenant_id = {} ORDER BY id LIMIT 1)").format(
            sql.Identifier(example.table), sql.Literal(str(self.world.tenant.id))
        )


_MADE = "jsonb_populate_record(r, {values}) AS made"
_INSERT = (
    "INSERT INTO {table} ({columns}) SELECT {read} FROM {table} r, "
    f"{_MADE} WHERE r.tenant_id = current_setting('app.tenant_id')::uuid AND r.id = {{row}}"
)
_UPDATE = (
    "UPDATE {table} r SET ({columns}) = ROW({read}) "
    f"FROM {{table}} s, {_MADE.replace('(r,', '(s,')} "
    "WHERE s.tenant_id = r.tenant_id AND s.id = {row} "
    "AND r.tenant_id = current_setting('app.tenant_id')::uuid AND r.id = {row}"
)
