"""Whatever the planner has been told about the tables, a batch touches the rows of a batch."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from apps.kernel.ids import uuid7
from apps.tenancy import outbox, relay
from apps.tenancy.roles import as_owner
from tests.conftest import admin
from tests.isolation.test_plans import nodes
from tests.tenancy.messages.world import ask, numbers, subscribe, tick_all, waiting

TABLES = ("outbox", "inbox", "domain_events")
HANDLER = "users.note"
WAITING = 6_000
# What a vacuum, an ANALYZE or nobody has said about the tables: rows and pages.
SAID = {
    "nothing": (-1, 0),
    "empty, without a page": (0, 0),
    "empty, with the pages of what was": (0, 700),
    "one row to the page": (700, 700),
}
SAY = """
UPDATE pg_class SET reltuples = %(rows)s, relpages = %(pages)s
WHERE oid = ANY (%(tables)s::regclass[])
    OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = ANY (%(tables)s::regclass[]))
"""


class Plans:
    """Explains every statement of a relay as it runs: what it scans, and how many rows it touches."""

    def __init__(self) -> None:
        self.touched: dict[str, int] = {}
        self.scans: list[str] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if (
            sql.split(maxsplit=1)[0] in {"WITH", "UPDATE", "DELETE", "INSERT"}
            and "effects" not in sql
        ):
            self._explain(sql, params, context["connection"].connection)
        return execute(sql, params, many, context)

    def _explain(self, sql: str, params: Any, connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT explained")
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
            plan = cursor.fetchone()[0]
            cursor.execute("ROLLBACK TO SAVEPOINT explained")
        touched = 0
        for node in nodes(plan):
            if node.get("Relation Name") in TABLES and "Scan" in node["Node Type"]:
                rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
                rows += node.get("Rows Removed by Index Recheck", 0)
                touched += round(rows * node["Actual Loops"])
                # An inbox of a few pages may well be read through.
                if node["Node Type"] == "Seq Scan" and node["Relation Name"] != "inbox":
                    self.scans.append(sql)
        self.touched[sql] = max(touched, self.touched.get(sql, 0))


def say(*, rows: int, pages: int) -> None:
    with admin(database=connections["users"].settings_dict["NAME"]) as connection:
        tables = [f"pool_1.{table}" for table in TABLES]
        connection.execute(
            "DELETE FROM pg_statistic WHERE starelid = ANY (%s::regclass[])", [tables]
        )
        connection.execute(SAY, {"rows": rows, "pages": pages, "tables": tables})


def run_as_owner(statement: str) -> None:
    with as_owner(aliases=["users"], home="pool_1"), connections["users"].cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture
def left_alone() -> Iterator[None]:
    """No vacuum comes and finds out what is there."""
    for table in TABLES:
        run_as_owner(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    yield
    for table in TABLES:
        run_as_owner(f"ALTER TABLE {table} RESET (autovacuum_enabled)")
    run_as_owner(f"VACUUM ANALYZE {', '.join(TABLES)}")


@pytest.mark.skipif(
    "QUINTET_TEST_DATABASE_URL" in os.environ, reason="only a superuser writes statistics"
)
class TestBatch:
    @pytest.fixture(autouse=True)
    def few_batches(self, left_alone: None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(relay, "ROUNDS", 3)

    @pytest.mark.parametrize("said", SAID)
    def test_touches_its_own_rows_whatever_is_said_of_the_tables(self, tenant, said):
        subscribe(HANDLER)
        self.wait(tenant)
        rows, pages = SAID[said]
        say(rows=rows, pages=pages)

        self.check(tenant)

    def test_touches_its_own_rows_after_the_empty_queue_was_analyzed(self, tenant):
        subscribe(HANDLER)
        run_as_owner(f"ANALYZE {', '.join(TABLES)}")
        self.wait(tenant)

        self.check(tenant)

    def test_that_fails_is_put_off_by_its_own_rows(self, tenant, monkeypatch):
        def breaks(message: object) -> None:
            raise RuntimeError("on purpose")

        subscribe(HANDLER, before=breaks)
        monkeypatch.setattr(outbox, "BATCH", 20)
        self.wait(tenant, things=WAITING)
        say(rows=0, pages=700)

        plans = self.explained(tenant)

        assert {outbox.PUT_OFF} <= set(plans.touched)
        assert plans.scans == []
        assert plans.touched[outbox.PUT_OFF] <= 20
        assert len([each for each in waiting(tenant) if each[2] == 1]) >= 40

    def wait(self, tenant, *, things: int = WAITING // 2) -> None:
        ids = [uuid7() for _ in range(things)]
        ticks = [(ids[number % things], 1 + number // things) for number in range(WAITING)]
        tick_all(tenant, ticks)

    def check(self, tenant) -> None:
        plans = self.explained(tenant)

        assert plans.scans == []
        claim, done = plans.touched.pop(outbox.CLAIM_FREE), plans.touched.pop(outbox.DONE)
        assert outbox.BATCH <= claim <= outbox.WINDOW + 6 * outbox.BATCH
        assert done == outbox.BATCH
        (note,) = plans.touched.values()
        assert note < outbox.BATCH
        assert len(numbers(tenant)) == 3 * outbox.BATCH
        assert ask(tenant, "SELECT count(*) FROM outbox")[0][0] == WAITING - 3 * outbox.BATCH

    def explained(self, tenant) -> Plans:
        plans = Plans()
        with connections["users"].execute_wrapper(plans):
            relay.relay(tenant=tenant, context="users")
        return plans
