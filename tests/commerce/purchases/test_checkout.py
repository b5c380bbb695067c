"""Checking out: what is fixed, set aside, paid; and what is refused."""

import pytest
from django.utils import timezone

from apps.commerce.models import (
    Entitlement,
    ItemState,
    PurchaseTransition,
    RestrictedUser,
    UserWallet,
)
from apps.commerce.operations import purchases
from apps.commerce.operations.purchases.checkout import Wishes
from apps.kernel.errors import NotFound
from apps.tenancy import binding
from apps.users.models import Profile
from tests.api import errors_of
from tests.commerce import shop
from tests.commerce.purchases import buying
from tests.commerce.purchases.buying import PURCHASES


@pytest.fixture
def poster(tenant, seller):
    return shop.make_item(tenant, seller, quantity=5)


class TestPayingWithTheWallet:
    def test_completes_at_once(self, tenant, anna, wallet, poster):
        bought = anna.buy(poster, quantity=2)

        assert bought["state"] == "COMPLETED"
        assert (bought["total"], bought["captured"], bought["refunded"]) == (2_000, 2_000, 0)
        assert bought["payment"] is None
        assert [line["unit_price"] for line in bought["lines"]] == [1_000]
        assert shop.balance(tenant, wallet) == (8_000, 0)
        assert buying.accounts_of(tenant)["revenue:USD"] == 2_000
        assert buying.stock_of(tenant, poster) == (0, 2)
        assert buying.states_of(tenant, bought["id"]) == ["CART", "COMPLETED"]
        with binding.bind(tenant):
            assert Entitlement.objects.filter(user_id=anna.id, item_id=poster.id).count() == 1

    def test_needs_enough_money_and_sets_nothing_aside_else(self, tenant, anna, wallet, poster):
        dear = shop.make_item(tenant, anna_seller(tenant), quantity=1, price=10_001)
        cart = anna.cart(poster, dear)

        refused = anna.check_out(cart)

        assert refused.status_code == 409
        assert refused.json()["type"].endswith("insufficient-funds")
        assert buying.stock_of(tenant, poster) == buying.stock_of(tenant, dear) == (0, 0)
        assert shop.balance(tenant, wallet) == (10_000, 0)
        assert buying.purchase_of(tenant, cart["id"]).state == "CART"

    def test_of_nothing_posts_nothing(self, tenant, anna, seller):
        free = shop.make_item(tenant, seller, price=0, quantity=1)

        for provider in ("wallet", "local"):
            free = shop.make_item(tenant, seller, price=0, quantity=1)
            bought = anna.buy(free, provider=provider)
            assert (bought["state"], bought["transaction_id"]) == ("COMPLETED", None)
            assert buying.stock_of(tenant, free) == (0, 1)

    def test_twice_sells_once(self, tenant, anna, wallet, poster):
        cart = anna.cart(poster)

        first, second = anna.check_out(cart), anna.check_out(cart)

        assert first.json() == second.json()
        assert shop.balance(tenant, wallet) == (9_000, 0)
        assert buying.stock_of(tenant, poster) == (0, 1)

    def test_with_the_same_key_and_another_body_is_refused(self, anna, poster):
        cart = anna.cart(poster)

        first = anna.check_out(cart, key="once")
        again = anna.check_out(cart, key="once")
        other = anna.check_out(cart, key="once", expected_total=1)

        assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
        assert again["Idempotency-Replayed"] == "true"
        assert again.json() == first.json()


def anna_seller(tenant):
    return shop.make_seller(tenant)

    def test_is_refused_to_whom_the_staff_shut_out(self, tenant, anna, wallet, poster):
        with binding.bind(tenant, writes="users"):
            Profile.objects.filter(id=anna.id).update(status="SUSPENDED")

        refused = anna.check_out(anna.cart(poster))

        assert refused.status_code == 403
        assert refused.json()["type"].endswith("person-shut-out")
        assert shop.balance(tenant, wallet) == (10_000, 0)


class TestPayingByAProvider:
    def test_waits_until_it_is_paid(self, tenant, anna, poster):
        # The local provider takes it at once, unless the amount ends in 03.
        slow = shop.make_item(tenant, anna_seller(tenant), quantity=2, price=1_003)

        bought = anna.buy(slow, provider="local")

        assert (bought["state"], bought["payment"]["state"]) == ("PENDING", "PENDING")
        assert bought["payment"]["client_secret"]
        assert buying.stock_of(tenant, slow) == (1, 0)

    def test_completes_when_the_provider_takes_it(self, tenant, anna, poster):
        bought = anna.buy(poster, provider="local")

        assert (bought["state"], bought["payment"]["state"]) == ("COMPLETED", "SUCCEEDED")
        assert buying.accounts_of(tenant) == {
            "promotions:USD": -10_000,
            "clearing:local:USD": -1_000,
            "revenue:USD": 1_000,
        }

    def test_fails_with_its_payment(self, tenant, anna, seller):
        declined = shop.make_item(tenant, seller, quantity=1, price=1_002)

        bought = anna.buy(declined, provider="local")

        assert (bought["state"], bought["payment"]["state"]) == ("FAILED", "FAILED")
        assert buying.stock_of(tenant, declined) == (0, 0)

    def test_again_asks_for_the_same_payment(self, tenant, anna, seller):
        slow = shop.make_item(tenant, seller, quantity=2, price=1_003)
        cart = anna.cart(slow)

        first, second = anna.check_out(cart, "local").json(), anna.check_out(cart, "local").json()

        assert first["id"] == second["id"]
        assert first["payment"]["id"] == second["payment"]["id"]
        assert buying.stock_of(tenant, slow) == (1, 0)
        other = anna.check_out(cart, "wallet")
        assert other.status_code == 409
        assert other.json()["type"].endswith("purchase-state")


