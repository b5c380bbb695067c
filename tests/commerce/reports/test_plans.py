"""Under row-level security, what is asked of a wallet costs what the wallet is, not what the tenant is."""

import json
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from django.utils import timezone

from apps.commerce import queries
from apps.commerce.models import LedgerAccount, UserWallet
from apps.kernel.ids import uuid7
from apps.tenancy import binding, homes
from apps.tenancy.models import Home, Tenant
from tests.conftest import admin
from tests.isolation.test_plans import nodes

HOME = "t_money_plans"
TENANTS = 4
WALLETS = 400
ENTRIES = 60
TABLES = ("transactions", "ledger_entries", "ledger_accounts", "account_balances", "user_wallets")

# Each wallet was filled ENTRIES times, an hour apart, out of one account that rolls up.
FILL = """
CREATE TEMP TABLE w AS SELECT (%(tenants)s::uuid[])[1 + n %% %(count)s] AS tenant_id,
    extensions.uuid7() AS id, extensions.uuid7() AS account_id, extensions.uuid7() AS held_id,
    extensions.uuid7() AS user_id FROM generate_series(1, %(wallets)s) AS n;
CREATE TEMP TABLE s AS SELECT t AS tenant_id, extensions.uuid7() AS id
    FROM unnest(%(tenants)s::uuid[]) AS t;
INSERT INTO ledger_accounts
    (tenant_id, id, code, kind, currency, owner_id, is_guarded, rolls_up, created_on)
SELECT tenant_id, account_id, 'wallet:' || id, 'LIABILITY', 'USD', user_id, true, false, now() FROM w
UNION ALL SELECT tenant_id, held_id, 'wallet-held:' || id, 'LIABILITY', 'USD', user_id, true, false,
    now() FROM w
UNION ALL SELECT tenant_id, id, 'revenue:USD', 'INCOME', 'USD', NULL, false, true, now() FROM s;
INSERT INTO account_balances
    (tenant_id, id, posted, version, is_guarded, rolls_up, watermark, updated_at)
SELECT tenant_id, account_id, 100 * %(entries)s, %(entries)s, true, false, 0, now() FROM w
UNION ALL SELECT tenant_id, held_id, 0, 0, true, false, 0, now() FROM w
UNION ALL SELECT tenant_id, id,
    -100 * %(entries)s * (SELECT count(*) FROM w WHERE w.tenant_id = s.tenant_id), 0, false, true,
    9223372036854775807, now() FROM s;
INSERT INTO user_wallets
    (tenant_id, id, user_id, currency, account_id, held_account_id, created_on)
SELECT tenant_id, id, user_id, 'USD', account_id, held_id, now() FROM w;
CREATE TEMP TABLE t AS SELECT w.*, extensions.uuid7() AS transaction_id, n,
    now() - n * interval '1 hour' AS at FROM w, generate_series(1, %(entries)s) AS n;
INSERT INTO transactions (tenant_id, id, transaction_type, idempotency_key, request_hash, user_id,
    amount, currency, is_debit, description, meta_data, effective_at, created_on)
SELECT tenant_id, transaction_id, 'CREDIT', transaction_id, '', user_id, 100, 'USD', false, '', '{}',
    at, at FROM t;
INSERT INTO ledger_entries (tenant_id, id, transaction_id, leg, account_id, currency, amount, version,
    balance_after, effective_at)
SELECT tenant_id, extensions.uuid7(), transaction_id, 1, account_id, 'USD', 100,
    %(entries)s + 1 - n, 100 * (%(entries)s + 1 - n), at FROM t
UNION ALL SELECT t.tenant_id, extensions.uuid7(), t.transaction_id, 2, s.id, 'USD', -100, NULL, NULL,
    t.at FROM t JOIN s USING (tenant_id);
"""


class Costs:
    """Explains every read before it runs: how many rows of each table it looks at, and how."""

    def __init__(self):
        self.rows = {}
        self.scans = []

    def __call__(self, execute, sql, params, many, context):
        if sql.lstrip("( \n").upper().startswith(("SELECT", "WITH")):
            with context["connection"].connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params)
                plan = cursor.fetchone()[0]
            for node in nodes(plan if isinstance(plan, list) else json.loads(plan)):
                table = node.get("Relation Name")
                if table in TABLES:
                    seen = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
                    looked = round(seen * node["Actual Loops"])
                    self.rows[table] = self.rows.get(table, 0) + looked
                    if node["Node Type"] == "Seq Scan":
                        self.scans.append(table)
        return execute(sql, params, many, context)


