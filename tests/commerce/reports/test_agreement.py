"""The API, the admin, CSV and the command say the same, to the cent, as plain SQL."""

import io
import json
import os
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from apps.commerce.operations import purchases
from apps.tenancy import binding
from apps.tenancy.models import Domain, Home, Tenant
from tests.api import Caller, client_of, signed_in
from tests.commerce import shop
from tests.commerce.purchases import buying
from tests.commerce.reports import season
from tests.commerce.reports.season import BEGINS, ENDS

TRIAL_BALANCE = "/api/v1/reports/trial-balance"
ADMIN = "/admin/commerce/userwallet"


@pytest.fixture(scope="module")
def market(django_db_setup, django_db_blocker):
    """A tenant after two months of trade, with an admin, and the wallets of its buyers; only read."""
    with django_db_blocker.unblock(), override_settings(LOCAL_PAYMENTS=True):
        slug = f"t-season-{os.getpid()}"
        tenant = Tenant.objects.create(
            slug=slug, name="Season", home=Home.objects.get(name="pool_1"), status="ACTIVE"
        )
        Domain.objects.create(
            tenant=tenant, domain=f"{slug}.{settings.TENANT_BASE_DOMAIN}", is_primary=True
        )
        purses = season.trade(tenant)
        yield tenant, signed_in(tenant, "admin"), purses


@pytest.fixture
def tenant(market):
    return market[0]


@pytest.fixture
def desk(market):
    """An admin's browser, signed in for each test anew: sessions end with a test."""
    _, client, _ = market
    client.force_login(client.account)
    return client


@pytest.fixture
def purses(market):
    return market[2]


def everything(client, address, **query):
    """All pages of a listing: the first page, and the results of all."""
    first = reply = client.get(address, {"page_size": 7, **query})
    assert reply.status_code == 200, reply.content
    rows = reply.json()["results"]
    while following := reply.json()["next"]:
        reply = client.get(following)
        assert reply.status_code == 200, reply.content
        rows += reply.json()["results"]
    return first.json(), rows


def run(*arguments, format):
    out = io.StringIO()
    call_command("report", *arguments, f"--format={format}", stdout=out)
    return out.getvalue()


def minors(page, name):
    """The amounts of each row of one of a page's tables, in minor units."""
    html = page.content.decode()
    body = re.search(rf'data-table="{name}".*?<tbody>(.*?)</tbody>', html, re.S).group(1)
    rows = [
        [int(value) for value in re.findall(r'data-minor="(-?\d+)"', row)]
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.S)
    ]
    return [row for row in rows if row]


class TestTrialBalance:
    @pytest.mark.parametrize("as_of", [None, datetime(2026, 10, 1, tzinfo=UTC)])
    def test_agrees_everywhere(self, tenant, purses, boss, desk, as_of):
        at = as_of or timezone.now()
        query = {"as_of": at.isoformat()}
        truth = season.trial_balance(tenant, at)

        shown, accounts = everything(boss, TRIAL_BALANCE, **query)
        by_api = {
            (each["code"], each["currency"], each["debit"], each["credit"]) for each in accounts
        }
        cells = season.table(boss.get(f"{TRIAL_BALANCE}.csv", query))
        by_csv = {
            (each["account"], each["currency"], int(each["debit"]), int(each["credit"]))
            for each in cells
            if each["account"] != "TOTAL"
        }
        place = ["trial-balance", f"--tenant={tenant.slug}", f"--as-of={at.isoformat()}"]
        printed = json.loads(run(*place, format="json"))
        by_command = {
            (each["code"], each["currency"], each["debit"], each["credit"])
            for each in printed["results"]
        }
        page = desk.get(f"{ADMIN}/trial-balance/", query)

        assert len(truth) == len(accounts) > 20
        assert by_api == by_csv == by_command == truth
        by_admin = sorted(minors(page, "accounts"))
        assert by_admin == sorted([debit, credit] for _, _, debit, credit in truth)
        assert season.table(run(*place, format="csv")) == cells
        admin_csv = season.table(desk.get(f"{ADMIN}/trial-balance/", {**query, "format": "csv"}))
        assert admin_csv == cells
        self._check_totals(shown["totals"], cells, printed["totals"], minors(page, "totals"), truth)

    def _check_totals(self, by_api, cells, by_command, by_admin, truth):
        currencies = {currency for _, currency, _, _ in truth}
        sums = {
            currency: (
                sum(debit for _, of, debit, _ in truth if of == currency),
                sum(credit for _, of, _, credit in truth if of == currency),
            )
            for currency in currencies
        }
        assert all(debit == credit > 0 for debit, credit in sums.values())
        assert {each["currency"]: (each["debit"], each["credit"]) for each in by_api} == sums
        assert {each["currency"]: (each["debit"], each["credit"]) for each in by_command} == sums
        totals = [each for each in cells if each["account"] == "TOTAL"]
        in_csv = {each["currency"]: (int(each["debit"]), int(each["credit"])) for each in totals}
        assert in_csv == sums
        assert sorted(map(tuple, by_admin)) == sorted(sums.values())