class TestPrices:
    def test_are_live_in_a_cart_and_fixed_at_checkout(self, tenant, anna, wallet, poster):
        cart = anna.cart(poster)
        self._reprice(tenant, poster, 1_500)

        seen = anna.client.get(f"{buying.CARTS}/{cart['id']}").json()
        bought = anna.check_out(cart).json()
        self._reprice(tenant, poster, 9_000)

        assert (seen["total"], seen["lines"][0]["unit_price"]) == (1_500, 1_500)
        assert bought["total"] == 1_500
        kept = anna.client.get(f"{PURCHASES}/{bought['id']}").json()
        assert kept["lines"][0]["unit_price"] == 1_500

    def test_that_changed_since_they_were_seen_are_refused(self, tenant, anna, poster):
        cart = anna.cart(poster)
        self._reprice(tenant, poster, 1_500)

        refused = anna.check_out(cart, expected_total=cart["total"])

        assert refused.status_code == 409
        assert refused.json()["type"].endswith("price-changed")
        assert (refused.json()["total"], refused.json()["currency"]) == (1_500, "USD")
        assert buying.stock_of(tenant, poster) == (0, 0)
        assert anna.check_out(cart, expected_total=1_500).status_code == 201

    def test_add_up_to_what_one_purchase_may_cost(self, tenant, anna, seller):
        gold = shop.make_item(tenant, seller, price=10**12)
        cart = anna.cart(gold, quantity=1_000)

        refused = anna.check_out(cart)

        assert refused.status_code == 409
        assert refused.json()["type"].endswith("purchase-too-expensive")

    @staticmethod
    def _reprice(tenant, item, price):
        with binding.bind(tenant, writes="commerce"):
            item.price = price
            item.save(update_fields=["price"])


class TestWhatIsRefused:
    def test_the_same_item_on_two_lines_is_summed_up(self, tenant, anna, seller):
        last = shop.make_item(tenant, seller, quantity=1, price=100)
        cart = anna.cart(last, last)

        refused = anna.check_out(cart)

        assert refused.status_code == 409
        assert refused.json()["type"].endswith("sold-out")
        assert refused.json()["items"] == [{"item_id": str(last.id), "available": 1}]
        assert buying.stock_of(tenant, last) == (0, 0)

    def test_a_limit_holds_across_carts(self, tenant, anna, seller):
        rare = shop.make_item(tenant, seller, quantity=9, limit_per_fan=2, price=100)
        anna.buy(rare)

        refused = anna.check_out(anna.cart(rare, rare))

        assert refused.status_code == 409
        assert refused.json()["type"].endswith("limit-per-fan-reached")
        assert buying.stock_of(tenant, rare) == (0, 1)

    def test_who_is_restricted_can_not_buy(self, tenant, anna, poster):
        with binding.bind(tenant, writes="commerce"):
            RestrictedUser.objects.create(item=poster, user_id=anna.id)

        refused = anna.check_out(anna.cart(poster))

        assert refused.status_code == 403
        assert refused.json()["type"].endswith("not-sold-to-you")
        assert buying.stock_of(tenant, poster) == (0, 0)

    @pytest.mark.parametrize("state", ["PAUSED", "ARCHIVED"])
    def test_what_is_not_for_sale_any_more(self, tenant, anna, poster, state):
        cart = anna.cart(poster)
        with binding.bind(tenant, writes="commerce"):
            poster.state = ItemState[state]
            poster.save(update_fields=["state"])

        seen = anna.client.get(f"{buying.CARTS}/{cart['id']}").json()
        refused = anna.check_out(cart)

        assert (seen["total"], seen["lines"][0]["is_available"]) == (0, False)
        assert refused.status_code == 409
        assert refused.json()["type"].endswith("not-for-sale")

    def test_an_empty_cart(self, anna):
        refused = anna.check_out(anna.cart())
        assert (refused.status_code, refused.json()["title"]) == (
            409,
            "There is nothing in the cart.",
        )

    def test_somebody_elses_cart_is_not_there(self, tenant, anna, stranger, poster):
        cart = anna.cart(poster)
        other = buying.shopper(tenant, stranger)

        refused = other.check_out(cart)
        unknown = other.check_out({"id": "0198c0de-0000-7000-8000-000000000000"})

        assert refused.status_code == unknown.status_code == 404
        assert refused.content == unknown.content
        with binding.bind(tenant, writes="commerce"):
            with pytest.raises(NotFound):
                purchases.check_out(
                    cart_id=cart["id"],
                    user_id=stranger.id,
                    wishes=Wishes(provider="wallet"),
                    checked_out_at=timezone.now(),
                )

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"provider": "paypal"}, "provider"),
            ({"provider": "local", "capture": "later"}, "capture"),
            ({"expected_total": -1}, "expected_total"),
            ({"expected_total": 1.5}, "expected_total"),
            ({"expected_total": 10**30}, "expected_total"),
            ({"capture": "never"}, "capture"),
            ({"recipients": [{"email": "nobody"}]}, "recipients.0.email"),
            (
                {"recipients": [{"line_id": "0198c0de-0000-7000-8000-000000000000"}]},
                "recipients",
            ),
            ({"recipients": [{}] * 101}, "recipients"),
            ({"recipients": [{"first_name": "\x00"}]}, "recipients.0.first_name"),
            ({"surprise": 1}, "surprise"),
        ],
        ids=str,
    )
    def test_bad_bodies_name_the_field(self, anna, poster, values, field):
        cart = anna.cart(poster)

        refused = anna.client.post(
            PURCHASES, {"cart_id": cart["id"], "provider": "wallet", **values}, format="json"
        )

        assert refused.status_code == 400, refused.content
        assert field in errors_of(refused)

    def test_a_caller_without_a_profile(self, tenant, anna, poster):
        nobody = buying.staff(tenant, "viewer")
        refused = nobody.post(
            PURCHASES, {"cart_id": anna.cart(poster)["id"], "provider": "wallet"}, format="json"
        )
        assert refused.status_code == 409
        assert refused.json()["type"].endswith("no-profile")

    def test_a_currency_the_buyer_has_no_money_of(self, tenant, anna, seller):
        yen = shop.make_item(tenant, seller, currency="JPY", price=100)
        cart = anna.client.post(buying.CARTS, {"currency": "JPY"}).json()
        anna.put(cart["id"], yen)

        refused = anna.check_out(cart)

        assert refused.json()["type"].endswith("insufficient-funds")
        with binding.bind(tenant):
            assert UserWallet.objects.filter(user_id=anna.id, currency="JPY").count() == 0


