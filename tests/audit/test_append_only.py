"""What is append-only refuses everybody: the run-time role, the owner, and the superuser's tricks."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.utils import timezone
from psycopg import sql

from apps.tenancy import binding, partitions
from apps.tenancy.models import Home, Tenant
from config.databases import APP, HOME_ALIASES, OWNER, PLAN
from tests.audit.conftest import enter
from tests.factories import FollowFactory

Connect = Callable[..., psycopg.Connection]
REFUSED = psycopg.errors.InsufficientPrivilege
# Tables and partitions with a trigger, their own or their root's, whose function says 'append-only'.
GUARDED = """
SELECT n.nspname, c.relname, c.relkind = 'p' AS is_whole, coalesce(p.relname, c.relname) AS root
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relkind IN ('r', 'p') AND EXISTS (
    SELECT FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid
    WHERE t.tgrelid IN (c.oid, i.inhparent) AND f.prosrc LIKE '%append-only%')
ORDER BY 1, 2
"""
IN_EVERY_DATABASE = ("audit_anchors", "audit_log", "audit_seals")
IN_USERS = ("fan_follow_changes", "profile_status_history")
IN_COMMERCE = (
    "hold_resolutions",
    "holds",
    "ledger_accounts",
    "ledger_entries",
    "transaction_relations",
    "transactions",
)
# By triggers, or by the ledger's functions: by nobody's hand.
WRITTEN_BY_TRIGGERS = (
    *("audit_log", "fan_follow_changes", "profile_status_history"),
    *IN_COMMERCE,
)
MISDEEDS = ("UPDATE {table} SET tenant_id = tenant_id", "DELETE FROM {table}", "TRUNCATE {table}")
# What a row must be given: its tenant, what it is partitioned by, and what has no default.
COLUMNS = """
SELECT a.attname::text, t.typname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_partitioned_table p ON p.partrelid = a.attrelid
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attnotnull
AND (a.attname = 'tenant_id' OR a.attnum = ANY (p.partattrs) OR NOT a.atthasdef)
"""
# Leaves a table with the guard that is tried: what else would refuse the row, or TRUNCATE before the guard does.
ALONE = r"""
DO $do$ DECLARE each record; BEGIN
    FOR each IN SELECT conrelid::regclass AS root, conname FROM pg_constraint
        WHERE contype IN ('c', 'f') AND conparentid = 0
            AND '{table}'::regclass IN (CASE contype WHEN 'c' THEN conrelid END, confrelid)
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', each.root, each.conname);
    END LOOP;
    FOR each IN SELECT tgname FROM pg_trigger
        WHERE tgrelid = '{table}'::regclass AND NOT tgisinternal
            AND (tgdeferrable OR tgname LIKE '%\_audit\_truncate')
    LOOP
        EXECUTE format('ALTER TABLE {table} DISABLE TRIGGER %I', each.tgname);
    END LOOP;
