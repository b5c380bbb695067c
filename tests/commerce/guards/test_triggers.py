"""Every trigger of commerce that refuses or records, each taken away in turn.

The audit's triggers after each row refuse nothing, and are the audit's own matter.
"""

from contextlib import contextmanager

import pytest

from tests.audit.test_append_only import MISDEEDS
from tests.commerce.guards.catalog import Trigger
from tests.commerce.guards.example import Example, change
from tests.commerce.guards.workbench import Workbench

# By trigger: a change that leaves a line, and the history that it leaves it in.
RECORDERS = {
    "inventory_items_record_price": (
        change("inventory_items", price=5),
        "inventory_price_history",
    ),
    "inventory_items_record_state": (
        change("inventory_items", state="PAUSED"),
        "inventory_state_history",
    ),
    "stock_levels_record_quantity": (
        change("stock_levels", quantity=60),
        "inventory_quantity_history",
    ),
    "purchases_record_state": (
        change("purchases", "cart", state="CANCELLED"),
        "purchase_transitions",
    ),
    "subscriptions_record_state": (
        change("subscriptions", state="PAST_DUE"),
        "subscription_transitions",
    ),
}
# By trigger: a change of state that the history takes no line of.
FORBIDDEN = {
    "inventory_items_record_state": (
        change("inventory_items", state="DRAFT"),
        "inventory_state_history_allowed",
    ),
    "purchases_record_state": (
        change("purchases", state="EXPIRED"),
        "purchase_transitions_allowed",
    ),
    "subscriptions_record_state": (
        change("subscriptions", state="INCOMPLETE"),
        "subscription_transitions_allowed",
    ),
}
# TRUNCATE … CASCADE asks all tables that point at a table: what all of them would say.
SILENCE = """
DO $do$ DECLARE each record; BEGIN
    FOR each IN SELECT tgrelid::regclass AS name, tgname FROM pg_trigger
        JOIN pg_class c ON c.oid = tgrelid
        WHERE relnamespace = to_regnamespace('{home}') AND tgtype::int & 32 > 0
    LOOP EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', each.name, each.tgname); END LOOP;
END $do$
"""


def kind_of(trigger: Trigger) -> str:
    if trigger.is_whole:
        return "whole"
    if trigger.function.endswith("_audit"):
        return "audit"
    return "rows" if trigger.function.endswith("_guard") else "recorder"


def triggers_of(workbench: Workbench, kind: str) -> list[Trigger]:
    return [each for each in workbench.triggers() if kind_of(each) == kind]


def drop(name: str, workbench: Workbench) -> str:
    (table,) = (each.table for each in workbench.triggers() if each.name == name)
    return f"DROP TRIGGER {name} ON {table}"


@contextmanager
def alone(workbench: Workbench):
    """Have no foreign key say anything; what is ENABLE ALWAYS still does."""
    with workbench.connection.transaction(force_rollback=True):
        workbench.connection.execute("SET LOCAL session_replication_role = replica")
        yield


class TestCatalog:
    def test_every_trigger_that_is_no_guard_records(self, workbench: Workbench) -> None:
        found = {each.name for each in triggers_of(workbench, "recorder")}

        assert found == RECORDERS.keys()

    def test_every_table_refuses_truncate(self, workbench: Workbench) -> None:
        """But queues, caches and what is deleted after a day."""
        refusing = {each.table for each in triggers_of(workbench, "whole")}

        assert workbench.columns.keys() - refusing == {
            "fan_quantities",
            "idempotency_keys",
            "inbox",
            "outbox",
            "stock_levels",
        }


class TestAppendOnly:
    def test_each_guard_of_rows_is_missed(self, workbench: Workbench) -> None:
        wrong = []
        for each in triggers_of(workbench, "rows"):
            for misdeed in MISDEEDS[:2]:
                statement = misdeed.format(table=each.table)
                with alone(workbench):
                    if (said := workbench.denies(statement)) != each.function:
                        wrong.append(f"{each.name}: with it, {said or 'nothing'} denies {misdeed}")
                    with workbench.without(f"DROP TRIGGER {each.name} ON {each.table}"):
                        if said := workbench.denies(statement):
                            wrong.append(f"{each.name}: without it, {said} denies {misdeed}")

        assert wrong == [], "\n".join(wrong)

    def test_each_guard_against_truncate_is_missed(self, workbench: Workbench) -> None:
        workbench.connection.execute(SILENCE.format(home=workbench.home))
        wrong = []
        for each in triggers_of(workbench, "whole"):
            statement = f"TRUNCATE {each.table} CASCADE"
            if said := workbench.denies(statement):
                wrong.append(f"{each.name}: without it, {said} denies TRUNCATE")
            on = f"ALTER TABLE {each.table} ENABLE ALWAYS TRIGGER {each.name}"
            with workbench.without(on):
                if (said := workbench.denies(statement)) != each.function:
                    wrong.append(f"{each.name}: with it, {said or 'nothing'} denies TRUNCATE")

        assert wrong == [], "\n".join(wrong)


class TestHistories:
    @pytest.mark.parametrize("name", RECORDERS)
    def test_a_change_leaves_one_line_by_its_trigger_alone(
        self, workbench: Workbench, name: str
    ) -> None:
        example, history = RECORDERS[name]

        assert lines_of(workbench, example, history) == 1
        with workbench.without(drop(name, workbench)):
            assert lines_of(workbench, example, history) == 0

    @pytest.mark.parametrize("name", FORBIDDEN)
    def test_a_step_that_is_not_allowed_is_refused_by_its_trigger_alone(
        self, workbench: Workbench, name: str
    ) -> None:
        example, refusal = FORBIDDEN[name]

        assert workbench.refusal(example) == refusal
        with workbench.without(drop(name, workbench)):
            assert workbench.refusal(example) == ""


def lines_of(workbench: Workbench, example: Example, history: str) -> int:
    """Return how many lines an example leaves in a history; it is undone."""
    before = workbench.count(history)
    with workbench.connection.transaction(force_rollback=True):
        workbench.perform(example)
        return workbench.count(history) - before
