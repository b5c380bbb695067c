"""Statements: pages in both directions, what counts when, spreadsheets, and who may look."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.commerce.operations import ledger
from apps.commerce.queries import amounts, sheets
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.api import Caller, client_of, errors_of
from tests.commerce import shop
from tests.commerce.reports import season
from tests.commerce.wallets import people
from tests.commerce.wallets.test_reading import hold, put

FIRST = datetime(2026, 3, 1, tzinfo=UTC)
SPAN = {"start": FIRST.isoformat(), "end": (FIRST + timedelta(days=30)).isoformat()}


@pytest.fixture
def owner(tenant):
    return people.person(tenant)


@pytest.fixture
def purse(tenant, owner):
    """A wallet with an entry a day in March 2026, posted in no order: 10, 20, … 100."""
    purse = shop.fund(tenant, owner.id, 5_000)
    for day in (3, 1, 10, 2, 7, 5, 4, 9, 8, 6):
        put(tenant, purse, 10 * day, at=FIRST + timedelta(days=day))
    return purse


def read(owner, purse, **query):
    return owner.read(purse, "statement", **{**SPAN, **query})


class TestStatement:
    def test_goes_by_when_things_count(self, tenant, owner, purse):
        put(tenant, purse, 7, at=FIRST - timedelta(days=400))
        put(tenant, purse, -3, at=FIRST + timedelta(days=6, hours=12))

        shown = read(owner, purse)

        assert [line["amount"] for line in shown["results"]] == [
            *(10, 20, 30, 40, 50, 60),
            -3,
            *(70, 80, 90, 100),
        ]
        assert [line["balance"] for line in shown["results"]][-5:] == [214, 284, 364, 454, 554]
        sums = [shown[name] for name in ("opening_balance", "total_in", "total_out")]
        assert sums == [7, 550, -3]
        assert shown["closing_balance"] == 554

    def test_takes_its_beginning_and_leaves_its_end(self, tenant, owner, purse):
        day = {"start": FIRST + timedelta(days=1), "end": FIRST + timedelta(days=3)}

        shown = read(owner, purse, **{name: at.isoformat() for name, at in day.items()})

        assert [line["amount"] for line in shown["results"]] == [10, 20]

    def test_pages_go_there_and_back(self, owner, purse):
        whole = read(owner, purse)["results"]

        first = read(owner, purse, page_size=4)
        second = owner.client.get(first["next"]).json()
        third = owner.client.get(second["next"]).json()
        back = owner.client.get(third["previous"]).json()
        start = owner.client.get(back["previous"]).json()

        assert first["results"] + second["results"] + third["results"] == whole
        assert len(third["results"]) == 2
        assert (first["previous"], third["next"]) == (None, None)
        assert back["results"] == second["results"]
        assert start["results"] == first["results"]
        assert start["previous"] is None
        assert {page["closing_balance"] for page in (first, second, third, back)} == {550}

    def test_cursor_is_of_one_period_alone(self, owner, purse):
        cursor = read(owner, purse, page_size=4)["next"].rpartition("cursor=")[2]
        address = f"{people.WALLETS}/{purse.id}/statement"

        reply = owner.client.get(f"{address}?cursor={cursor}&start=2026-01-01T00:00:00Z")

        assert errors_of(reply) == {"cursor"}

    def test_of_what_is_held_shows_holds(self, tenant, owner, purse):
        hold(tenant, purse, 400)
        now = {"start": "2026-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}

        held = owner.read(purse, "statement", part="held", **now)

        assert [line["amount"] for line in held["results"]] == [400]
        assert owner.read(purse, "statement", **now)["closing_balance"] == 5_150

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"start": "soon"}, "start"),
            ({"start": "2026-03-02T00:00:00Z", "end": "2026-03-01T00:00:00Z"}, "end"),
            ({"start": "", "end": "0001-01-05T00:00:00Z"}, "start"),
            ({"page_size": "0"}, "page_size"),
            ({"page_size": "9" * 5_000}, "page_size"),
            ({"cursor": "mine"}, "cursor"),
            ({"part": "all"}, "part"),
            ({"limit": "3"}, "limit"),
        ],
    )
    @pytest.mark.parametrize("accept", ["application/json", "text/csv"])
    def test_refuses_nonsense_by_name(self, owner, purse, query, field, accept):
        address = f"{people.WALLETS}/{purse.id}/statement"

        reply = owner.client.get(address, query, HTTP_ACCEPT=accept)

        if accept == "text/csv" and field == "cursor":
            return
        assert (reply.status_code, errors_of(reply)) == (400, {field})

    def test_is_one_statement_of_sql(self, owner, purse):
        with CaptureQueriesContext(connections["commerce"]) as captured:
            read(owner, purse)

        assert len([each for each in captured if "ledger_entries" in each["sql"]]) == 1


class TestSheet:
    def test_comes_to_whoever_asks_for_it(self, owner, purse):
        address = f"{people.WALLETS}/{purse.id}/statement"

        by_accept = owner.client.get(address, SPAN, HTTP_ACCEPT="text/csv")
        by_address = owner.client.get(f"{address}.csv", SPAN)

        assert by_accept["Content-Type"] == by_address["Content-Type"] == "text/csv; charset=utf-8"
        assert by_accept["Content-Disposition"] == 'attachment; filename="statement.csv"'
        rows = season.table(by_accept)
        assert rows == season.table(by_address)
        assert [row["amount_in_units"] for row in rows[1:-3]][:2] == ["0.10", "0.20"]

    def test_comes_page_by_page_with_nothing_open_between_them(
        self, tenant, owner, purse, monkeypatch
    ):
        monkeypatch.setattr(sheets, "PAGE", 3)
        address = f"{people.WALLETS}/{purse.id}/statement.csv"
        reply = owner.client.get(address, SPAN)
        parts = []

        for part in reply.streaming_content:
            assert binding.current() is None
            assert not connections["commerce"].in_atomic_block
            parts.append(part)

        assert len(parts) == 6
        rows = season.table(b"".join(parts).decode())
        assert [int(row["balance"]) for row in rows if row["kind"] == "ENTRY"][-1] == 550
        assert rows[-1]["kind"] == "CLOSING_BALANCE" and rows[-1]["balance"] == "550"

    def test_agrees_with_itself_whatever_is_posted_meanwhile(
        self, tenant, owner, purse, monkeypatch
    ):
        monkeypatch.setattr(sheets, "PAGE", 3)
        reply = owner.client.get(f"{people.WALLETS}/{purse.id}/statement.csv", SPAN)
        parts = iter(reply.streaming_content)
        begun = [next(parts), next(parts)]

        put(tenant, purse, 1, at=FIRST + timedelta(days=1, hours=1))
        put(tenant, purse, 2, at=FIRST + timedelta(days=20))

        rows = season.table(b"".join([*begun, *parts]).decode())
        lines = [row for row in rows if row["kind"] == "ENTRY"]
        sums = {row["kind"]: row for row in rows if row["kind"] != "ENTRY"}
        assert len(lines) == 11
        ins = sum(int(row["amount"]) for row in lines)
        assert int(sums["TOTAL_IN"]["amount"]) == ins == 552
        assert int(sums["CLOSING_BALANCE"]["balance"]) == 552

    def test_runs_no_formula(self):
        text = sheets.text_of(
            [["=1+1", "+1", "-1", "@x", "\tx", "＝1", -5, sheets.Number("-0.05"), "ü"]]
        )

        assert text.decode() == "'=1+1,'+1,'-1,'@x,'\tx,'＝1,-5,-0.05,ü\r\n"

    def test_of_revenue_names_items_and_runs_none(self, tenant, settings):
        settings.LOCAL_PAYMENTS = True
        season.trade(tenant)
        boss = client_of(tenant, Caller(role="admin"))

        reply = boss.get("/api/v1/reports/revenue.csv", {"start": season.BEGINS.isoformat()})

        names = {row["name"] for row in season.table(reply)}
        assert f"'{season.FORMULA}" in names
        assert season.FORMULA not in names


class TestReaders:
    ADDRESSES = (
        "ledger-accounts",
        "reports/trial-balance",
        "reports/trial-balance.csv",
        "reports/wallet-balances",
        "reports/revenue",
        "reports/revenue.csv",
    )

    def test_are_admins(self, tenant, owner):
        for role, status in ((None, 403), ("support", 403), ("editor", 403), ("admin", 200)):
            client = client_of(tenant, Caller(role=role))
            for address in self.ADDRESSES:
                assert client.get(f"/api/v1/{address}").status_code == status, (role, address)
        assert client_of(tenant).get("/api/v1/reports/trial-balance").status_code == 401

    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
    def test_are_no_others_whatever_the_method(self, tenant, owner, purse, method):
        addresses = [
            *(address for address in self.ADDRESSES if address.startswith("reports/")),
            f"ledger-accounts/{purse.account_id}/statement.csv",
            f"wallets/{purse.id}/statement.csv",
        ]

        for client in (client_of(tenant), client_of(tenant, Caller(role="viewer")), owner.client):
            for address in addresses:
                reply = getattr(client, method)(f"/api/v1/{address}", HTTP_ACCEPT="text/csv")
                assert reply.status_code == 405, (address, reply.getvalue())

    def test_see_one_tenants_books(self, tenant, rival, purse):
        elsewhere = client_of(rival, Caller(role="owner"))
        account = f"/api/v1/ledger-accounts/{purse.account_id}"

        assert elsewhere.get("/api/v1/ledger-accounts").json()["results"] == []
        assert elsewhere.get("/api/v1/reports/trial-balance").json()["results"] == []
        assert elsewhere.get("/api/v1/reports/wallet-balances").json()["results"] == []
        for part in ("", "/statement", "/statement.csv"):
            theirs, none = (
                elsewhere.get(address + part)
                for address in (account, f"/api/v1/ledger-accounts/{uuid7()}")
            )
            assert theirs.status_code == none.status_code == 404
            assert theirs.content == none.content


class TestSnapshot:
    def test_of_a_trial_balance_is_one_moment(self, tenant, purse):
        """A transfer between two accounts of which one was read already is in both, or in none."""
        other = shop.fund(tenant, people.person(tenant).id, 1)
        as_of = timezone.now() + timedelta(hours=1)
        chunks = sheets.trial_balance_chunks(tenant=tenant, as_of=as_of)
        begun = next(chunks)
        with binding.bind(tenant, writes="commerce"):
            ledger.post_one(
                ledger.Posting(
                    cause=ledger.Cause(key="late", at=timezone.now()),
                    transaction_type=ledger.posting.TransactionType.TRANSFER,
                    amount=99,
                    currency="USD",
                    legs=[
                        ledger.Leg(account_id=purse.account_id, amount=-99),
                        ledger.Leg(account_id=other.account_id, amount=99),
                    ],
                )
            )

        rows = season.table(b"".join([begun, *chunks]).decode())

        (total,) = (row for row in rows if row["account"] == "TOTAL")
        assert total["debit"] == total["credit"] == "5551"


class TestWritten:
    @pytest.mark.parametrize(
        ("amount", "currency", "locale", "text"),
        [
            (-123_456, "USD", "en_US", "-$1,234.56"),
            (123_456, "USD", "de_DE", "1.234,56\xa0$"),
            (1_234_567, "JPY", "en_US", "¥1,234,567"),
            (1_234_567, "KWD", "en_US", "KWD\xa01,234.567"),
            (5, "STR", "en_US", "STR\xa00.5"),
            (10**18 + 1, "USD", "nowhere", "$10,000,000,000,000,000.01"),
        ],
    )
    def test_is_as_people_write_it(self, amount, currency, locale, text):
        decimals = {"USD": 2, "JPY": 0, "KWD": 3, "STR": 1}
        shown = amounts.written(
            amount, currency=currency, decimals=decimals, locale=amounts.locale_of(locale)
        )

        assert shown == text
