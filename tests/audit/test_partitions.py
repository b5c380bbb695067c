"""Partitions by month: made ahead, walled, and never in the way of a row."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from io import StringIO
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone as clock

from apps.tenancy import homes, partitions
from apps.tenancy.models import Home, Tenant
from apps.tenancy.partitions import Month
from config.databases import APP, HOME_ALIASES, OWNER, PLAN
from tests.audit.conftest import enter

Connect = Callable[..., psycopg.Connection]
# Two months more than there are.
FAR = partitions.MONTHS_AHEAD + 2
EVERY_PARTITION = (
    "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n "
    "ON n.oid = c.relnamespace WHERE c.relispartition AND c.relkind = 'r'"
)


def month_ahead(count: int) -> Month:
    return partitions.wanted_months(now=clock.now(), ahead=count)[-1]


def partitions_of(connection: psycopg.Connection) -> set[str]:
    return {name for (name,) in connection.execute(EVERY_PARTITION).fetchall()}


def make(*arguments: str) -> list[dict[str, Any]]:
    said = StringIO()
    call_command("make_partitions", *arguments, "--format", "json", stdout=said)
    return list(json.loads(said.getvalue()))


@pytest.fixture
def leaves_no_partitions(connect: Connect) -> Iterator[None]:
    """Drop the partitions that a test made, in every database."""
    before = {}
    for alias in PLAN:
        connection = connect(alias=alias)
        connection.autocommit = True
        before[alias] = (connection, partitions_of(connection))
    yield
    for connection, names in before.values():
        if made := partitions_of(connection) - names:
            connection.execute(f"DROP TABLE {', '.join(made)}")


@pytest.fixture
def superuser(connect: Connect, home: str) -> psycopg.Connection:
    connection = connect()
    connection.autocommit = True
    connection.execute(f"SET search_path = {home}, extensions")
    return connection


def add_entry(connection: psycopg.Connection, tenant: Tenant, *, at: str) -> tuple[Any, ...]:
    """Write an entry by hand, as no role that serves could."""
    return connection.execute(
        "INSERT INTO audit_log (tenant_id, occurred_at, actor_type, source, action, entity_type, "
        "entity_id, new_values, changed_fields) VALUES (%s, %s, 'database', 'sql', 'INSERT', 'x', "
        """%s, '{"a": [1, null]}', '{a}') RETURNING *""",
        [tenant.id, at, str(uuid4())],
    ).fetchone()


def where_is(connection: psycopg.Connection, tenant: Tenant) -> list[str]:
    rows = connection.execute(
        "SELECT tableoid::regclass::text FROM audit_log WHERE tenant_id = %s AND entity_type = 'x'",
        [tenant.id],
    )
    return [name for (name,) in rows.fetchall()]


class TestMonth:
    @pytest.mark.parametrize(
        ("moment", "suffix"),
        [
            (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), "2026_12"),
            (datetime(2027, 1, 1, tzinfo=UTC), "2027_01"),
            (datetime(2027, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), "2026_12"),
            (datetime(2026, 12, 31, 22, tzinfo=timezone(-timedelta(hours=3))), "2027_01"),
        ],
    )
    def test_is_the_month_in_utc(self, moment: datetime, suffix: str) -> None:
        assert Month.of(moment).suffix == suffix

    def test_december_is_followed_by_january(self) -> None:
        months = partitions.wanted_months(now=datetime(2026, 11, 30, tzinfo=UTC), ahead=2)

        assert [month.suffix for month in months] == ["2026_11", "2026_12", "2027_01"]
        assert months[1].next.start == "2027-01-01 00:00:00+00"


class TestMigrate:
    def test_has_made_this_month_and_the_next_three_in_every_home(self, connect: Connect) -> None:
        for alias in PLAN:
            found = partitions_of(connect(alias=alias))
            names = Home.objects.values_list("name", flat=True)
            for schema in names if alias in HOME_ALIASES else ["public"]:
                wanted = partitions.partition_names(alias, now=clock.now())
                assert {f"{schema}.{name}" for name in wanted} <= found

    def test_check_says_when_a_month_is_missing(self, superuser: Any, home: str) -> None:
        name = f"audit_log_{month_ahead(partitions.MONTHS_AHEAD).suffix}"
        superuser.execute(f"DROP TABLE {name}")
        try:
            with pytest.raises(CommandError, match="1 homes are behind"):
                call_command("migrate", "--check", stdout=(said := StringIO()))
        finally:
            made = make()

        assert said.getvalue() == f"users: home {home} is behind\n"
        assert made == [{"database": "users", "home": home, "partition": name}]
        call_command("migrate", "--check", stdout=StringIO())


@pytest.mark.usefixtures("leaves_no_partitions")
class TestMakePartitions:
    def test_makes_months_ahead_everywhere_and_says_which(self) -> None:
        wanted = f"audit_log_{month_ahead(FAR).suffix}"

        would, made, again = (
            make("--months", str(FAR), "--dry-run"),
            make("--months", str(FAR)),
            make("--months", str(FAR)),
        )

        assert would == made
        assert again == []
        assert {(row["database"], row["home"]) for row in made if row["partition"] == wanted} == {
            ("default", "public"),
            *(
                (alias, name)
                for alias in HOME_ALIASES
                for name in Home.objects.values_list("name", flat=True)
            ),
        }

    def test_run_twice_at_a_time_makes_each_once(self) -> None:
        made: list[Any] = []

        def run() -> None:
            try:
                made.extend(homes.make_partitions(now=clock.now(), ahead=FAR))
            except Exception as error:
                made.append(error)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert made
        assert len({tuple(row.values()) for row in made}) == len(made)
        assert make("--months", str(FAR)) == []

    def test_bounds_are_utc_months(self, superuser: Any, tenant_in_home: Tenant) -> None:
        superuser.execute("SET TimeZone = 'Pacific/Auckland'")
        make("--months", str(FAR))
        month = month_ahead(FAR)
        last = f"{month.year}-{month.month:02}-01 00:00:00+00"

        add_entry(superuser, tenant_in_home, at=last)

        assert where_is(superuser, tenant_in_home) == [f"audit_log_{month.suffix}"]

    def test_moves_rows_that_came_early_and_changes_nothing_of_them(
        self, superuser: Any, tenant_in_home: Tenant
    ) -> None:
        month = month_ahead(FAR)
        early = add_entry(superuser, tenant_in_home, at=month.start)
        later = add_entry(superuser, tenant_in_home, at=month.next.start)
        assert where_is(superuser, tenant_in_home) == ["audit_log_default"] * 2

        make("--months", str(FAR))

        assert sorted(where_is(superuser, tenant_in_home)) == [
            f"audit_log_{month.suffix}",
            "audit_log_default",
        ]
        rows = superuser.execute(
            "SELECT * FROM audit_log WHERE tenant_id = %s AND entity_type = 'x' "
            "ORDER BY occurred_at",
            [tenant_in_home.id],
        ).fetchall()
        assert rows == [early, later]
        self.clear(superuser, tenant_in_home)

    def test_a_lock_it_can_not_have_is_one_clear_line_and_leaves_nothing_half_made(
        self, connect: Connect, tenant_in_home: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = connect()
        other.execute(f"LOCK TABLE {tenant_in_home.schema_name}.audit_log IN SHARE MODE")

        with monkeypatch.context() as hasty, pytest.raises(CommandError, match="lock timeout"):
            hasty.setattr(partitions, "LOCK_TIMEOUT", "200ms")
            make("--months", str(FAR))

        other.rollback()
        monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "60s")
        assert make("--months", str(FAR))

    def clear(self, superuser: Any, tenant: Tenant) -> None:
        """Take the entry of a month far away out of the default partition again."""
        with superuser.transaction():
            superuser.execute("ALTER TABLE audit_log_default DISABLE TRIGGER USER")
            superuser.execute("DELETE FROM audit_log_default WHERE tenant_id = %s", [tenant.id])
            for trigger in ("audit_log_guard_rows", "audit_log_guard_whole"):
                superuser.execute(f"ALTER TABLE audit_log_default ENABLE ALWAYS TRIGGER {trigger}")


@pytest.mark.usefixtures("leaves_no_partitions")
class TestWall:
    @pytest.fixture(params=["default", "this month", "a replaced default"])
    def partition(self, request: Any, superuser: Any, tenant_in_home: Tenant) -> str:
        if request.param == "this month":
            return f"audit_log_{Month.of(clock.now()).suffix}"
        if request.param == "a replaced default":
            add_entry(superuser, tenant_in_home, at=month_ahead(FAR).start)
            make("--months", str(FAR))
        return "audit_log_default"

    def test_forces_row_level_security_with_the_policy_of_its_table(
        self, superuser: Any, partition: str
    ) -> None:
        walls = superuser.execute(
            "SELECT c.relrowsecurity, c.relforcerowsecurity, "
            "  pg_get_expr(p.polqual, p.polrelid) = pg_get_expr(q.polqual, q.polrelid), "
            "  pg_get_expr(p.polwithcheck, p.polrelid) = pg_get_expr(q.polwithcheck, q.polrelid) "
            "FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid "
            "JOIN pg_policy q ON q.polrelid = 'audit_log'::regclass "
            "WHERE c.oid = to_regclass(%s)",
            [partition],
        ).fetchall()

        assert walls == [(True, True, True, True)]

    def test_can_not_be_reached_directly(self, raw: psycopg.Connection, partition: str) -> None:
        for verb in ("SELECT * FROM", "DELETE FROM", "TRUNCATE"):
            refused = pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied")
            with refused, raw.transaction():
                raw.execute(f"{verb} {partition}")

    def test_refuses_truncate_to_the_owner(
        self, connect: Connect, tenant_in_home: Tenant, partition: str
    ) -> None:
        owner = connect(OWNER)
        enter(owner, tenant_in_home)

        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            owner.execute(f"TRUNCATE {partition}")

    def test_is_read_through_its_table_by_its_tenant_alone(
        self, connect: Connect, superuser: Any, tenant_in_home: Tenant, make_tenant: Any
    ) -> None:
        add_entry(superuser, tenant_in_home, at=clock.now().isoformat())
        stranger = make_tenant(home=tenant_in_home.schema_name)

        def seen_by(tenant: Tenant) -> int:
            connection = connect(APP)
            enter(connection, tenant)
            (count,) = connection.execute(
                "SELECT count(*) FROM audit_log WHERE entity_type = 'x'"
            ).fetchone()
            return int(count)

        assert (seen_by(tenant_in_home), seen_by(stranger)) == (1, 0)
