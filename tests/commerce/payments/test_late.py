"""Payments that nobody wants any more, and money that comes all the same."""

from datetime import timedelta
from threading import Thread

from django.db import connections

from apps.commerce.models import Payment
from apps.commerce.operations import purchases
from apps.commerce.operations.payments import settling, sweeping
from apps.commerce.ports.payments import PaymentOutcome
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.payments import paying
from tests.commerce.payments.stripe_fake import Fault
from tests.commerce.purchases import buying


def succeed(tenant, payment, *, provider_payment_id=""):
    """Have a payment succeed, as its provider says."""
    outcome = PaymentOutcome(state="SUCCEEDED", provider_payment_id=provider_payment_id)
    with binding.bind(tenant, writes="commerce"):
        return settling.settle_payment(
            payment_id=payment.id, outcome=outcome, at=payment.created_on
        )


def cancel(tenant, payment):
    """Have the buyer cancel the purchase."""
    with binding.bind(tenant, writes="commerce"):
        purchases.cancel_purchase(purchase_id=payment.purchase_id, cancelled_at=payment.created_on)


class TestWhatNobodyWants:
    def test_is_cancelled_at_stripe(self, tenant, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        intent_id = paying.begin(tenant, account, payment)
        cancel(tenant, payment)

        assert sweeping.sweep_payments(tenant=tenant) == 1

        assert account.get(intent_id, "payment_intent")["status"] == "canceled"
        assert paying.reload(tenant, payment).state == "CANCELLED"
        assert paying.reload(tenant, payment).due_at is None

    def test_is_cancelled_when_the_purchase_has_expired(self, tenant, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        intent_id = paying.begin(tenant, account, payment)
        buying.expire(tenant)

        paying.sweep(tenant)

        assert account.get(intent_id, "payment_intent")["status"] == "canceled"

    def test_is_found_and_cancelled_where_the_answer_was_lost(
        self, tenant, stripe, account, buyer, poster
    ):
        payment = paying.check_out(tenant, buyer, poster)
        stripe.fail("/v1/payment_intents", Fault.RESET_AFTER)
        paying.make_due(tenant)
        sweeping.sweep_payments(tenant=tenant)
        cancel(tenant, payment)

        paying.sweep(tenant)

        [intent] = account.all("payment_intent")
        assert intent["status"] == "canceled"

    def test_that_nobody_was_asked_for_is_just_ended(self, tenant, stripe, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        cancel(tenant, payment)

        paying.sweep(tenant)

        assert paying.reload(tenant, payment).state == "CANCELLED"
        assert stripe.requests == []

    def test_is_cancelled_where_it_was_asked_for_too_late(self, tenant, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        cancel(tenant, payment)
        paying.sweep(tenant)

        # Whoever asked was slow: the payment was given up before the answer came.
        outcome = PaymentOutcome(state="PENDING", provider_payment_id="pi_slow")
        with binding.bind(tenant, writes="commerce"):
            settled = settling.settle_payment(
                payment_id=payment.id, outcome=outcome, at=payment.created_on
            )

        assert settled.state == "CANCELLED"
        assert settled.due_at is not None

    def test_of_a_top_up_is_given_up_after_a_day(self, tenant, account, settings, buyer):
        top_up = paying.ask_for_top_up(tenant, buyer)
        intent_id = paying.begin(tenant, account, top_up)
        paying.sweep(tenant)
        assert account.get(intent_id, "payment_intent")["status"] != "canceled"

        settings.PAYMENT_ABANDONED_AFTER = timedelta(0)
        paying.sweep(tenant)

        assert account.get(intent_id, "payment_intent")["status"] == "canceled"


class TestLateSuccess:
    def test_completes_what_can_be_had_again(self, tenant, account, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster)
        intent_id = paying.begin(tenant, account, payment)
        buying.expire(tenant)
        account.confirm(intent_id)

        paying.sweep(tenant)

        assert paying.purchase_state(tenant, payment.purchase_id) == "COMPLETED"
        assert buying.stock_of(tenant, poster) == (0, 1)
        assert paying.books(tenant) == {"clearing:stripe:USD": -1_000, "revenue:USD": 1_000}

    def test_is_given_back_where_it_is_sold_out(self, tenant, account, buyer, stranger, seller):
        last = shop.make_item(tenant, seller, quantity=1)
        payment = paying.check_out(tenant, buyer, last)
        intent_id = paying.begin(tenant, account, payment)
        buying.expire(tenant)
        other = paying.check_out(tenant, stranger, last)
        account.confirm(intent_id)

        paying.sweep(tenant)
        paying.sweep(tenant)

        assert paying.purchase_state(tenant, payment.purchase_id) == "REFUNDED"
        assert paying.purchase_state(tenant, other.purchase_id) == "PENDING"
        assert account.taken() == 0
        assert paying.books(tenant) == {}

    def test_after_it_was_taken_for_cancelled_counts(self, tenant, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster, provider="local")
        cancel(tenant, payment)
        with binding.bind(tenant, writes="commerce"):
            Payment.objects.filter(id=payment.id).update(state="CANCELLED")

        succeed(tenant, payment, provider_payment_id="local_1")

        assert paying.purchase_state(tenant, payment.purchase_id) == "COMPLETED"

    def test_of_a_second_payment_goes_into_the_wallet(self, tenant, buyer, poster):
        first = paying.check_out(tenant, buyer, poster, provider="local")
        with binding.bind(tenant, writes="commerce"):
            Payment.objects.filter(id=first.id).update(state="FAILED")
            second = Payment.objects.get(id=first.id)
            second.id = uuid7()
            second._state.adding = True
            second.state = "CREATED"
            second.save()
        succeed(tenant, second, provider_payment_id="local_2")

        late = succeed(tenant, first, provider_payment_id="local_1")

        assert (late.state, late.purpose, late.purchase_id) == ("SUCCEEDED", "TOP_UP", None)
        with binding.bind(tenant):
            wallet = shop.UserWallet.objects.get(user_id=buyer.id)
        assert shop.balance(tenant, wallet) == (1_000, 0)
        assert paying.books(tenant) == {"clearing:local:USD": -2_000, "revenue:USD": 1_000}

    def test_is_not_overwritten_by_who_looked_before_it(self, tenant, buyer):
        top_up = paying.ask_for_top_up(tenant, buyer, provider="local")

        def fail():
            try:
                outcome = PaymentOutcome(state="FAILED", provider_payment_id="local_1")
                with binding.bind(tenant, writes="commerce"):
                    settling.settle_payment(
                        payment_id=top_up.id, outcome=outcome, at=top_up.created_on
                    )
            finally:
                connections.close_all()

        slow = Thread(target=fail)
        with binding.bind(tenant, writes="commerce"):
            settling.settle_payment(
                payment_id=top_up.id,
                outcome=PaymentOutcome(state="SUCCEEDED", provider_payment_id="local_1"),
                at=top_up.created_on,
            )
            # It waits for this block to end: without a lock it has looked by then.
            slow.start()
            slow.join(timeout=1)
        slow.join()

        assert paying.reload(tenant, top_up).state == "SUCCEEDED"

    def test_is_final(self, tenant, buyer, poster):
        payment = paying.check_out(tenant, buyer, poster, provider="local")
        succeed(tenant, payment, provider_payment_id="local_1")

        for state in ("FAILED", "CANCELLED", "PENDING", "SUCCEEDED"):
            outcome = PaymentOutcome(state=state, provider_payment_id="local_1")
            with binding.bind(tenant, writes="commerce"):
                settled = settling.settle_payment(
                    payment_id=payment.id, outcome=outcome, at=payment.created_on
                )
            assert (settled.state, settled.due_at) == ("SUCCEEDED", None)
        assert paying.purchase_state(tenant, payment.purchase_id) == "COMPLETED"
        assert paying.books(tenant) == {"clearing:local:USD": -1_000, "revenue:USD": 1_000}