class TestCodes:
    def test_are_claimed_at_checkout(self, tenant, anna, poster):
        code = buying.make_code(tenant)
        cart = anna.cart(poster)
        quoted = anna.client.patch(
            f"{buying.CARTS}/{cart['id']}", {"discount_code": "save"}, format="json"
        ).json()
        used_before = self._used(tenant, code)
        bought = anna.check_out(cart, expected_total=900).json()

        assert (quoted["discount"], quoted["total"], quoted["discount_code"]) == (100, 900, "SAVE")
        assert used_before == 0
        assert (bought["discount"], bought["captured"]) == (100, 900)
        assert self._used(tenant, code) == 1

    def test_that_are_used_up_by_then_are_refused(self, tenant, anna, stranger, poster):
        code = buying.make_code(tenant, max_uses=1)
        cart = anna.cart(poster)
        anna.client.patch(f"{buying.CARTS}/{cart['id']}", {"discount_code": "SAVE"}, format="json")
        shop.fund(tenant, stranger.id, 1_000)
        buying.check_out_now(tenant, stranger.id, poster, provider="wallet", code="SAVE")

        seen = anna.client.get(f"{buying.CARTS}/{cart['id']}").json()
        refused = anna.check_out(cart)

        assert (seen["total"], seen["code_refused"]["type"]) == (1_000, "code-used-up")
        assert refused.status_code == 409
        assert refused.json()["type"].endswith("code-used-up")
        assert self._used(tenant, code) == 1
        assert buying.stock_of(tenant, poster) == (0, 1)

    def test_are_given_back_with_a_cancelled_purchase(self, tenant, anna, poster):
        code = buying.make_code(tenant)
        slow = shop.make_item(tenant, anna_seller(tenant), price=1_000)
        bought = buying.check_out_now(tenant, anna.id, slow, code="SAVE").purchase
        assert self._used(tenant, code) == 1

        anna.client.post(f"{PURCHASES}/{bought.id}/cancel")

        assert self._used(tenant, code) == 0

    @staticmethod
    def _used(tenant, code):
        with binding.bind(tenant):
            return type(code).objects.get(id=code.id).used


class TestTransitions:
    def test_are_listed_for_the_buyer(self, tenant, anna, poster):
        bought = anna.buy(poster)

        rows = anna.client.get(f"{PURCHASES}/{bought['id']}/transitions").json()["results"]

        assert [(row["from_state"], row["to_state"]) for row in rows] == [
            ("", "CART"),
            ("CART", "COMPLETED"),
        ]
        with binding.bind(tenant):
            assert PurchaseTransition.objects.filter(purchase_id=bought["id"]).count() == 2