@pytest.fixture(scope="module")
def bank(django_db_setup, django_db_blocker):
    """A tenant among four in a home with 400 wallets and 48,000 entries."""
    with django_db_blocker.unblock():
        homes.run_step(homes.HomeStep("commerce", HOME))
        home = Home.objects.create(name=HOME, kind=Home.Kind.OWN, state=Home.State.PREPARING)
        tenant = Tenant.objects.create(
            slug="t-money-plans", name="Plans", home=home, status=Tenant.Status.ACTIVE
        )
        try:
            fill(tenant)
            yield tenant
        finally:
            tenant.delete()
            home.delete()
            homes.drop_schemas(HOME)


def fill(tenant):
    tenants = [tenant.id, *(uuid7() for _ in range(TENANTS - 1))]
    with admin(database=connections["commerce"].settings_dict["NAME"]) as connection:
        connection.execute(f"SET search_path = {HOME}; SET session_replication_role = replica")
        for table in TABLES:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        values = {"tenants": tenants, "count": TENANTS, "wallets": WALLETS, "entries": ENTRIES}
        with connection.cursor() as cursor:
            for statement in FILL.split(";\n"):
                if statement.strip():
                    cursor.execute(statement, values)
        connection.execute(f"ANALYZE {', '.join(TABLES)}")


@pytest.fixture
def costs(bank):
    return Costs()


@pytest.fixture
def asked(bank, costs):
    """Run a read of a wallet, explained; return what it answers."""

    def ask(read):
        with binding.bind(bank):
            wallet = UserWallet.objects.order_by("id").first()
            with connections["commerce"].execute_wrapper(costs):
                return read(wallet)

    return ask


def span():
    now = timezone.now()
    return {"start": now - timedelta(hours=30, minutes=30), "end": now + timedelta(hours=1)}


@pytest.mark.slow
class TestWallet:
    @pytest.mark.parametrize(
        "read",
        [
            lambda wallet: queries.wallets.contents(ids=[wallet.id]),
            lambda wallet: queries.wallets.contents_as_of(wallet_id=wallet.id, at=span()["start"]),
            lambda wallet: queries.wallets.explain(wallet_id=wallet.id),
            lambda wallet: queries.statements.statement(
                account_id=wallet.account_id, limit=10, **span()
            ),
            lambda wallet: list(
                queries.transactions.transactions(
                    viewer=_viewer(wallet),
                ).order_by("-effective_at", "-id")[:51]
            ),
        ],
        ids=["contents", "as_of", "explanation", "statement", "transactions"],
    )
    def test_costs_what_it_is(self, asked, costs, read):
        asked(read)

        assert costs.scans == []
        # Its own entries and headers, a few times over, where the tenant has 12,000.
        assert sum(costs.rows.values()) <= 8 * ENTRIES, costs.rows

    def test_statement_looks_at_its_period_alone(self, asked, costs):
        found = asked(
            lambda wallet: queries.statements.statement(
                account_id=wallet.account_id, limit=10, **span()
            )
        )

        assert (found.opening_balance, found.closing_balance) == (3_000, 6_000)
        assert costs.rows["ledger_entries"] <= 30 + 11 + 1

    def test_as_of_looks_at_what_came_after_alone(self, asked, costs):
        found = asked(
            lambda wallet: queries.wallets.contents_as_of(wallet_id=wallet.id, at=span()["start"])
        )

        assert found.balance == 3_000
        assert costs.rows["ledger_entries"] <= 31

    def test_costs_would_notice_a_scan(self, asked, costs):
        asked(lambda wallet: LedgerAccount.objects.filter(code__contains="x").count())

        assert costs.rows["ledger_accounts"] > WALLETS // TENANTS


@pytest.mark.slow
class TestReports:
    def test_of_today_look_at_hardly_any_entry(self, asked, costs):
        asked(lambda wallet: queries.reports.trial_balance(as_of=timezone.now(), limit=50))

        assert costs.rows.get("ledger_entries", 0) == 0
        assert "ledger_entries" not in costs.scans

    def test_of_revenue_find_the_account_beside_any_number_of_wallets(self, asked, costs):
        asked(lambda wallet: queries.reports.revenue(by="day", zone=ZoneInfo("UTC"), **span()))

        assert costs.rows["ledger_accounts"] <= 20, costs.rows
        assert "ledger_entries" not in costs.scans


def _viewer(wallet):
    viewer = queries.Viewer()
    viewer.__dict__["profile_ids"] = frozenset([wallet.user_id])
    return viewer
