"""Refunds: parts and all, no more than was paid; where the money goes; what else is undone."""

import pytest
from django.db import IntegrityError
from django.utils import timezone

from apps.commerce.models import (
    Entitlement,
    ProviderRefund,
    Refund,
    TransactionRelation,
)
from apps.commerce.operations import purchases
from apps.tenancy import binding
from tests.api import errors_of
from tests.commerce import shop
from tests.commerce.purchases import buying
from tests.commerce.purchases.buying import PURCHASES


@pytest.fixture
def poster(tenant, seller):
    return shop.make_item(tenant, seller, quantity=5, limit_per_fan=2)


@pytest.fixture
def bought(anna, poster):
    return anna.buy(poster, quantity=2)


def refund(client, bought, **values):
    return client.post(f"{PURCHASES}/{bought['id']}/refunds", values, format="json")


class TestRefundsIntoTheWallet:
    def test_are_of_parts_until_nothing_is_left(
        self, tenant, anna, wallet, support, poster, bought
    ):
        first = refund(support, bought, amount=500)
        second = refund(support, bought, amount=1_000)

        assert (first.status_code, second.status_code) == (201, 201)
        assert (second.json()["seq"], second.json()["cumulative"]) == (2, 1_500)
        assert shop.balance(tenant, wallet) == (9_500, 0)
        kept = buying.purchase_of(tenant, bought["id"])
        assert (kept.state, kept.refunded) == ("COMPLETED", 1_500)
        assert buying.stock_of(tenant, poster) == (0, 2)

        last = refund(support, bought)

        assert (last.json()["amount"], last.json()["cumulative"]) == (500, 2_000)
        assert shop.balance(tenant, wallet) == (10_000, 0)
        assert buying.purchase_of(tenant, bought["id"]).state == "REFUNDED"
        assert buying.accounts_of(tenant) == {"promotions:USD": -10_000}
        listed = anna.client.get(f"{PURCHASES}/{bought['id']}/refunds").json()["results"]
        assert [row["amount"] for row in listed] == [500, 1_000, 500]
        assert anna.client.get(last["Location"]).json() == last.json()

    def test_name_what_they_refund(self, tenant, support, bought):
        made = refund(support, bought, amount=1).json()
        with binding.bind(tenant):
            relation = TransactionRelation.objects.get(transaction_id=made["transaction_id"])
        assert relation.relation_type == "REFUND_OF"
        assert str(relation.related_transaction_id) == bought["transaction_id"]

    def test_in_full_undo_what_was_bought(self, tenant, anna, support, poster, bought):
        refund(support, bought)

        assert buying.stock_of(tenant, poster) == (0, 0)
        with binding.bind(tenant):
            assert not Entitlement.objects.filter(user_id=anna.id, revoked_at=None).exists()
        # The limit counts what one has.
        assert anna.buy(poster, quantity=2)["state"] == "COMPLETED"

    def test_for_fraud_leave_sold_what_is_gone(self, tenant, support, poster, bought):
        refund(support, bought, reason="FRAUD")
        assert buying.stock_of(tenant, poster) == (0, 2)


class TestRefundsByAProvider:
    def test_are_booked_and_queued(self, tenant, anna, support, poster):
        bought = anna.buy(poster, provider="local")
        made = refund(support, bought, amount=400).json()

        assert buying.accounts_of(tenant) == {
            "promotions:USD": -10_000,
            "clearing:local:USD": -600,
            "revenue:USD": 600,
        }
        with binding.bind(tenant):
            queued = ProviderRefund.objects.get(refund_id=made["id"])
        assert str(queued.payment_id) == bought["payment"]["id"]