class TestStatement:
    def test_of_accounts_and_wallets_agrees_everywhere(self, tenant, purses, boss, desk):
        purse = purses[0]
        accounts = [
            season.account_id(tenant, code)
            for code in ("revenue:USD", "clearing:local:USD", "liquidity:JPY")
        ]
        query = {"start": "2026-09-10T00:00:00Z", "end": "2026-10-15T00:00:00Z"}
        start, end = (datetime.fromisoformat(value) for value in query.values())
        ends = [f"--{name}={value}" for name, value in query.items()]

        for account_id in (*accounts, purse.account_id):
            opening, lines, closing = season.entries(tenant, account_id, start, end)
            address = f"/api/v1/ledger-accounts/{account_id}/statement"
            shown, rows = everything(boss, address, **query)
            cells = season.table(boss.get(f"{address}.csv", query))
            place = ["statement", f"--tenant={tenant.slug}", f"--account={account_id}", *ends]
            printed = json.loads(run(*place, format="json"))
            page = desk.get(f"{ADMIN}/statement/", {"account": account_id, **query})

            assert [(row["entry_id"], row["amount"], row["balance"]) for row in rows] == lines
            said = [(row["entry_id"], row["amount"], row["balance"]) for row in printed["results"]]
            assert said == lines
            of_csv = [
                (row["entry_id"], int(row["amount"]), int(row["balance"]))
                for row in cells
                if row["kind"] == "ENTRY"
            ]
            assert of_csv == lines
            assert minors(page, "entries") == [[amount, balance] for _, amount, balance in lines]
            ins = sum(amount for _, amount, _ in lines if amount > 0)
            outs = sum(amount for _, amount, _ in lines if amount < 0)
            sums = [opening, ins, outs, closing]
            names = ("opening_balance", "total_in", "total_out", "closing_balance")
            assert [shown[name] for name in names] == sums
            assert [printed[name] for name in names] == sums
            assert minors(page, "sums") == [sums]
            whole = {row["kind"]: row for row in cells if row["kind"] != "ENTRY"}
            assert int(whole["OPENING_BALANCE"]["balance"]) == opening
            assert int(whole["TOTAL_IN"]["amount"]) == ins
            assert int(whole["TOTAL_OUT"]["amount"]) == outs
            assert int(whole["CLOSING_BALANCE"]["balance"]) == closing
            assert season.table(run(*place, format="csv")) == cells
            admin_query = {"account": account_id, **query, "format": "csv"}
            assert season.table(desk.get(f"{ADMIN}/statement/", admin_query)) == cells


