"""Each step from one state into another: those that are allowed, and no others, whoever writes."""

from itertools import product

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from apps.commerce.models import DomainEvent, Purchase, PurchaseState
from apps.commerce.models.purchase import TRANSITIONS
from apps.commerce.operations.purchases import states
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.purchases import buying

# Written down once more, so that a change of the table is a change of two.
ALLOWED = {
    ("CART", "PENDING"),
    ("CART", "COMPLETED"),
    ("CART", "CANCELLED"),
    ("PENDING", "COMPLETED"),
    ("PENDING", "CANCELLED"),
    ("PENDING", "EXPIRED"),
    ("PENDING", "FAILED"),
    ("CANCELLED", "COMPLETED"),
    ("CANCELLED", "REFUNDED"),
    ("EXPIRED", "COMPLETED"),
    ("EXPIRED", "REFUNDED"),
    ("FAILED", "COMPLETED"),
    ("FAILED", "REFUNDED"),
    ("COMPLETED", "DISPUTED"),
    ("COMPLETED", "REFUNDED"),
    ("DISPUTED", "COMPLETED"),
    ("DISPUTED", "CHARGED_BACK"),
}
PAIRS = [pair for pair in product(PurchaseState.values, repeat=2) if pair[0] != pair[1]]
# How each state is reached from a cart.
WAY = {
    "CART": [],
    "PENDING": ["PENDING"],
    "COMPLETED": ["COMPLETED"],
    "CANCELLED": ["CANCELLED"],
    "EXPIRED": ["PENDING", "EXPIRED"],
    "FAILED": ["PENDING", "FAILED"],
    "REFUNDED": ["COMPLETED", "REFUNDED"],
    "DISPUTED": ["COMPLETED", "DISPUTED"],
    "CHARGED_BACK": ["COMPLETED", "DISPUTED", "CHARGED_BACK"],
}


def purchase_in(tenant, buyer, state):
    with binding.bind(tenant, writes="commerce"):
        purchase = Purchase.objects.create(
            user_id=buyer.id,
            currency="USD",
            expires_at=timezone.now(),
            completed_at=timezone.now(),
        )
        for step in WAY[state]:
            states.move(purchase, to=PurchaseState[step], at=timezone.now())
        return purchase


class TestEveryPair:
    @pytest.mark.parametrize(("before", "after"), PAIRS)
    def test_is_allowed_or_refused_by_the_database(self, tenant, buyer, before, after):
        purchase = purchase_in(tenant, buyer, before)

        def write():
            with (
                binding.bind(tenant, writes="commerce"),
                connections["commerce"].cursor() as cursor,
            ):
                cursor.execute(
                    "UPDATE purchases SET state = %s WHERE id = %s", [after, purchase.id]
                )

        if (before, after) in ALLOWED:
            write()
            assert buying.states_of(tenant, purchase.id)[-1] == after
        else:
            with pytest.raises(IntegrityError, match="purchase_transitions_allowed"):
                write()
            assert buying.purchase_of(tenant, purchase.id).state == before

    @pytest.mark.parametrize(("before", "after"), PAIRS)
    def test_is_allowed_or_refused_by_the_operation(self, tenant, buyer, before, after):
        purchase = purchase_in(tenant, buyer, before)

        with binding.bind(tenant, writes="commerce"):
            held = states.hold(purchase.id)
            if (before, after) in ALLOWED:
                states.move(held, to=PurchaseState[after], at=timezone.now())
            else:
                with pytest.raises(states.WrongState, match=before):
                    states.move(held, to=PurchaseState[after], at=timezone.now())

    def test_is_in_the_table(self):
        listed = {(str(a), str(b)) for a, several in TRANSITIONS.items() for b in several}
        assert listed == ALLOWED

    def test_begins_with_a_cart(self, tenant, buyer):
        for state in PurchaseState.values:
            with binding.bind(tenant, writes="commerce"):
                values = {"user_id": buyer.id, "currency": "USD"}
                values |= dict.fromkeys(("expires_at", "completed_at"), timezone.now())
                if state == "CART":
                    Purchase.objects.create(state=state, **values)
                    continue
                with pytest.raises(IntegrityError, match="purchase_transitions_allowed"):
                    Purchase.objects.create(state=state, **values)
                binding.require().rollback()

    def test_is_of_a_buyer_from_the_checkout_on(self, tenant):
        with binding.bind(tenant, writes="commerce"):
            cart = Purchase.objects.create(currency="USD", token_hash="0" * 64)
        with pytest.raises(IntegrityError, match="purchases_buyer"):
            with binding.bind(tenant, writes="commerce"):
                done = Purchase.objects.filter(id=cart.id)
                done.update(state="COMPLETED", completed_at=timezone.now())


class TestMessages:
    def test_tell_of_what_others_need_to_know(self, tenant, seller, buyer):
        poster = shop.make_item(tenant, seller)
        paid = buying.check_out_now(tenant, buyer.id, poster)
        buying.pay(tenant, paid.payment)
        ended = buying.check_out_now(tenant, buyer.id, poster)
        buying.expire(tenant)

        told = self._told(tenant, paid.purchase.id)
        assert [kind for kind, _ in told] == ["commerce.PurchaseCompleted"]
        assert told[0][1]["item_ids"] == [str(poster.id)]
        assert told[0][1]["quantities"] == [1]
        assert told[0][1]["total"] == 1_000
        assert [
            (kind, payload["state"]) for kind, payload in self._told(tenant, ended.purchase.id)
        ] == [("commerce.PurchaseEnded", "EXPIRED")]

    def test_tell_nothing_of_carts(self, tenant, anna):
        cart = anna.cart()
        anna.client.delete(f"{buying.CARTS}/{cart['id']}")

        assert self._told(tenant, cart["id"]) == []

    @staticmethod
    def _told(tenant, purchase_id):
        with binding.bind(tenant):
            rows = DomainEvent.objects.filter(aggregate_id=purchase_id).order_by("version")
            return [(row.kind, row.payload) for row in rows]