class TestWhatIsRefused:
    def test_more_than_is_left(self, tenant, wallet, support, bought):
        refund(support, bought, amount=1_500)
        refused = refund(support, bought, amount=501)

        assert refused.status_code == 409
        assert refused.json()["type"].endswith("refund-too-high")
        assert (refused.json()["left"], refused.json()["currency"]) == (500, "USD")
        assert shop.balance(tenant, wallet) == (9_500, 0)

    def test_once_nothing_is_left(self, support, bought):
        refund(support, bought)
        assert refund(support, bought, amount=1).json()["type"].endswith("purchase-state")

    @pytest.mark.parametrize("amount", [0, -1, 1.5, "x", 10**30, 10**12 + 1])
    def test_other_amounts(self, support, bought, amount):
        refused = refund(support, bought, amount=amount)
        assert refused.status_code == 400
        assert errors_of(refused) == {"amount"}

    @pytest.mark.parametrize("reason", ["LATE_PAYMENT", "BORED", ""])
    def test_other_reasons(self, support, bought, reason):
        assert errors_of(refund(support, bought, reason=reason)) == {"reason"}

    def test_of_what_is_not_paid(self, tenant, anna, support, poster):
        waiting = buying.check_out_now(tenant, anna.id, poster).purchase
        refused = refund(support, {"id": waiting.id})
        assert refused.status_code == 409

    def test_to_those_who_may_not(self, tenant, anna, stranger, bought):
        assert refund(anna.client, bought).status_code == 403
        assert refund(buying.staff(tenant, "viewer"), bought).status_code == 403
        other = buying.shopper(tenant, stranger).client
        assert other.get(f"{PURCHASES}/{bought['id']}/refunds").status_code == 404

    def test_of_what_is_not_refundable_unless_an_admin_forces_it(
        self, tenant, anna, seller, support, admin
    ):
        final = shop.make_item(tenant, seller, is_refundable=False)
        bought = anna.buy(final)

        refused = refund(support, bought)
        forbidden = refund(support, bought, force=True)

        assert (refused.status_code, forbidden.status_code) == (409, 403)
        assert refused.json()["type"].endswith("not-refundable")
        assert refund(admin, bought, force=True).status_code == 201

    def test_by_the_database_out_of_turn(self, tenant, bought):
        """The chain of refunds: no second first one, no gap, no more than was captured."""
        values = {"captured": 2_000, "transaction_id": bought["id"], "created_on": timezone.now()}
        for wrong in (
            {"seq": 1, "amount": 500, "cumulative": 500},
            {"seq": 3, "amount": 500, "cumulative": 1_500},
            {"seq": 2, "amount": 500, "cumulative": 1_400},
            {"seq": 2, "amount": 1_500, "cumulative": 2_500},
            {"seq": 2, "amount": 500, "cumulative": 1_500, "reason": "BORED"},
        ):
            with pytest.raises(IntegrityError), binding.bind(tenant, writes="commerce") as bound:
                purchases.refund_purchase(
                    purchase_id=bought["id"],
                    amount=1_000,
                    reason="REQUESTED",
                    refunded_at=timezone.now(),
                    created_by_id=None,
                )
                Refund.objects.create(purchase_id=bought["id"], **values, **wrong)
                bound.check_constraints()

    def test_the_same_key_with_another_body(self, support, bought):
        key = {"Idempotency-Key": "r1"}
        url = f"{PURCHASES}/{bought['id']}/refunds"
        first = support.post(url, {"amount": 10}, format="json", headers=key)
        again = support.post(url, {"amount": 10}, format="json", headers=key)
        other = support.post(url, {"amount": 11}, format="json", headers=key)
        assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
        assert again.json() == first.json()


class TestAtOnce:
    def test_the_second_is_checked_against_what_the_first_left(self, tenant, wallet, bought, race):
        def give_back():
            with binding.bind(tenant, writes="commerce"):
                return purchases.refund_purchase(
                    purchase_id=bought["id"],
                    amount=900,
                    reason="REQUESTED",
                    refunded_at=timezone.now(),
                    created_by_id=None,
                ).cumulative

        results = race(*[give_back] * 4)

        made = sorted(each for each in results if isinstance(each, int))
        assert made == [900, 1_800]
        refused = [each for each in results if not isinstance(each, int)]
        assert [type(each).__name__ for each in refused] == ["RefundTooHigh"] * 2
        assert shop.balance(tenant, wallet) == (9_800, 0)

    def test_a_buyer_buys_and_is_refunded_and_meets_no_deadlock(self, tenant, seller, buyer, race):
        wallet = shop.fund(tenant, buyer.id, 100_000)
        sold = shop.make_item(tenant, seller, quantity=100)

        def buy():
            return buying.check_out_now(tenant, buyer.id, sold, provider="wallet").purchase.id

        def give_back(purchase_id):
            with binding.bind(tenant, writes="commerce"):
                purchases.refund_purchase(
                    purchase_id=purchase_id,
                    amount=None,
                    reason="REQUESTED",
                    refunded_at=timezone.now(),
                    created_by_id=None,
                )

        there = [buy() for _ in range(30)]
        race(lambda: [buy() for _ in there], lambda: [give_back(each) for each in there])

        assert buying.stock_of(tenant, sold) == (0, 30)
        assert shop.balance(tenant, wallet) == (70_000, 0)


