"""Looking into wallets: what is in them, what was, why, and what was posted."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.commerce.models import TransactionType
from apps.commerce.operations import ledger
from apps.commerce.operations.ledger import accounts
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.api import Caller, client_of, errors_of
from tests.commerce import shop
from tests.commerce.wallets import people
from tests.commerce.wallets.people import TRANSACTIONS, WALLETS

LONG_AGO = datetime(2020, 5, 1, 12, tzinfo=UTC)


def put(tenant, wallet, amount, *, at, key=""):
    """Post an amount into a wallet, or out of it, that counts at a time."""
    with binding.bind(tenant, writes="commerce"):
        source = accounts.open_account(accounts.adjustments(wallet.currency))
        legs = [
            ledger.Leg(account_id=source, amount=-amount),
            ledger.Leg(account_id=wallet.account_id, amount=amount),
        ]
        return ledger.post_one(
            ledger.Posting(
                cause=ledger.Cause(key=key or f"put:{uuid7()}", at=at),
                transaction_type=TransactionType.CREDIT if amount > 0 else TransactionType.DEBIT,
                amount=abs(amount),
                currency=wallet.currency,
                legs=legs,
                user_id=wallet.user_id,
                is_debit=amount < 0,
            )
        ).id


def hold(tenant, wallet, amount, *, purchase_id=None):
    with binding.bind(tenant, writes="commerce"):
        now = timezone.now()
        cause = ledger.Cause(key=f"hold:{uuid7()}", at=now, purchase_id=purchase_id)
        expires_at = now + timedelta(minutes=30)
        return ledger.holds.place_hold(
            wallet=wallet, amount=amount, expires_at=expires_at, cause=cause
        )


class TestWallets:
    def test_are_ones_own_and_to_support_all(self, tenant, giver, taker, helper, purse):
        theirs = shop.fund(tenant, taker.id, 5)

        def seen(somebody, **query):
            return {row["id"] for row in somebody.client.get(WALLETS, query).json()["results"]}

        assert seen(giver) == {str(purse.id)}
        assert seen(helper) == {str(purse.id), str(theirs.id)}
        assert seen(helper, user_id=taker.id) == {str(theirs.id)}
        assert seen(giver, user_id=taker.id) == set()

    def test_show_what_is_available_and_what_is_held(self, tenant, giver, purse):
        hold(tenant, purse, 1_500)

        shown = giver.read(purse)

        amounts = shown["balance"], shown["available"], shown["held"]
        assert amounts == (10_000, 8_500, 1_500)

    def test_are_summed_up_by_one_query_for_a_page(self, tenant, helper, giver, purse):
        for _ in range(5):
            shop.fund(tenant, people.person(tenant).id, 7)

        with CaptureQueriesContext(connections["commerce"]) as captured:
            reply = helper.client.get(WALLETS)

        assert len(reply.json()["results"]) == 6
        asked = [each["sql"] for each in captured if "SET LOCAL" not in each["sql"]]
        assert len([sql for sql in asked if sql.startswith(("SELECT", "\nSELECT"))]) == 2

    def test_can_be_shown_in_part(self, giver, purse):
        assert giver.read(purse, fields="held,currency") == {"currency": "USD", "held": 0}

    def test_of_others_are_none_at_all(self, rival, giver, taker, purse):
        elsewhere = people.person(rival, role="owner")

        for part in ("", "/balance", "/explanation", "/statement", "/statement.csv"):
            found = [
                client.get(f"{WALLETS}/{id_}{part}")
                for client, id_ in (
                    (taker.client, purse.id),
                    (taker.client, uuid7()),
                    (elsewhere.client, purse.id),
                )
            ]
            assert [reply.status_code for reply in found] == [404] * 3, part
            assert len({reply.content for reply in found}) == 1, part

    def test_are_nobodys_without_a_token(self, tenant, purse):
        client = client_of(tenant)

        assert client.get(WALLETS).status_code == 401
        assert client.get(f"{WALLETS}/{purse.id}").status_code == 401


class TestOpening:
    def test_gives_each_person_one_of_each_currency(self, giver):
        first = giver.client.post(WALLETS, {"currency": "EUR"})
        again = giver.client.post(WALLETS, {"currency": "EUR"})
        other = giver.client.post(WALLETS, {"currency": "JPY"})

        assert (first.status_code, again.status_code, other.status_code) == (201, 201, 201)
        assert first["Location"] == f"{WALLETS}/{first.json()['id']}"
        assert first.json()["id"] == again.json()["id"] != other.json()["id"]

    @pytest.mark.parametrize("currency", ["XXX", "ABC", "usd", "US", "", None, 5])
    def test_refuses_what_is_no_currency(self, giver, currency):
        reply = giver.client.post(WALLETS, {"currency": currency})

        assert (reply.status_code, errors_of(reply)) == (400, {"currency"})

    def test_needs_a_profile(self, tenant):
        nobody = client_of(tenant, Caller())

        assert nobody.post(WALLETS, {"currency": "EUR"}).status_code == 409

    def test_is_not_for_whom_the_staff_shut_out(self, tenant):
        barred = people.person(tenant, status="SUSPENDED")

        assert barred.client.post(WALLETS, {"currency": "EUR"}).status_code == 403


class TestBalanceAsOf:
    def test_is_by_when_things_count_not_by_when_they_were_posted(self, tenant, giver, purse):
        put(tenant, purse, 70, at=LONG_AGO)
        put(tenant, purse, -20, at=LONG_AGO + timedelta(days=1))

        def then(at):
            return giver.read(purse, "balance", as_of=at.isoformat())["balance"]

        assert then(LONG_AGO - timedelta(seconds=1)) == 0
        assert then(LONG_AGO) == 70
        assert then(LONG_AGO + timedelta(days=2)) == 50
        assert giver.read(purse, "balance")["balance"] == 10_050

    def test_tells_what_was_held(self, tenant, giver, purse):
        before = timezone.now().isoformat()
        hold(tenant, purse, 400)

        assert giver.read(purse, "balance", as_of=before)["held"] == 0
        now = giver.read(purse, "balance")
        assert (now["available"], now["held"], now["balance"]) == (9_600, 400, 10_000)

    @pytest.mark.parametrize(
        "query", [{"as_of": "soon"}, {"as_of": "0001-01-01T00:00:00+14:00"}, {"at": "now"}]
    )
    def test_refuses_nonsense_by_name(self, giver, purse, query):
        reply = giver.client.get(f"{WALLETS}/{purse.id}/balance", query)

        assert (reply.status_code, errors_of(reply)) == (400, set(query))


class TestExplanation:
    def test_adds_up(self, tenant, giver, purse):
        put(tenant, purse, -1_000, at=timezone.now())
        purchase_id = uuid7()
        open_id = hold(tenant, purse, 300, purchase_id=purchase_id)
        ended_id = hold(tenant, purse, 200)
        with binding.bind(tenant, writes="commerce"):
            cause = ledger.Cause(key="release", at=timezone.now())
            ledger.holds.release_hold(hold_id=ended_id, cause=cause)

        told = giver.read(purse, "explanation")

        assert (told["balance"], told["available"], told["held"]) == (9_000, 8_700, 300)
        assert told["received"] + told["paid"] == told["received_less_paid"] == 9_000
        assert told["adds_up"] is True
        (shown,) = told["open_holds"]
        assert (shown["hold_id"], shown["purchase_id"]) == (str(open_id), str(purchase_id))
        assert shown["amount"] == told["holds"] == 300
        lines = told["last_entries"]
        assert [line["amount"] for line in lines] == [200, -200, -300, -1_000, 10_000]
        assert lines[0]["balance_after"] == 8_700

    def test_is_of_an_empty_wallet_too(self, giver):
        empty = giver.client.post(WALLETS, {"currency": "EUR"}).json()

        told = giver.client.get(f"{WALLETS}/{empty['id']}/explanation").json()

        assert (told["balance"], told["entries"], told["adds_up"]) == (0, 0, True)
        assert told["open_holds"] == told["last_entries"] == []

    def test_is_one_statement(self, tenant, giver, purse):
        with CaptureQueriesContext(connections["commerce"]) as captured:
            giver.read(purse, "explanation")

        asked = [each["sql"] for each in captured if "ledger" in each["sql"]]
        assert len(asked) == 1


class TestTransactions:
    def test_are_filtered(self, tenant, giver, helper, purse):
        old = put(tenant, purse, 70, at=LONG_AGO)
        out = put(tenant, purse, -20, at=timezone.now())

        def found(somebody=giver, **query):
            reply = somebody.client.get(TRANSACTIONS, query)
            assert reply.status_code == 200, reply.content
            return [row["id"] for row in reply.json()["results"]]

        assert found()[0] == str(out) and found()[-1] == str(old)
        assert found(transaction_type="DEBIT") == [str(out)]
        assert found(effective_before="2021-01-01T00:00:00Z") == [str(old)]
        assert str(old) not in found(effective_from="2021-01-01T00:00:00Z")
        assert found(helper, user_id=giver.id) == found()
        assert found(user_id=uuid7()) == []
        assert found(purchase_id=uuid7()) == []
        assert len(found(ordering="effective_at", page_size=2)) == 2

    def test_show_every_column_of_the_source_databases(self, tenant, giver, purse):
        put(tenant, purse, 70, at=LONG_AGO)

        row = giver.client.get(TRANSACTIONS).json()["results"][0]

        assert {
            "transaction_type",
            "user_id",
            "created_by_id",
            "item_id",
            "purchase_id",
            "amount",
            "currency",
            "is_debit",
            "status",
            "description",
            "meta_data",
            "created_on",
        } <= row.keys()
        assert row["status"] == "COMPLETED"

    def test_of_holds_say_what_became_of_them(self, tenant, giver, purse):
        hold_id = hold(tenant, purse, 200)
        address = f"{TRANSACTIONS}/{hold_id}"
        before = giver.client.get(address).json()
        with binding.bind(tenant, writes="commerce"):
            cause = ledger.Cause(key="release", at=timezone.now())
            ended = ledger.holds.release_hold(hold_id=hold_id, cause=cause)

        after = giver.client.get(address).json()
        end = giver.client.get(f"{TRANSACTIONS}/{ended.id}").json()

        assert (before["status"], after["status"]) == ("PENDING", "RELEASED")
        assert end["relations"] == [
            {"related_transaction_id": str(hold_id), "relation_type": "RESOLVES"}
        ]

    def test_of_others_are_none_at_all(self, tenant, rival, giver, taker, purse):
        made = put(tenant, purse, 70, at=LONG_AGO)
        elsewhere = people.person(rival, role="owner")

        hidden = taker.client.get(f"{TRANSACTIONS}/{made}")

        assert taker.client.get(TRANSACTIONS).json()["results"] == []
        assert hidden.status_code == 404
        assert hidden.content == elsewhere.client.get(f"{TRANSACTIONS}/{made}").content
        assert hidden.content == taker.client.get(f"{TRANSACTIONS}/{uuid7()}").content

    def test_are_read_by_as_many_queries_however_many_there_are(self, tenant, giver, purse):
        def queries():
            with CaptureQueriesContext(connections["commerce"]) as captured:
                giver.client.get(TRANSACTIONS)
            return len(captured)

        giver.client.get(TRANSACTIONS)
        few = queries()
        for _ in range(6):
            put(tenant, purse, 1, at=LONG_AGO)

        assert queries() == few <= 8