END $do$
"""
VALUES = {
    "bool": False,
    "bytea": b"x",
    "int2": 1,
    "int4": 1,
    "int8": 1,
    "jsonb": "{}",
    "text": "x",
    "uuid": uuid4(),
    "varchar": "x",
    "xid8": "1",
}
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Guarded:
    """A table or a partition that must refuse; `root` is the table whose guard it shares."""

    schema: str
    name: str
    is_whole: bool
    root: str

    @property
    def path(self) -> str:
        return f"{self.schema}.{self.name}"


def guarded_in(connection: psycopg.Connection) -> list[Guarded]:
    return [Guarded(*row) for row in connection.execute(GUARDED).fetchall()]


def homes_of(alias: str) -> list[str]:
    return (
        list(Home.objects.values_list("name", flat=True)) if alias in HOME_ALIASES else ["public"]
    )


def fill(connection: psycopg.Connection, tenant_id: Any, table: Guarded) -> None:
    """Have a row in the table: past keys, checks and other triggers, which are not what is tried."""
    connection.execute(ALONE.format(table=f"{table.schema}.{table.root}"))
    at = LONG_AGO
    if found := re.fullmatch(rf"{table.root}_(\d{{4}})_(\d\d)", table.name):
        at = datetime(int(found[1]), int(found[2]), 2, tzinfo=UTC)
    columns = connection.execute(COLUMNS, [f"{table.schema}.{table.root}"]).fetchall()
    values = {
        name: tenant_id if name == "tenant_id" else at if kind == "timestamptz" else VALUES[kind]
        for name, kind in columns
    }
    row = sql.SQL("INSERT INTO {}.{} ({}) VALUES ({})").format(
        *map(sql.Identifier, (table.schema, table.root)),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(sql.Placeholder() * len(values)),
    )
    connection.execute("SET LOCAL session_replication_role = replica")
    connection.execute(row, list(values.values()))
    connection.execute("SET LOCAL session_replication_role = origin")
    (count,) = connection.execute(f"SELECT count(*) FROM {table.path}").fetchone()
    assert count, f"{table.path} holds no row: no guard of rows would be asked"


def try_each(
    connection: psycopg.Connection, table: Guarded, statements: tuple[str, ...] = MISDEEDS
) -> list[str]:
    """Return the statements that the table lets pass, each tried in a savepoint."""
    passed = []
    for each in statements:
        statement = each.format(table=table.path)
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(statement)
        except REFUSED as refusal:
            said = str(refusal)
            assert "append-only" in said or "permission denied" in said, said
        else:
            passed.append(statement)
    return passed


@pytest.fixture
def follow(tenant_in_home: Tenant) -> None:
    """Rows in the tables that triggers fill, in the home of the test."""
    with binding.bind(tenant_in_home, writes="users"):
        FollowFactory()


class TestCatalog:
    @pytest.mark.parametrize("alias", PLAN)
    def test_guards_every_table_and_partition_that_must_be(
        self, connect: Connect, alias: str
    ) -> None:
        found = {table.path for table in guarded_in(connect(alias=alias))}

        wanted = {*IN_EVERY_DATABASE, *partitions.partition_names(alias, now=timezone.now())}
        wanted |= set({"users": IN_USERS, "commerce": IN_COMMERCE}.get(alias, ()))
        assert {f"{home}.{name}" for home in homes_of(alias) for name in wanted} <= found

    @pytest.mark.parametrize("alias", PLAN)
    def test_every_guard_is_on_whatever_the_session_says(
        self, connect: Connect, alias: str
    ) -> None:
        sleeping = connect(alias=alias).execute(
            "SELECT t.tgrelid::regclass::text, tgname FROM pg_trigger t "
            "JOIN pg_proc f ON f.oid = t.tgfoid "
            "WHERE f.prosrc LIKE '%append-only%' AND tgenabled <> 'A'"
        )
        assert sleeping.fetchall() == []


class TestEveryTable:
    """All of them in turn, in all databases and homes; a fault names its statement."""

    def tables(self, connection: psycopg.Connection, database: str) -> Iterator[Guarded]:
        """Yield each with a row in it, the tenant set whose it is."""
        homes = homes_of(database)
        for table in guarded_in(connection):
            if table.schema in homes:
                tenant_id = uuid4()
                fill(connection, tenant_id, table)
                connection.execute(f"SET LOCAL app.tenant_id = '{tenant_id}'")
                yield table

    @pytest.mark.parametrize("database", PLAN)
    def test_refuses_the_superuser_in_replica_mode(self, connect: Connect, database: str) -> None:
        connection = connect(alias=database)
        passed = []
        for table in self.tables(connection, database):
            connection.execute("SET LOCAL session_replication_role = replica")
            passed += try_each(connection, table)
            connection.execute("SET LOCAL session_replication_role = origin")

        assert passed == []

    @pytest.mark.parametrize("role", [OWNER, APP])
    @pytest.mark.parametrize("database", PLAN)
    def test_refuses_the_roles(self, connect: Connect, database: str, role: str) -> None:
        connection = connect(alias=database)
        passed = []
        for table in self.tables(connection, database):
            # The row is not committed: this session alone sees it, whichever its role.
            connection.execute(f"SET LOCAL ROLE {role}")
            passed += try_each(connection, table)
            connection.execute("RESET ROLE")

        assert passed == []

    @pytest.mark.parametrize("database", PLAN)
    def test_can_not_be_written_by_hand_where_triggers_write(
        self, connect: Connect, database: str
    ) -> None:
        connection = connect(alias=database)
        passed = []
        for table in self.tables(connection, database):
            if table.root in WRITTEN_BY_TRIGGERS:
                connection.execute(f"SET LOCAL ROLE {APP}")
                copy = f"INSERT INTO {{table}} SELECT * FROM {table.schema}.{table.root}"
                passed += try_each(connection, table, ("INSERT INTO {table} DEFAULT VALUES", copy))
                connection.execute("RESET ROLE")

        assert passed == []


class TestOrdinaryConnection:
    @pytest.mark.parametrize("statement", MISDEEDS)
    @pytest.mark.parametrize("name", [*IN_USERS, "audit_log"])
    def test_refuses_the_owner_who_signed_in_as_such(
        self,
        connect: Connect,
        tenant_in_home: Tenant,
        follow: None,
        name: str,
        statement: str,
    ) -> None:
        owner = connect(OWNER)
        enter(owner, tenant_in_home)

        with pytest.raises(REFUSED, match="append-only"):
            owner.execute(statement.format(table=name))


# What is taken away, and what then passes: in a transaction that is rolled back.
MUTANTS = {
    "a guard of rows is dropped": (
        "DROP TRIGGER audit_log_guard_rows ON {home}.audit_log",
        MISDEEDS[:2],
    ),
    "a partition's own guard against TRUNCATE is dropped": (
        "DROP TRIGGER audit_log_guard_whole ON {home}.audit_log_default",
        MISDEEDS[2:],
    ),
    "a guard of rows sleeps in replica mode": (
        "ALTER TABLE {home}.audit_log_default ENABLE TRIGGER audit_log_guard_rows",
        MISDEEDS[:2],
    ),
    "a guard does nothing": (
        "CREATE OR REPLACE FUNCTION {home}.audit_log_guard() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN /* append-only */ RETURN coalesce(NEW, OLD); END'",
        MISDEEDS,
    ),
}


class TestMutants:
    """Each guard taken away is seen by the very check that passes with it."""

    @pytest.mark.parametrize("name", MUTANTS)
    def test_is_seen(self, connect: Connect, tenant_in_home: Tenant, name: str) -> None:
        statement, expected = MUTANTS[name]
        home = tenant_in_home.schema_name
        table = Guarded(home, "audit_log_default", False, "audit_log")
        connection = connect()
        fill(connection, tenant_in_home.id, table)
        connection.execute("SET LOCAL session_replication_role = replica")
        assert try_each(connection, table) == []

        connection.execute(statement.format(home=home))

        assert try_each(connection, table) == [each.format(table=table.path) for each in expected]

    def test_a_grant_is_seen(self, connect: Connect, tenant_in_home: Tenant) -> None:
        home = tenant_in_home.schema_name
        table = Guarded(home, "audit_log", True, "audit_log")
        insert = (
            "INSERT INTO {table} (actor_type, source, action, entity_type, entity_id) "
            "VALUES ('person', 'api', 'READ', 'x', 'x')",
        )
        connection = connect()
        enter(connection, tenant_in_home)
        as_app = f"SET LOCAL ROLE {APP}"
        connection.execute(as_app)
        assert try_each(connection, table, insert) == []
        connection.execute(f"RESET ROLE; GRANT INSERT ON {table.path} TO {APP}; {as_app}")

        assert len(try_each(connection, table, insert)) == 1
