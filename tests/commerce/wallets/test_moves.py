"""Money out of one wallet into another, in by the staff and out again, and back."""

import pytest
from django.db import connections
from django.utils import timezone

from apps.commerce.models import DomainEvent, TransactionType, UserWallet
from apps.commerce.operations import ledger
from apps.commerce.operations.ledger import accounts
from apps.kernel.ids import uuid7
from apps.kernel.money import MAX_AMOUNT
from apps.tenancy import binding
from tests.api import errors_of
from tests.commerce import shop
from tests.commerce.wallets import people
from tests.commerce.wallets.people import TRANSACTIONS, WALLETS
from tests.factories import CelebrityFactory


def told(tenant):
    """The changes of wallets that were told of, in order: wallet and amount."""
    with binding.bind(tenant):
        rows = DomainEvent.objects.filter(kind="commerce.WalletChanged").order_by("id")
        return [(row.payload["wallet_id"], row.payload["amount"]) for row in rows]


def wallet_of(tenant, person, currency="USD"):
    with binding.bind(tenant):
        return UserWallet.objects.get(user_id=person.id, currency=currency)


class TestTransfer:
    def test_moves_money_and_opens_the_other_wallet(self, tenant, giver, taker, purse):
        reply = giver.move(purse, "transfers", to_user_id=taker.id, amount=2_500)

        assert reply.status_code == 201, reply.content
        assert reply["Location"] == f"{TRANSACTIONS}/{reply.json()['id']}"
        theirs = wallet_of(tenant, taker)
        assert shop.balance(tenant, purse) == (7_500, 0)
        assert shop.balance(tenant, theirs) == (2_500, 0)
        assert shop.trial_balance(tenant) == {"USD": 0}
        assert told(tenant) == [(str(purse.id), -2_500), (str(theirs.id), 2_500)]

    def test_is_seen_by_both_with_their_own_legs(self, tenant, giver, taker, purse, helper):
        sent = giver.move(purse, "transfers", to_user_id=taker.id, amount=2_500).json()

        seen = taker.client.get(f"{TRANSACTIONS}/{sent['id']}").json()

        assert [entry["amount"] for entry in sent["entries"]] == [-2_500]
        assert [entry["amount"] for entry in seen["entries"]] == [2_500]
        assert (sent["created_by_id"], seen["created_by_id"]) == (str(giver.keycloak_id), None)
        whole = helper.client.get(f"{TRANSACTIONS}/{sent['id']}").json()
        assert [entry["amount"] for entry in whole["entries"]] == [-2_500, 2_500]

    def test_refuses_more_than_there_is(self, tenant, giver, taker, purse):
        reply = giver.move(purse, "transfers", to_user_id=taker.id, amount=10_001)

        assert reply.status_code == 409
        assert reply.json()["type"].endswith("insufficient-funds")
        assert shop.balance(tenant, purse) == (10_000, 0)
        assert told(tenant) == []

    @pytest.mark.parametrize("amount", [0, -1, 1.5, "ten", None, True, MAX_AMOUNT + 1, 10**18])
    def test_refuses_what_is_no_amount(self, tenant, giver, taker, purse, amount):
        reply = giver.client.post(
            f"{WALLETS}/{purse.id}/transfers", {"to_user_id": str(taker.id), "amount": amount}
        )

        assert reply.status_code == 400
        assert errors_of(reply) == {"amount"}
        assert shop.balance(tenant, purse) == (10_000, 0)

    def test_is_to_somebody_else(self, tenant, giver, purse):
        reply = giver.move(purse, "transfers", to_user_id=giver.id, amount=1)

        assert errors_of(reply) == {"to_user_id"}

    def test_is_to_no_other_profile_of_ones_own(self, tenant, giver, purse):
        with binding.bind(tenant, writes="users"):
            star = CelebrityFactory(keycloak_id=giver.keycloak_id)

        reply = giver.move(purse, "transfers", to_user_id=star.id, amount=1)

        assert errors_of(reply) == {"to_user_id"}

    def test_is_to_somebody_who_is_there(self, rival, giver, purse):
        elsewhere = people.person(rival)

        for to_user_id in (uuid7(), elsewhere.id):
            reply = giver.move(purse, "transfers", to_user_id=to_user_id, amount=1)
            assert reply.status_code == 409
            assert reply.json()["type"].endswith("person-gone")

    @pytest.mark.parametrize("status", ["SUSPENDED", "INACTIVE", "REJECTED"])
    def test_is_refused_to_and_from_whom_the_staff_shut_out(self, tenant, giver, purse, status):
        barred = people.person(tenant, status=status)
        theirs = shop.fund(tenant, barred.id, 100)

        to = giver.move(purse, "transfers", to_user_id=barred.id, amount=1)
        by = barred.move(theirs, "transfers", to_user_id=giver.id, amount=1)

        assert (to.status_code, by.status_code) == (403, 403)
        assert shop.balance(tenant, theirs) == (100, 0)

    def test_is_refused_to_who_was_deleted(self, tenant, giver, purse):
        gone = people.person(tenant, is_deleted=True, deleted_on=timezone.now())

        assert giver.move(purse, "transfers", to_user_id=gone.id, amount=1).status_code == 409

    def test_from_somebody_elses_wallet_is_from_none(self, tenant, rival, taker, purse, helper):
        elsewhere = people.person(rival)
        body = {"to_user_id": uuid7(), "amount": 1}

        of_another = taker.move(purse, "transfers", **body)
        of_none = taker.client.post(f"{WALLETS}/{uuid7()}/transfers", body)
        of_another_tenant = elsewhere.move(purse, "transfers", **body)

        assert of_another.status_code == of_none.status_code == 404
        assert of_another.content == of_none.content == of_another_tenant.content
        assert helper.move(purse, "transfers", **body).status_code == 403