class TestRevenue:
    def test_is_what_the_revenue_account_has_gained(self, tenant, purses, boss, desk):
        span = {"start": BEGINS.isoformat(), "end": ENDS.isoformat()}
        account_id = season.account_id(tenant, "revenue:USD")
        _, lines, _ = season.entries(tenant, account_id, BEGINS, ENDS)
        gained = sum(amount for _, amount, _ in lines)
        given_back = -sum(amount for _, amount, _ in lines if amount < 0)
        discounts = season.sql(
            tenant,
            "SELECT sum(p.discount)::bigint FROM purchases p JOIN transactions t "
            "ON t.id = p.transaction_id WHERE t.effective_at >= %s AND t.effective_at < %s",
            BEGINS,
            ENDS,
        )[0][0]

        for by in ("item", "day", "month"):
            address = "/api/v1/reports/revenue"
            rows = boss.get(address, {**span, "by": by}).json()["results"]
            cells = season.table(boss.get(f"{address}.csv", {**span, "by": by}))
            ends = [f"--{name}={value}" for name, value in span.items()]
            place = ["revenue", f"--tenant={tenant.slug}", *ends, f"--by={by}"]
            printed = json.loads(run(*place, format="json"))
            page = desk.get(f"{ADMIN}/revenue/", {**span, "by": by})
            amounts = ("gross", "discount", "refunded", "net")
            table = [[row[name] for name in amounts] for row in rows]

            assert sum(row["net"] for row in rows) == gained, by
            assert sum(row["refunded"] for row in rows) == given_back > 0
            assert sum(row["discount"] for row in rows) == discounts > 0
            assert all(gross - cut - back == net for gross, cut, back, net in table)
            assert [[int(row[name]) for name in amounts] for row in cells] == table
            assert [[row[name] for name in amounts] for row in printed] == table
            assert minors(page, "revenue") == table
            assert season.table(run(*place, format="csv")) == cells

    def test_of_days_and_months_is_as_plain_sql_has_it(self, tenant, purses, boss):
        span = {"start": BEGINS.isoformat(), "end": ENDS.isoformat()}
        for by, zone in (("day", "UTC"), ("month", "Pacific/Kiritimati")):
            truth = season.sql(
                tenant,
                "SELECT date_trunc(%s, e.effective_at AT TIME ZONE %s)::date::text, "
                "sum(e.amount)::bigint FROM ledger_entries e JOIN ledger_accounts a "
                "ON a.id = e.account_id WHERE a.code = 'revenue:USD' AND e.effective_at >= %s "
                "AND e.effective_at < %s GROUP BY 1 ORDER BY 1",
                by,
                zone,
                BEGINS,
                ENDS,
            )
            query = {**span, "by": by, "time_zone": zone}
            rows = boss.get("/api/v1/reports/revenue", query).json()["results"]
            assert [(row["period"], row["net"]) for row in rows] == truth

    def test_of_an_item_is_nothing_once_all_was_given_back(self, make_tenant, settings):
        settings.LOCAL_PAYMENTS = True
        tenant = make_tenant()
        boss = client_of(tenant, Caller(role="admin"))
        seller, buyer = shop.make_seller(tenant), shop.make_buyer(tenant)
        shop.fund(tenant, buyer.id, 10_000)
        items = [shop.make_item(tenant, seller, name=f"Item {n}", price=100 + n) for n in range(3)]
        buying.make_code(tenant, percent=3_333)
        made = buying.check_out_now(tenant, buyer.id, *items, provider="wallet", code="SAVE")
        for amount in (1, 50, 7, None):
            with binding.bind(tenant, writes="commerce"):
                purchases.refund_purchase(
                    purchase_id=made.purchase.id,
                    amount=amount,
                    reason="REQUESTED",
                    refunded_at=timezone.now(),
                    created_by_id=None,
                )

        end = (timezone.now() + timedelta(minutes=1)).isoformat()
        rows = boss.get("/api/v1/reports/revenue", {"end": end}).json()["results"]

        assert [row["name"] for row in rows] == ["Item 0", "Item 1", "Item 2"]
        assert [row["net"] for row in rows] == [0, 0, 0]
        assert [row["gross"] for row in rows] == [100, 101, 102]


class TestWalletBalances:
    def test_agree_everywhere(self, tenant, purses, boss, desk):
        truth = season.sql(
            tenant,
            "SELECT a.currency, sum(e.amount)::bigint FROM ledger_entries e JOIN ledger_accounts a "
            "ON a.id = e.account_id WHERE a.owner_id IS NOT NULL GROUP BY 1 ORDER BY 1",
        )

        rows = boss.get("/api/v1/reports/wallet-balances").json()["results"]
        cells = season.table(boss.get("/api/v1/reports/wallet-balances.csv"))
        printed = json.loads(run("wallet-balances", f"--tenant={tenant.slug}", format="json"))
        page = desk.get(f"{ADMIN}/balances/")

        assert [(row["currency"], row["balance"]) for row in rows] == truth
        assert [(row["currency"], int(row["balance"])) for row in cells] == truth
        assert [(row["currency"], row["balance"]) for row in printed] == truth
        assert [row[2] for row in minors(page, "wallets")] == [balance for _, balance in truth]
