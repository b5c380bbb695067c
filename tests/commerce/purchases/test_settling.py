"""Settling: paid, cancelled, expired, captured; late; and several of these at once."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from apps.commerce.models import Entitlement, Payment, PaymentState, ProviderRefund, Purchase
from apps.commerce.operations import purchases
from apps.commerce.operations.purchases.checkout import Wishes
from apps.commerce.operations.purchases.states import WrongState
from apps.kernel.errors import Problem
from apps.tenancy import binding
from apps.tenancy.tasks import HEADER
from apps.users import operations as users
from tests.api import errors_of
from tests.commerce import shop
from tests.commerce.purchases import buying
from tests.commerce.purchases.buying import PURCHASES


@pytest.fixture
def poster(tenant, seller):
    return shop.make_item(tenant, seller, quantity=1)


@pytest.fixture
def waiting(tenant, buyer, poster):
    """A purchase of the last poster that waits for its payment."""
    return buying.check_out_now(tenant, buyer.id, poster)


class TestExpiring:
    def test_sets_everything_free(self, tenant, buyer, poster, waiting):
        assert buying.expire(tenant, after=timedelta(minutes=29)) == 0
        assert buying.stock_of(tenant, poster) == (1, 0)

        assert buying.expire(tenant, after=timedelta(minutes=31)) == 1

        assert buying.purchase_of(tenant, waiting.purchase.id).state == "EXPIRED"
        assert buying.stock_of(tenant, poster) == (0, 0)
        assert buying.expire(tenant) == 0

    def test_gives_the_code_back(self, tenant, buyer, poster):
        code = buying.make_code(tenant, max_uses=1)
        buying.check_out_now(tenant, buyer.id, poster, code="SAVE")
        buying.expire(tenant)
        again = buying.check_out_now(tenant, buyer.id, poster, code="SAVE")
        assert again.purchase.discount_code_id == code.id

    def test_is_done_by_the_clock_one_by_one(self, tenant, seller, buyer):
        from apps.commerce.tasks import expire_purchases

        item = shop.make_item(tenant, seller, quantity=3)
        then = timezone.now() - timedelta(hours=1)
        due = [buying.check_out_now(tenant, buyer.id, item, at=then).purchase.id for _ in range(3)]
        result = expire_purchases.apply(headers={HEADER: str(tenant.id)})

        assert result.get() == 3
        assert {buying.purchase_of(tenant, id_).state for id_ in due} == {"EXPIRED"}
        assert buying.stock_of(tenant, item) == (0, 0)

    def test_has_the_provider_cancel_the_payment_soon(self, tenant, waiting):
        before = timezone.now()
        buying.expire(tenant)
        with binding.bind(tenant):
            payment = Payment.objects.get(id=waiting.payment.id)
        assert payment.state == "CREATED"
        assert before <= payment.due_at <= timezone.now()


class TestALatePayment:
    @pytest.mark.parametrize("ending", ["EXPIRED", "CANCELLED", "FAILED"])
    def test_completes_what_can_be_had_again(self, tenant, poster, waiting, ending):
        self._end(tenant, waiting, ending)

        paid = buying.pay(tenant, waiting.payment)

        assert (paid.state, paid.captured, paid.refunded) == ("COMPLETED", 1_000, 0)
        assert buying.stock_of(tenant, poster) == (0, 1)
        assert buying.states_of(tenant, paid.id)[-2:] == [ending, "COMPLETED"]

    @pytest.mark.parametrize("ending", ["EXPIRED", "CANCELLED", "FAILED"])
    def test_is_refunded_where_it_is_sold_by_then(self, tenant, poster, waiting, stranger, ending):
        self._end(tenant, waiting, ending)
        shop.fund(tenant, stranger.id, 1_000)
        buying.check_out_now(tenant, stranger.id, poster, provider="wallet")

        paid = buying.pay(tenant, waiting.payment)

        assert (paid.state, paid.captured, paid.refunded) == ("REFUNDED", 1_000, 1_000)
        assert buying.stock_of(tenant, poster) == (0, 1)
        assert buying.accounts_of(tenant) == {"promotions:USD": -1_000, "revenue:USD": 1_000}
        with binding.bind(tenant):
            refund = paid.refunds.get()
            assert refund.reason == "LATE_PAYMENT"
            assert ProviderRefund.objects.filter(refund=refund, payment=waiting.payment).exists()
            assert not Entitlement.objects.filter(user_id=paid.user_id).exists()

    def test_is_refunded_where_the_code_is_used_up_by_then(self, tenant, buyer, seller, stranger):
        item = shop.make_item(tenant, seller, quantity=5)
        code = buying.make_code(tenant, max_uses=1)
        waiting = buying.check_out_now(tenant, buyer.id, item, code="SAVE")
        buying.expire(tenant)
        buying.check_out_now(tenant, stranger.id, item, code="SAVE")

        paid = buying.pay(tenant, waiting.payment)

        assert (paid.state, paid.captured) == ("REFUNDED", 900)
        assert buying.stock_of(tenant, item) == (1, 0)
        with binding.bind(tenant):
            assert type(code).objects.get(id=code.id).used == 1

    def test_is_refunded_where_one_of_two_is_sold_by_then(
        self, tenant, seller, buyer, stranger, poster
    ):
        other = shop.make_item(tenant, seller, quantity=1)
        waiting = buying.check_out_now(tenant, buyer.id, other, poster)
        buying.expire(tenant)
        buying.check_out_now(tenant, stranger.id, poster)

        assert buying.pay(tenant, waiting.payment).state == "REFUNDED"
        assert buying.stock_of(tenant, other) == (0, 0)
        assert buying.stock_of(tenant, poster) == (1, 0)

    def test_is_refunded_where_it_is_not_for_sale_by_then(self, tenant, poster, waiting):
        buying.expire(tenant)
        with binding.bind(tenant, writes="commerce"):
            poster.state = "ARCHIVED"
            poster.save(update_fields=["state"])

        assert buying.pay(tenant, waiting.payment).state == "REFUNDED"

    def test_that_is_in_time_completes_also_what_left_the_shop(self, tenant, poster, waiting):
        with binding.bind(tenant, writes="commerce"):
            poster.state = "PAUSED"
            poster.save(update_fields=["state"])

        assert buying.pay(tenant, waiting.payment).state == "COMPLETED"

    @pytest.mark.parametrize("is_late", [True, False])
    def test_of_a_buyer_who_is_gone_is_refunded(self, tenant, buyer, poster, waiting, is_late):
        with binding.bind(tenant, writes="users"):
            users.delete_profile(profile_id=buyer.id, deleted_on=timezone.now())
        if is_late:
            buying.expire(tenant)

        paid = buying.pay(tenant, waiting.payment)

        assert (paid.state, paid.captured, paid.refunded) == ("REFUNDED", 1_000, 1_000)
        assert buying.stock_of(tenant, poster) == (0, 0)
        assert buying.accounts_of(tenant) == {}
        with binding.bind(tenant):
            assert ProviderRefund.objects.filter(payment=waiting.payment).count() == 1

    def test_counts_once(self, tenant, waiting):
        for _ in range(3):
            assert buying.pay(tenant, waiting.payment).state == "COMPLETED"
        with binding.bind(tenant, writes="commerce"):
            payment = Payment.objects.get(id=waiting.payment.id)
            purchases.complete_purchase(
                purchase_id=waiting.purchase.id, payment=payment, completed_at=timezone.now()
            )
        assert buying.accounts_of(tenant)["revenue:USD"] == 1_000

    def test_of_another_payment_is_not_taken_for_the_first(self, tenant, waiting):
        buying.pay(tenant, waiting.payment)
        with binding.bind(tenant, writes="commerce"):
            other = Payment(id=waiting.purchase.id, purchase=waiting.purchase, amount=1_000)
            with pytest.raises(purchases.settling.PaidTwice):
                purchases.complete_purchase(
                    purchase_id=waiting.purchase.id, payment=other, completed_at=timezone.now()
                )

    @staticmethod
    def _end(tenant, waiting, ending):
        if ending == "EXPIRED":
            assert buying.expire(tenant) == 1
            return
        if ending == "FAILED":
            assert buying.settle(tenant, waiting.payment, PaymentState.FAILED).state == "FAILED"
            return
        with binding.bind(tenant, writes="commerce"):
            purchases.cancel_purchase(purchase_id=waiting.purchase.id, cancelled_at=timezone.now())


class TestAFailedPayment:
    def test_ends_what_waits_for_it_and_nothing_else(self, tenant, anna, poster, waiting):
        def fail(purchase_id):
            with binding.bind(tenant, writes="commerce"):
                purchases.fail_purchase(purchase_id=purchase_id, failed_at=timezone.now())
            return buying.purchase_of(tenant, purchase_id).state

        assert fail(waiting.purchase.id) == "FAILED"
        assert buying.stock_of(tenant, poster) == (0, 0)
        assert fail(waiting.purchase.id) == "FAILED"
        assert fail(anna.buy(poster)["id"]) == "COMPLETED"
        assert fail(anna.cart()["id"]) == "CART"


class TestCancelling:
    def test_is_for_the_buyer_while_it_waits(
        self, tenant, anna, stranger, support, poster, waiting
    ):
        url = f"{PURCHASES}/{waiting.purchase.id}/cancel"
        other = buying.shopper(tenant, stranger).client

        assert other.post(url).status_code == 404
        cancelled = anna.client.post(url)
        assert (cancelled.status_code, cancelled.json()["state"]) == (200, "CANCELLED")
        assert anna.client.post(url).json() == cancelled.json()
        assert buying.stock_of(tenant, poster) == (0, 0)

    def test_is_for_support_too(self, support, waiting):
        url = f"{PURCHASES}/{waiting.purchase.id}/cancel"
        assert support.post(url).json()["state"] == "CANCELLED"

    def test_is_too_late_once_it_is_paid(self, tenant, anna, waiting):
        buying.pay(tenant, waiting.payment)
        refused = anna.client.post(f"{PURCHASES}/{waiting.purchase.id}/cancel")
        assert refused.status_code == 409
        assert refused.json()["type"].endswith("purchase-state")

    def test_is_of_what_was_seen(self, tenant, anna, waiting):
        url = f"{PURCHASES}/{waiting.purchase.id}"
        seen = anna.client.get(url)["ETag"]
        buying.pay(tenant, waiting.payment)
        assert anna.client.post(f"{url}/cancel", headers={"If-Match": seen}).status_code == 412


class TestCapturingLater:
    @pytest.fixture
    def held(self, anna, poster):
        return anna.buy(poster, capture="later")

    def test_holds_the_money_until_then(self, tenant, anna, wallet, support, poster, held):
        assert held["state"] == "PENDING"
        assert shop.balance(tenant, wallet) == (9_000, 1_000)
        assert buying.stock_of(tenant, poster) == (1, 0)
        url = f"{PURCHASES}/{held['id']}/capture"
        assert anna.client.post(url).status_code == 403

        captured = support.post(url).json()

        assert (captured["state"], captured["captured"]) == ("COMPLETED", 1_000)
        assert shop.balance(tenant, wallet) == (9_000, 0)
        again = support.post(url)
        assert again.status_code == 409
        assert again.json()["type"].endswith("purchase-state")

    def test_of_a_part_gives_the_rest_back(self, tenant, wallet, support, held):
        captured = support.post(
            f"{PURCHASES}/{held['id']}/capture", {"amount": 400}, format="json"
        ).json()

        assert (captured["total"], captured["captured"]) == (1_000, 400)
        assert shop.balance(tenant, wallet) == (9_600, 0)
        assert buying.accounts_of(tenant)["revenue:USD"] == 400

    @pytest.mark.parametrize("amount", [0, -1, 1_001, 1.5, 10**30, "x"])
    def test_of_other_amounts_is_refused(self, tenant, wallet, support, held, amount):
        refused = support.post(
            f"{PURCHASES}/{held['id']}/capture", {"amount": amount}, format="json"
        )
        assert refused.status_code == 400
        assert errors_of(refused) == {"amount"}
        assert shop.balance(tenant, wallet) == (9_000, 1_000)

    def test_is_refused_once_it_has_expired(self, tenant, wallet, support, held):
        with binding.bind(tenant, writes="commerce"):
            with pytest.raises(purchases.settling.HoldExpired):
                purchases.capture_purchase(
                    purchase_id=held["id"],
                    amount=None,
                    captured_at=timezone.now() + settings.PURCHASE_HOLD_EXPIRES_AFTER,
                )
        assert buying.expire(tenant) == 1

        refused = support.post(f"{PURCHASES}/{held['id']}/capture")

        assert refused.status_code == 409
        assert refused.json()["type"].endswith("hold-expired")
        assert shop.balance(tenant, wallet) == (10_000, 0)

    def test_is_not_for_what_a_provider_is_asked_for(self, support, waiting):
        refused = support.post(f"{PURCHASES}/{waiting.purchase.id}/capture")
        assert refused.json()["type"].endswith("nothing-held")

    def test_gives_all_back_when_it_is_cancelled(self, tenant, anna, wallet, held):
        anna.client.post(f"{PURCHASES}/{held['id']}/cancel")
        assert shop.balance(tenant, wallet) == (10_000, 0)


class TestWhatCostsNothing:
    def test_is_taken_back_without_a_refund(self, tenant, anna, support, seller):
        ticket = shop.make_item(tenant, seller, price=0, quantity=1)
        bought = anna.buy(ticket)
        url = f"{PURCHASES}/{bought['id']}"
        assert anna.client.post(f"{url}/void").status_code == 403
        assert support.post(f"{url}/refunds", {}, format="json").status_code == 409

        voided = support.post(f"{url}/void").json()

        assert (voided["state"], voided["refunded"]) == ("REFUNDED", 0)
        assert support.post(f"{url}/void").status_code == 200
        assert buying.stock_of(tenant, ticket) == (0, 0)
        with binding.bind(tenant):
            assert not Entitlement.objects.filter(user_id=anna.id, revoked_at=None).exists()

    def test_is_that_alone(self, anna, support, poster):
        bought = anna.buy(poster)
        assert support.post(f"{PURCHASES}/{bought['id']}/void").status_code == 409


class TestAtOnce:
    def test_expiry_and_payment_one_wins(self, tenant, seller, buyer, race):
        outcomes = set()
        for _ in range(6):
            item = shop.make_item(tenant, seller, quantity=1)
            waiting = buying.check_out_now(tenant, buyer.id, item)
            race(
                lambda waiting=waiting: buying.pay(tenant, waiting.payment),
                lambda: buying.expire(tenant),
            )
            # Whoever was first: late or not, it can be had again.
            purchase = buying.purchase_of(tenant, waiting.purchase.id)
            assert (purchase.state, purchase.captured) == ("COMPLETED", 1_000)
            outcomes.add(tuple(buying.states_of(tenant, purchase.id)))
            assert buying.stock_of(tenant, item) == (0, 1)
        assert outcomes <= {
            ("CART", "PENDING", "COMPLETED"),
            ("CART", "PENDING", "EXPIRED", "COMPLETED"),
        }

    def test_cancelling_and_capturing_one_wins(self, tenant, seller, buyer, wallet, race):
        item = shop.make_item(tenant, seller, quantity=1)
        held = buying.check_out_now(
            tenant, buyer.id, item, provider="wallet", is_captured_later=True
        ).purchase

        def cancel():
            with binding.bind(tenant, writes="commerce"):
                return purchases.cancel_purchase(purchase_id=held.id, cancelled_at=timezone.now())

        def capture():
            with binding.bind(tenant, writes="commerce"):
                return purchases.capture_purchase(
                    purchase_id=held.id, amount=None, captured_at=timezone.now()
                )

        results = race(cancel, capture)

        refused = [each for each in results if isinstance(each, Problem)]
        assert [type(each) for each in refused] == [WrongState]
        state = buying.purchase_of(tenant, held.id).state
        assert shop.balance(tenant, wallet) == ((9_000, 0) if state == "COMPLETED" else (10_000, 0))

    def test_two_checkouts_of_one_cart_sell_once(self, tenant, buyer, wallet, poster, race):
        with binding.bind(tenant, writes="commerce"):
            cart = purchases.carts.open_cart(
                user_id=buyer.id, currency="USD", opened_at=timezone.now()
            ).cart
            purchases.carts.add_line(
                cart_id=cart.id, item_id=poster.id, quantity=1, metadata={}, added_at=timezone.now()
            )

        def check_out():
            with binding.bind(tenant, writes="commerce"):
                return purchases.check_out(
                    cart_id=cart.id,
                    user_id=buyer.id,
                    wishes=Wishes(provider="wallet"),
                    checked_out_at=timezone.now(),
                ).purchase.state

        assert race(check_out, check_out, check_out) == ["COMPLETED"] * 3
        assert shop.balance(tenant, wallet) == (9_000, 0)
        assert buying.stock_of(tenant, poster) == (0, 1)

    def test_many_want_the_last_one_and_one_gets_it(self, tenant, poster, race):
        buyers = [shop.make_buyer(tenant) for _ in range(5)]
        for each in buyers:
            shop.fund(tenant, each.id, 1_000)

        results = race(
            *(
                lambda each=each: (
                    buying.check_out_now(tenant, each.id, poster, provider="wallet").purchase.state
                )
                for each in buyers
            )
        )

        assert results.count("COMPLETED") == 1
        assert {type(each).__name__ for each in results if each != "COMPLETED"} == {"SoldOut"}
        assert buying.stock_of(tenant, poster) == (0, 1)

    def test_a_code_is_used_as_often_as_it_may(self, tenant, seller, race):
        item = shop.make_item(tenant, seller)
        code = buying.make_code(tenant, max_uses=2)
        buyers = [shop.make_buyer(tenant) for _ in range(5)]

        results = race(
            *(
                lambda each=each: (
                    buying.check_out_now(tenant, each.id, item, code="SAVE").purchase.state
                )
                for each in buyers
            )
        )

        assert results.count("PENDING") == 2
        assert {type(each).__name__ for each in results if each != "PENDING"} == {"CodeUsedUp"}
        with binding.bind(tenant):
            assert type(code).objects.get(id=code.id).used == 2
            assert Purchase.objects.filter(state="PENDING").count() == 2

    def test_many_are_expired_while_others_buy(self, tenant, seller, race):
        items = [shop.make_item(tenant, seller, quantity=20) for _ in range(3)]
        buyers = [shop.make_buyer(tenant) for _ in range(4)]
        for each in buyers:
            buying.check_out_now(tenant, each.id, *items)

        def expire():
            return buying.expire(tenant, after=timedelta(minutes=31))

        late = timezone.now() + timedelta(days=1)
        results = race(
            expire,
            expire,
            *(
                lambda each=each: (
                    buying.check_out_now(tenant, each.id, *reversed(items), at=late).purchase.state
                )
                for each in buyers
            ),
        )

        assert sum(results[:2]) == 4
        assert results[2:] == ["PENDING"] * 4
        assert [buying.stock_of(tenant, item) for item in items] == [(4, 0)] * 3
