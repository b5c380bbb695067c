"""Subscriptions that a provider is paid for: between units of work, late, twice and never.

The local provider decides by the last two digits of an amount: 02 is declined, 03 waits, of 04 a renewal
is declined that its buyer is not there for, 06 gets no answer.
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.commerce.models import (
    LedgerTransaction,
    Payment,
    PaymentState,
    Subscription,
    SubscriptionPeriod,
    UserWallet,
)
from apps.commerce.operations import subscriptions
from apps.commerce.operations.payments import accounts, losses, settling, starting, sweeping
from apps.commerce.ports.payments import PaymentOutcome
from apps.tenancy import binding
from apps.users import operations as users
from apps.users.models import Profile
from tests.commerce import shop
from tests.commerce.payments import paying, stripe_fake
from tests.commerce.purchases import buying
from tests.commerce.subscriptions import timeline
from tests.commerce.subscriptions.timeline import START

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture(autouse=True)
def local_payments(settings):
    settings.LOCAL_PAYMENTS = True


@pytest.fixture
def begin(tenant, buyer, seller):
    """Subscribe to a plan of a price, and have the provider asked."""

    def begin(price, **values):
        plan = timeline.make_plan(tenant, seller, price=price, **values)
        subscription, payment_id = timeline.subscribe(tenant, buyer, plan, provider="local")
        if payment_id:
            starting.start_payment(tenant=tenant, payment_id=payment_id)
        return subscription, payment_id

    return begin


def settle(tenant, payment_id, state, *, at):
    """Have the provider say what became of a payment."""
    with binding.bind(tenant, writes="commerce"):
        outcome = PaymentOutcome(state=state, provider_payment_id="")
        settling.settle_payment(payment_id=payment_id, outcome=outcome, at=at)


def enable(tenant, is_enabled):
    """Let the provider take payments in the tenant, or not any more."""
    with binding.bind(tenant, writes="commerce"):
        values = {"is_enabled": is_enabled}
        accounts.put_account(provider="local", values=values, put_at=timezone.now())


def payments(tenant):
    """The states of all payments, in order."""
    with binding.bind(tenant):
        return list(Payment.objects.order_by("id").values_list("state", flat=True))


def wallet_of(tenant, buyer):
    return shop.balance(tenant, shop.fund(tenant, buyer.id, 1))[0] - 1


class TestFirstPayment:
    def test_begins_the_subscription_when_it_has_succeeded(self, tenant, begin):
        subscription, payment_id = begin(1_000)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.period) == ("ACTIVE", 1)
        [period] = timeline.periods(tenant, subscription)
        with binding.bind(tenant):
            payment = Payment.objects.get(id=payment_id)
            assert payment.transaction_id == period.transaction_id is not None
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_that_comes_hours_later_begins_it_then(self, tenant, buyer, seller):
        series = timeline.make_series(tenant, seller)
        plan = timeline.make_plan(tenant, seller, price=1_003, opens=[series])
        subscription, payment_id = timeline.subscribe(tenant, buyer, plan, provider="local")
        assert starting.start_payment(tenant=tenant, payment_id=payment_id).state == "PENDING"
        timeline.advance(tenant, hours=5)
        assert timeline.read(tenant, subscription).state == "INCOMPLETE"
        assert timeline.open_series(tenant, buyer, timeline.time_of(tenant)) == []

        paid_at = timeline.time_of(tenant)
        settle(tenant, payment_id, PaymentState.SUCCEEDED, at=paid_at)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.current_period_start) == ("ACTIVE", paid_at)
        assert there.anchor_at == START + timedelta(hours=5)
        assert there.current_period_end == paid_at.replace(month=2, day=28)
        assert timeline.open_series(tenant, buyer, paid_at) == ["Backstage"]

    def test_that_never_comes_ends_it_after_a_day(self, tenant, buyer, begin):
        subscription, payment_id = begin(1_003)

        timeline.advance(tenant, days=2)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.ended_at) == ("EXPIRED", START + timedelta(days=1))
        settle(tenant, payment_id, PaymentState.SUCCEEDED, at=timeline.time_of(tenant))
        assert timeline.read(tenant, subscription).state == "EXPIRED"
        assert wallet_of(tenant, buyer) == 1_003
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_that_comes_when_the_subscriber_has_left_is_theirs_all_the_same(
        self, tenant, buyer, begin
    ):
        subscription, payment_id = begin(1_003)
        timeline.cancel(tenant, subscription)
        with binding.bind(tenant, writes="users"):
            users.delete_profile(profile_id=buyer.id, deleted_on=timezone.now())

        settle(tenant, payment_id, PaymentState.SUCCEEDED, at=START)

        with binding.bind(tenant):
            wallet = UserWallet.objects.get(user_id=buyer.id)
        assert shop.balance(tenant, wallet) == (1_003, 0)
        assert buying.accounts_of(tenant) == {"clearing:local:USD": -1_003}

    def test_that_was_declined_can_be_tried_again(self, tenant, buyer, seller):
        plan = timeline.make_plan(tenant, seller, price=1_002)
        first, declined = timeline.subscribe(tenant, buyer, plan, provider="local")
        assert starting.start_payment(tenant=tenant, payment_id=declined).state == "FAILED"
        assert timeline.read(tenant, first).state == "INCOMPLETE"

        again, payment_id = timeline.subscribe(tenant, buyer, plan, provider="local")

        assert again.id == first.id
        assert payment_id != declined
        shop.fund(tenant, buyer.id, 1_002)
        by_wallet, _ = timeline.subscribe(tenant, buyer, plan)
        there = timeline.read(tenant, first)
        assert (by_wallet.id, there.state, there.provider) == (first.id, "ACTIVE", "wallet")
        settle(tenant, payment_id, PaymentState.SUCCEEDED, at=START)
        assert wallet_of(tenant, buyer) == 1_002
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_that_waits_is_not_asked_for_twice(self, tenant, buyer, seller):
        plan = timeline.make_plan(tenant, seller, price=1_003)

        asked = {timeline.subscribe(tenant, buyer, plan, provider="local")[1] for _ in range(3)}

        assert len(asked) == 1

    def test_is_waited_for_until_its_day_is_over(self, tenant, begin):
        subscription, _ = begin(1_003)

        with binding.bind(tenant, writes="commerce"):
            now = START + timedelta(days=1) - timedelta(seconds=1)
            assert subscriptions.work_off(subscription_id=subscription.id, now=now) is None

        assert timeline.read(tenant, subscription).state == "INCOMPLETE"


class TestRenewal:
    def test_is_charged_without_the_subscriber(self, tenant, begin):
        subscription, _ = begin(1_000)

        timeline.advance(tenant, days=100)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.period) == ("ACTIVE", 4)
        rows = timeline.periods(tenant, subscription)
        assert [row.paid_at for row in rows] == [row.starts_at for row in rows]
        assert payments(tenant) == ["SUCCEEDED"] * 4
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_of_a_week_that_recovers_at_its_end_goes_on_as_paid(self, tenant, begin):
        subscription, _ = begin(1_004, recurring_payment="WEEKLY")
        timeline.advance(tenant, days=13)
        assert timeline.read(tenant, subscription).attempts == 4
        with binding.bind(tenant, writes="commerce"):
            # From now on it can be charged without its buyer, as with another card.
            SubscriptionPeriod.objects.filter(number=2).update(amount=1_000, price=1_000)
            Subscription.objects.update(price=1_000)

        timeline.advance(tenant, days=1)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.attempts, there.period) == ("ACTIVE", 0, 3)
        assert timeline.steps(tenant, subscription) == [
            "INCOMPLETE",
            "ACTIVE",
            "PAST_DUE",
            "ACTIVE",
        ]

    def test_that_is_declined_is_past_due_until_the_subscriber_pays(self, tenant, begin):
        subscription, _ = begin(1_004)
        timeline.advance(tenant, days=29)
        there = timeline.read(tenant, subscription)
        assert (there.state, there.attempts) == ("PAST_DUE", 2)

        with binding.bind(tenant, writes="commerce"):
            payment_id = subscriptions.request_payment(
                subscription_id=subscription.id, requested_at=timeline.START
            )
        starting.start_payment(tenant=tenant, payment_id=payment_id)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.attempts, there.period) == ("ACTIVE", 0, 2)
        assert there.due_at == there.current_period_end

    def test_that_is_always_declined_expires(self, tenant, begin):
        subscription, _ = begin(1_004)

        timeline.advance(tenant, days=60)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.ended_at) == ("EXPIRED", START + timedelta(days=35))
        assert payments(tenant) == ["SUCCEEDED", *["FAILED"] * 5]

    def test_that_the_subscriber_fails_to_pay_takes_no_time_from_them(self, tenant, begin):
        subscription, _ = begin(1_004)
        timeline.advance(tenant, days=28, hours=1)
        for _ in range(6):
            with binding.bind(tenant, writes="commerce"):
                payment_id = subscriptions.request_payment(
                    subscription_id=subscription.id, requested_at=START
                )
            settle(tenant, payment_id, PaymentState.FAILED, at=timeline.time_of(tenant))

        there = timeline.read(tenant, subscription)

        assert (there.state, there.attempts) == ("PAST_DUE", 1)
        assert there.due_at == START + timedelta(days=29)

    def test_that_waits_is_past_due_and_taken_whenever_it_comes(self, tenant, begin):
        subscription, payment_id = begin(1_003)
        settle(tenant, payment_id, PaymentState.SUCCEEDED, at=START)
        timeline.advance(tenant, days=31)
        assert timeline.read(tenant, subscription).state == "PAST_DUE"
        with binding.bind(tenant):
            [waiting] = Payment.objects.filter(state=PaymentState.PENDING)

        settle(tenant, waiting.id, PaymentState.SUCCEEDED, at=timeline.time_of(tenant))

        there = timeline.read(tenant, subscription)
        assert (there.state, there.period) == ("ACTIVE", 2)
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_of_a_provider_that_is_silent_waits_for_it(self, tenant, begin, buyer):
        subscription, _ = begin(1_000)
        with binding.bind(tenant, writes="commerce"):
            type(subscription).objects.filter(id=subscription.id).update(price=1_006)

        timeline.advance(tenant, days=40)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.attempts, there.period) == ("ACTIVE", 0, 2)
        assert there.due_at == START + timedelta(days=28)
        assert payments(tenant) == ["SUCCEEDED", "CREATED"]

    def test_by_a_provider_that_takes_no_payments_any_more_is_past_due(
        self, tenant, buyer, begin, seller
    ):
        series = timeline.make_series(tenant, seller)
        subscription, _ = begin(1_000, opens=[series])
        enable(tenant, False)

        timeline.advance(tenant, days=28)
        assert timeline.read(tenant, subscription).state == "PAST_DUE"
        enable(tenant, True)
        timeline.advance(tenant, days=1)
        assert timeline.read(tenant, subscription).state == "ACTIVE"
        assert payments(tenant) == ["SUCCEEDED", "SUCCEEDED"]

        enable(tenant, False)
        timeline.advance(tenant, days=40)
        assert timeline.read(tenant, subscription).state == "EXPIRED"
        assert timeline.open_series(tenant, buyer, timeline.time_of(tenant)) == []

    def test_is_not_charged_to_whom_the_staff_has_suspended(self, tenant, buyer, begin):
        subscription, _ = begin(1_000)
        with binding.bind(tenant, writes="users"):
            Profile.objects.filter(id=buyer.id).update(status="SUSPENDED")

        timeline.advance(tenant, days=28)

        assert timeline.read(tenant, subscription).state == "PAST_DUE"
        assert payments(tenant) == ["SUCCEEDED"]
        with binding.bind(tenant, writes="users"):
            Profile.objects.filter(id=buyer.id).update(status="ACTIVE")
        timeline.advance(tenant, days=1)
        assert timeline.read(tenant, subscription).state == "ACTIVE"
        assert payments(tenant) == ["SUCCEEDED", "SUCCEEDED"]

    def test_of_a_worker_that_died_before_it_noted_the_charge_is_charged_once(self, tenant, begin):
        subscription, _ = begin(1_000)
        due = START + timedelta(days=28)
        with binding.bind(tenant, writes="commerce"):
            payment_id = subscriptions.work_off(subscription_id=subscription.id, now=due)
        asked = starting.begin(tenant=tenant, payment_id=payment_id, off_session=True)
        charged = starting.ask(asked, tenant=tenant)

        assert subscriptions.work_off_due(tenant=tenant, now=due) == 1

        with binding.bind(tenant):
            payment = Payment.objects.get(id=payment_id)
            assert payment.provider_payment_id == charged.provider_payment_id
            key = f"subscription:{subscription.id}:2"
            assert LedgerTransaction.objects.filter(idempotency_key=key).count() == 1
        assert payments(tenant) == ["SUCCEEDED", "SUCCEEDED"]
        assert timeline.read(tenant, subscription).period == 2
        assert subscriptions.work_off_due(tenant=tenant, now=due) == 0

    def test_is_not_charged_once_it_was_cancelled_meanwhile(self, tenant, buyer, begin):
        subscription, _ = begin(1_003)
        with binding.bind(tenant):
            first = Payment.objects.get()
        settle(tenant, first.id, PaymentState.SUCCEEDED, at=START)
        due = START + timedelta(days=28)
        with binding.bind(tenant, writes="commerce"):
            payment_id = subscriptions.work_off(subscription_id=subscription.id, now=due)
        timeline.cancel(tenant, subscription, at=due)

        settle(tenant, payment_id, PaymentState.SUCCEEDED, at=due)

        assert timeline.read(tenant, subscription).state == "CANCELLED"
        assert wallet_of(tenant, buyer) == 1_003


class TestLeftByTheSubscriber:
    """A payment of what is past due that the subscriber began by themselves, and left."""

    @pytest.fixture
    def account(self, tenant, settings):
        with stripe_fake.running() as fake:
            settings.STRIPE_API_BASE = fake.url
            yield paying.put_account(tenant, fake)

    @pytest.fixture
    def past_due(self, tenant, account, buyer, seller):
        """One whose card was declined once, and can be charged from now on."""
        plan = timeline.make_plan(tenant, seller)
        subscription, first = timeline.subscribe(tenant, buyer, plan, provider="stripe")
        starting.start_payment(tenant=tenant, payment_id=first)
        with binding.bind(tenant):
            account.confirm(Payment.objects.get(id=first).provider_payment_id)
        starting.start_payment(tenant=tenant, payment_id=first)
        [methods] = account.methods.values()
        kept = set(methods)
        methods.clear()
        timeline.advance(tenant, days=28)
        assert timeline.read(tenant, subscription).state == "PAST_DUE"
        methods.update(kept)
        return subscription

    def begin(self, tenant, subscription):
        with binding.bind(tenant, writes="commerce"):
            payment_id = subscriptions.request_payment(
                subscription_id=subscription.id, requested_at=timeline.TestClock.objects.get().time
            )
        started = starting.start_payment(tenant=tenant, payment_id=payment_id)
        assert started.state == "PENDING"
        with binding.bind(tenant):
            return Payment.objects.get(id=payment_id)

    def test_is_cancelled_and_the_kept_card_charged_when_it_is_tried_again(
        self, tenant, account, past_due
    ):
        left = self.begin(tenant, past_due)

        timeline.advance(tenant, days=1)

        there = timeline.read(tenant, past_due)
        assert (there.state, there.attempts, there.period) == ("ACTIVE", 0, 2)
        assert payments(tenant) == ["SUCCEEDED", "FAILED", "CANCELLED", "SUCCEEDED"]
        assert account.get(left.provider_payment_id, "payment_intent")["status"] == "canceled"
        assert account.taken() == 2_000
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_that_was_made_after_all_pays_and_nothing_is_charged(self, tenant, account, past_due):
        left = self.begin(tenant, past_due)
        account.confirm(left.provider_payment_id)

        timeline.advance(tenant, days=1)

        assert timeline.read(tenant, past_due).state == "ACTIVE"
        assert payments(tenant) == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
        assert account.taken() == 2_000

    def test_that_is_on_its_way_is_waited_for(self, tenant, account, past_due):
        left = self.begin(tenant, past_due)
        account.process(left.provider_payment_id)

        timeline.advance(tenant, days=1)

        there = timeline.read(tenant, past_due)
        assert (there.state, there.attempts) == ("PAST_DUE", 2)
        assert payments(tenant) == ["SUCCEEDED", "FAILED", "PENDING"]

    def test_takes_no_time_from_them_where_the_card_is_declined(self, tenant, account, past_due):
        self.begin(tenant, past_due)
        account.methods.clear()

        timeline.advance(tenant, days=1)

        there = timeline.read(tenant, past_due)
        assert (there.state, there.attempts) == ("PAST_DUE", 2)
        assert there.due_at == START + timedelta(days=31)


class TestChangeOfPlan:
    def test_takes_place_when_it_is_paid_as_of_when_it_was_asked_for(self, tenant, begin, seller):
        subscription, _ = begin(1_000)
        dear = timeline.make_plan(tenant, seller, price=2_003)
        timeline.advance(tenant, days=14)
        payment_id = timeline.change_plan(tenant, subscription, dear)
        asked_at = timeline.time_of(tenant)
        with binding.bind(tenant):
            assert Payment.objects.get(id=payment_id).amount == 1_503
        timeline.advance(tenant, hours=3)
        assert timeline.read(tenant, subscription).price == 1_000

        settle(tenant, payment_id, PaymentState.SUCCEEDED, at=timeline.time_of(tenant))

        there = timeline.read(tenant, subscription)
        assert (there.plan_id, there.period, there.credit) == (dear.id, 2, 0)
        assert there.current_period_start == asked_at
        assert there.due_at == there.current_period_end == asked_at.replace(month=3)
        assert shop.trial_balance(tenant) == {"USD": 0}

    @pytest.mark.parametrize("days", [14, 28])
    def test_that_is_not_paid_is_given_up(self, tenant, buyer, begin, seller, days):
        subscription, _ = begin(1_000)
        dear = timeline.make_plan(tenant, seller, price=2_003)
        timeline.advance(tenant, to=START + timedelta(days=days) - timedelta(hours=1))
        payment_id = timeline.change_plan(tenant, subscription, dear)

        timeline.advance(tenant, days=2)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.price) == ("ACTIVE", 1_000)
        assert there.due_at == there.current_period_end
        settle(tenant, payment_id, PaymentState.SUCCEEDED, at=timeline.time_of(tenant))
        assert wallet_of(tenant, buyer) == 2_003 - _credited(days)
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_to_a_plan_that_was_subscribed_to_meanwhile_goes_into_the_wallet(
        self, tenant, buyer, begin, seller
    ):
        subscription, _ = begin(1_000)
        dear = timeline.make_plan(tenant, seller, price=2_003)
        payment_id = timeline.change_plan(tenant, subscription, dear)
        shop.fund(tenant, buyer.id, 2_003)
        timeline.subscribe(tenant, buyer, dear)

        settle(tenant, payment_id, PaymentState.SUCCEEDED, at=START)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.price, there.period) == ("ACTIVE", 1_000, 1)
        assert there.due_at == there.current_period_end
        assert len(timeline.periods(tenant, subscription)) == 1
        assert wallet_of(tenant, buyer) == 1_003
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_that_is_declined_changes_nothing(self, tenant, begin, seller):
        subscription, _ = begin(1_000)
        dear = timeline.make_plan(tenant, seller, price=3_002)
        payment_id = timeline.change_plan(tenant, subscription, dear)

        started = starting.start_payment(tenant=tenant, payment_id=payment_id)

        assert started.state == "FAILED"
        there = timeline.read(tenant, subscription)
        assert (there.price, there.period) == (1_000, 1)
        assert there.due_at == there.current_period_end
        assert len(timeline.periods(tenant, subscription)) == 1


def _credited(days):
    """What of 1,000 for February is unused an hour before so many days are over."""
    return 1_000 * (28 * 24 - (days * 24 - 1)) // (28 * 24)


class TestTakenBack:
    def paid(self, tenant, subscription, number):
        """The payment of a period."""
        period = timeline.periods(tenant, subscription)[number - 1]
        with binding.bind(tenant):
            return Payment.objects.get(period_id=period.id)

    def take_back(self, tenant, payment, **how):
        with binding.bind(tenant, writes="commerce"):
            subscriptions.payment_taken_back(
                payment=payment, taken_back_at=timeline.TestClock.objects.get().time, **how
            )

    @pytest.mark.parametrize(
        ("number", "is_chargeback", "state"),
        [(1, False, "ACTIVE"), (2, False, "CANCELLED"), (1, True, "CANCELLED")],
        ids=["refund of the former", "refund of the present", "chargeback"],
    )
    def test_it_ends_what_was_not_used_up(
        self, tenant, buyer, begin, seller, number, is_chargeback, state
    ):
        series = timeline.make_series(tenant, seller)
        subscription, _ = begin(1_000, opens=[series])
        timeline.advance(tenant, days=30)

        for _ in range(2):
            self.take_back(
                tenant, self.paid(tenant, subscription, number), is_chargeback=is_chargeback
            )

        assert timeline.read(tenant, subscription).state == state
        opened = timeline.open_series(tenant, buyer, timeline.time_of(tenant))
        assert opened == (["Backstage"] if state == "ACTIVE" else [])

    def test_it_is_booked_and_ends_it_when_a_dispute_is_lost(self, tenant, begin):
        subscription, payment_id = begin(1_000)
        now = timeline.time_of(tenant)
        for is_won in (True, False):
            with binding.bind(tenant, writes="commerce"):
                payment = Payment.objects.get(id=payment_id)
                payment.provider_dispute_id = f"dispute_{is_won}"
                losses.open_dispute(payment=payment, amount=1_000, at=now)
                losses.close_dispute(payment=payment, is_won=is_won, at=now)

            there = timeline.read(tenant, subscription)
            assert there.state == ("ACTIVE" if is_won else "CANCELLED")
            assert shop.trial_balance(tenant) == {"USD": 0}

    def test_of_what_went_into_the_wallet_it_is_no_revenue_that_is_lost(self, tenant, begin):
        subscription, payment_id = begin(1_003)
        timeline.cancel(tenant, subscription)
        settle(tenant, payment_id, PaymentState.SUCCEEDED, at=START)

        with binding.bind(tenant, writes="commerce"):
            payment = Payment.objects.get(id=payment_id)
            payment.provider_dispute_id = "dispute"
            losses.open_dispute(payment=payment, amount=1_003, at=START)
            losses.close_dispute(payment=payment, is_won=False, at=START)

        assert buying.accounts_of(tenant) == {"chargebacks:USD": -1_003}


class TestLookingAfterPayments:
    def test_one_that_is_not_awaited_any_more_is_cancelled(self, tenant, begin):
        subscription, payment_id = begin(1_003)

        def sweep():
            with binding.bind(tenant, writes="commerce"):
                Payment.objects.filter(id=payment_id).update(due_at=timezone.now())
            sweeping.sweep_payments(tenant=tenant)
            return payments(tenant)

        assert sweep() == ["PENDING"]
        timeline.cancel(tenant, subscription)

        assert sweep() == ["CANCELLED"]