class TestDisputes:
    @pytest.fixture
    def disputed(self, tenant, buyer, poster):
        checked_out = buying.check_out_now(tenant, buyer.id, poster)
        buying.pay(tenant, checked_out.payment)
        with binding.bind(tenant):
            checked_out.payment.refresh_from_db()
        return checked_out

    def _open(self, tenant, disputed, amount=1_000):
        with binding.bind(tenant, writes="commerce"):
            return purchases.open_dispute(
                purchase_id=disputed.purchase.id,
                payment=disputed.payment,
                amount=amount,
                opened_at=timezone.now(),
            ).state

    def _close(self, tenant, disputed, *, is_won):
        with binding.bind(tenant, writes="commerce"):
            return purchases.close_dispute(
                purchase_id=disputed.purchase.id,
                payment=disputed.payment,
                is_won=is_won,
                closed_at=timezone.now(),
            ).state

    def test_take_the_money_until_they_are_decided(self, tenant, disputed):
        assert [self._open(tenant, disputed) for _ in range(2)] == ["DISPUTED"] * 2
        assert buying.accounts_of(tenant) == {
            "disputed:local:USD": -1_000,
            "revenue:USD": 1_000,
        }

    def test_that_are_won_bring_it_back(self, tenant, disputed):
        self._open(tenant, disputed)
        assert [self._close(tenant, disputed, is_won=True) for _ in range(2)] == ["COMPLETED"] * 2
        # What was decided is not decided otherwise later.
        assert self._close(tenant, disputed, is_won=False) == "COMPLETED"
        assert buying.accounts_of(tenant) == {"clearing:local:USD": -1_000, "revenue:USD": 1_000}

    def test_that_are_lost_take_it_and_what_was_bought(self, tenant, disputed, poster):
        self._open(tenant, disputed)
        states = [self._close(tenant, disputed, is_won=False) for _ in range(2)]
        assert states == ["CHARGED_BACK"] * 2
        assert buying.accounts_of(tenant) == {}
        # What a bank took back does not come back itself.
        assert buying.stock_of(tenant, poster) == (0, 1)
        with binding.bind(tenant):
            rows = Entitlement.objects.filter(user_id=disputed.purchase.user_id, revoked_at=None)
            assert not rows.exists()

    def test_stand_against_refunds(self, tenant, support, disputed):
        self._open(tenant, disputed)
        refused = refund(support, {"id": disputed.purchase.id})
        assert refused.json()["type"].endswith("purchase-state")

    def test_of_what_was_refunded_are_booked_alone(self, tenant, support, disputed):
        refund(support, {"id": disputed.purchase.id})
        assert self._open(tenant, disputed) == "REFUNDED"
        assert self._close(tenant, disputed, is_won=False) == "REFUNDED"
        assert buying.accounts_of(tenant) == {"revenue:USD": -1_000, "clearing:local:USD": 1_000}

    def test_are_opened_before_they_are_decided(self, tenant, disputed):
        with pytest.raises(purchases.disputes.DisputeUnknown):
            self._close(tenant, disputed, is_won=True)

    def test_are_of_what_was_paid(self, tenant, stranger, poster):
        waiting = buying.check_out_now(tenant, stranger.id, poster)
        with pytest.raises(purchases.states.WrongState):
            self._open(tenant, waiting)