class TestIdempotency:
    def test_repeats_the_reply_and_refuses_another_body(self, tenant, giver, taker, purse):
        first = giver.move(purse, "transfers", "k1", to_user_id=taker.id, amount=100)
        again = giver.move(purse, "transfers", "k1", to_user_id=taker.id, amount=100)
        other = giver.move(purse, "transfers", "k1", to_user_id=taker.id, amount=200)

        assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
        assert first.json() == again.json()
        assert shop.balance(tenant, purse) == (9_900, 0)

    def test_lasts_longer_than_the_reply(self, tenant, giver, taker, purse):
        first = giver.move(purse, "transfers", "k1", to_user_id=taker.id, amount=100)
        with binding.bind(tenant, writes="commerce"), connections["commerce"].cursor() as cursor:
            cursor.execute("DELETE FROM idempotency_keys")

        again = giver.move(purse, "transfers", "k1", to_user_id=taker.id, amount=100)
        other = giver.move(purse, "transfers", "k2", to_user_id=taker.id, amount=100)
        with binding.bind(tenant, writes="commerce"), connections["commerce"].cursor() as cursor:
            cursor.execute("DELETE FROM idempotency_keys")
        changed = giver.move(purse, "transfers", "k1", to_user_id=taker.id, amount=101)

        assert again.json()["id"] == first.json()["id"] != other.json()["id"]
        assert changed.status_code == 422
        assert shop.balance(tenant, purse) == (9_800, 0)
        assert len(told(tenant)) == 4

    def test_is_each_callers_own(self, tenant, giver, taker, purse):
        theirs = shop.fund(tenant, taker.id, 500)

        giver.move(purse, "transfers", "same", to_user_id=taker.id, amount=100)
        taker.move(theirs, "transfers", "same", to_user_id=giver.id, amount=30)

        assert shop.balance(tenant, purse) == (9_930, 0)

    def test_key_finds_what_was_done(self, tenant, giver, taker, purse):
        done = giver.move(purse, "transfers", "lost", to_user_id=taker.id, amount=100).json()

        found = giver.client.get(TRANSACTIONS, {"idempotency_key": "lost"}).json()["results"]
        foreign = taker.client.get(TRANSACTIONS, {"idempotency_key": "lost"}).json()["results"]

        assert [row["id"] for row in found] == [done["id"]]
        assert foreign == []


