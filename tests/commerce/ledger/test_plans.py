"""Plans of the ledger's reads, as the run-time role and with many rows: none looks at more than it shows."""

import json

import pytest
from django.db import connections

from apps.commerce.operations import ledger
from apps.commerce.queries import ledger as queries
from apps.commerce.queries.ledger_checks import END_OF_PAGE, IMAGES
from apps.tenancy import binding
from tests.commerce.ledger import books

ROWS = 3_000
STATEMENT = (
    "SELECT id, amount, balance_after, effective_at FROM ledger_entries WHERE account_id = %s "
    "ORDER BY effective_at DESC, id DESC LIMIT 50"
)
OF_USER = (
    "SELECT id FROM transactions WHERE user_id = %s ORDER BY effective_at DESC, id DESC LIMIT 50"
)
NEWEST = "SELECT id FROM transactions ORDER BY effective_at DESC, id DESC LIMIT 50"


@pytest.fixture
def large(tenant, accounts, connect):
    """Books of three thousand transactions, of which all but three were rolled up."""
    with binding.bind(tenant, writes="commerce"):
        for start in range(0, ROWS, 500):
            ledger.post(
                *(
                    books.transfer(
                        accounts.shared, accounts.wallet, 1, key=f"{n}", user_id=accounts.other
                    )
                    for n in range(start, start + 500)
                )
            )
    books.roll_up(tenant)
    with binding.bind(tenant, writes="commerce"):
        ledger.post(*(books.transfer(accounts.shared, accounts.wallet, 1) for _ in range(3)))
    superuser = connect(alias="commerce")
    superuser.autocommit = True
    superuser.execute(
        f"SET search_path = {tenant.schema_name}; "
        "ANALYZE transactions, ledger_entries, account_balances, holds, hold_resolutions, "
        "transaction_relations, ledger_accounts"
    )
    return accounts


def plan(statement, values):
    """Return every step of a plan, run as the run-time role in the bound block."""
    with connections["commerce"].cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
        (found,) = cursor.fetchone()
    found = json.loads(found) if isinstance(found, str) else found
    steps, rest = [], [found[0]["Plan"]]
    while rest:
        step = rest.pop()
        rest += step.get("Plans", [])
        steps.append(step)
    return steps


def most_rows(steps):
    """The most rows that a step looked at, kept or not."""
    return max(
        (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * step["Actual Loops"]
        for step in steps
    )


class TestPlans:
    def test_a_balance_that_rolls_up_looks_at_what_was_not_rolled_up(self, tenant, large):
        with binding.bind(tenant):
            steps = plan(queries.BALANCES, [[large.shared, large.wallet]])

        entries = [step for step in steps if step.get("Relation Name") == "ledger_entries"]
        assert most_rows(entries) <= 10
        assert any(step.get("Index Name") == "ledger_entries_tail" for step in steps)
        assert books.holds(tenant, large.shared) == [-10_000 - ROWS - 3]

    @pytest.mark.parametrize("account", ["wallet", "shared"])
    def test_a_page_of_a_statement_looks_at_a_page(self, tenant, large, account):
        with binding.bind(tenant):
            steps = plan(STATEMENT, [getattr(large, account)])

        assert most_rows(steps) <= 60
        assert any(step.get("Index Name") == "ledger_entries_by_time" for step in steps)

    def test_a_page_of_transactions_looks_at_a_page(self, tenant, large):
        with binding.bind(tenant):
            assert most_rows(plan(OF_USER, [large.other])) <= 60
            assert most_rows(plan(NEWEST, [])) <= 60

    def test_states_look_at_each_transaction_by_its_key(self, tenant, large):
        with binding.bind(tenant), connections["commerce"].cursor() as cursor:
            cursor.execute(NEWEST)
            # Few of many: for fifty of three thousand, reading them all costs about the same.
            ids = [id_ for (id_,) in cursor.fetchmany(10)]
            steps = plan(queries.STATES, [ids])

        # The other tables are small here, and may be read whole.
        large = [step for step in steps if step.get("Relation Name") == "transactions"]
        assert most_rows(large) <= 30

    def test_a_page_of_images_is_read_by_indexes(self, tenant, large):
        with binding.bind(tenant), connections["commerce"].cursor() as cursor:
            cursor.execute("SELECT id FROM ledger_entries ORDER BY id OFFSET 3000 LIMIT 1")
            (after,) = cursor.fetchone()
            cursor.execute(END_OF_PAGE.format(table="ledger_entries"), {"after": after, "rows": 50})
            (to,) = cursor.fetchone()
            steps = plan(IMAGES.format(table="ledger_entries"), {"after": after, "to": to})

        entries = [step for step in steps if step.get("Relation Name") == "ledger_entries"]
        assert most_rows(entries) <= 60

    def test_posting_does_not_slow_down_with_the_books(self, tenant, large):
        """Counted in pages, which nobody else's load changes."""
        pages = []
        for key in ("first", "second", "third"):
            with binding.bind(tenant, writes="commerce"):
                posting = books.row((large.wallet, -1), (large.shared, 1), idempotency_key=key)
                with connections["commerce"].cursor() as cursor:
                    cursor.execute(
                        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
                        "SELECT * FROM try_post_transaction(%s::jsonb)",
                        [json.dumps([posting])],
                    )
                    (found,) = cursor.fetchone()
            found = json.loads(found) if isinstance(found, str) else found
            pages.append(found[0]["Plan"]["Shared Hit Blocks"])

        assert min(pages) < 250, pages