class TestStaff:
    @pytest.mark.parametrize(
        ("reason", "code"),
        [("GOODWILL", "promotions:USD"), ("CORRECTION", "adjustments:USD")],
    )
    def test_credits_out_of_what_the_reason_says(self, tenant, boss, purse, reason, code):
        reply = boss.move(purse, "credits", amount=700, reason=reason)

        assert reply.status_code == 201, reply.content
        assert reply.json()["meta_data"] == {"reason": reason}
        assert shop.balance(tenant, purse) == (10_700, 0)
        source = reply.json()["entries"][0]["account_id"]
        account = boss.client.get(f"/api/v1/ledger-accounts/{source}").json()
        assert account["code"] == code

    def test_debits_never_more_than_there_is(self, tenant, boss, purse):
        taken = boss.move(purse, "debits", amount=10_000, reason="FRAUD")
        more = boss.move(purse, "debits", amount=1, reason="FRAUD")

        assert (taken.status_code, more.status_code) == (201, 409)
        assert shop.balance(tenant, purse) == (0, 0)
        assert told(tenant) == [(str(purse.id), -10_000)]

    def test_says_why(self, boss, purse):
        assert errors_of(boss.move(purse, "credits", amount=1)) == {"reason"}
        assert errors_of(boss.move(purse, "debits", amount=1, reason="WHIM")) == {"reason"}

    def test_is_an_admin(self, giver, helper, purse):
        for somebody in (giver, helper):
            for what in ("credits", "debits"):
                reply = somebody.move(purse, what, amount=1, reason="CORRECTION")
                assert reply.status_code == 403

    def test_credits_nobody_who_has_left_but_takes_what_they_leave(self, tenant, boss):
        gone = people.person(tenant, is_deleted=True, deleted_on=timezone.now())
        left = shop.fund(tenant, boss.id, 300)
        with binding.bind(tenant, writes="commerce"), connections["commerce"].cursor() as cursor:
            cursor.execute("UPDATE user_wallets SET user_id = %s", [gone.id])

        assert boss.move(left, "credits", amount=1, reason="GOODWILL").status_code == 409
        assert boss.move(left, "debits", amount=300, reason="UNCLAIMED").status_code == 201


class TestReversal:
    def reverse(self, boss, transaction_id, **headers):
        return boss.client.post(f"{TRANSACTIONS}/{transaction_id}/reversals", **headers)

    def test_undoes_once_and_says_so(self, tenant, giver, taker, boss, purse):
        sent = giver.move(purse, "transfers", to_user_id=taker.id, amount=2_500).json()

        undone = self.reverse(boss, sent["id"])
        again = self.reverse(boss, sent["id"])

        assert (undone.status_code, again.status_code) == (201, 409)
        assert undone.json()["reverses_id"] == sent["id"]
        assert shop.balance(tenant, purse) == (10_000, 0)
        assert giver.client.get(f"{TRANSACTIONS}/{sent['id']}").json()["status"] == "REVERSED"
        theirs = wallet_of(tenant, taker)
        assert sorted(told(tenant)[2:]) == sorted(
            [(str(purse.id), 2_500), (str(theirs.id), -2_500)]
        )

    def test_refuses_when_the_money_is_gone(self, tenant, giver, taker, boss, purse):
        sent = giver.move(purse, "transfers", to_user_id=taker.id, amount=2_500).json()
        boss.move(wallet_of(tenant, taker), "debits", amount=1, reason="FRAUD")

        assert self.reverse(boss, sent["id"]).status_code == 409
        assert shop.balance(tenant, wallet_of(tenant, taker)) == (2_499, 0)

    def test_is_not_of_purchases_nor_of_reversals(self, tenant, giver, taker, boss, purse):
        with binding.bind(tenant, writes="commerce"):
            revenue = accounts.open_account(accounts.revenue("USD"))
            cause = ledger.Cause(key="bought", at=timezone.now(), purchase_id=uuid7())
            bought = ledger.post_one(
                ledger.Posting(
                    cause=cause,
                    transaction_type=TransactionType.DEBIT,
                    amount=5,
                    currency="USD",
                    legs=[
                        ledger.Leg(account_id=purse.account_id, amount=-5),
                        ledger.Leg(account_id=revenue, amount=5),
                    ],
                )
            )
        sent = giver.move(purse, "transfers", to_user_id=taker.id, amount=2_500).json()
        undone = self.reverse(boss, sent["id"]).json()

        assert self.reverse(boss, bought.id).status_code == 400
        assert self.reverse(boss, undone["id"]).status_code == 400
        assert self.reverse(boss, uuid7()).status_code == 404

    def test_is_an_admins(self, giver, taker, helper, purse):
        sent = giver.move(purse, "transfers", to_user_id=taker.id, amount=1).json()

        assert self.reverse(giver, sent["id"]).status_code == 403
        assert self.reverse(helper, sent["id"]).status_code == 403
