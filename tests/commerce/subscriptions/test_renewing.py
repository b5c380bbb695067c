"""Subscribing and renewing out of a wallet, by the clock."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.commerce.models import DomainEvent, LedgerTransaction
from apps.commerce.operations import ledger, subscriptions, wallets
from apps.kernel.errors import Invalid
from apps.tenancy import binding
from apps.users.models import Profile
from tests.commerce import shop
from tests.commerce.subscriptions import timeline
from tests.commerce.subscriptions.timeline import START

pytestmark = pytest.mark.usefixtures("clock")


def told(tenant, subscription):
    """What others were told of it, in order."""
    with binding.bind(tenant):
        rows = DomainEvent.objects.filter(aggregate_id=subscription.id).order_by("version")
        return [row.payload["change"] for row in rows]


def at(year, month, day):
    return datetime(year, month, day, 12, tzinfo=UTC)


class TestSubscribing:
    def test_takes_the_first_period_from_the_wallet(self, tenant, buyer, wallet, plan):
        subscription, payment_id = timeline.subscribe(tenant, buyer, plan)

        assert payment_id is None
        there = timeline.read(tenant, subscription)
        assert (there.state, there.period, there.due_at) == ("ACTIVE", 1, at(2027, 2, 28))
        assert shop.balance(tenant, wallet) == (9_000, 0)
        [period] = timeline.periods(tenant, subscription)
        assert (period.amount, period.paid_at, period.ends_at) == (1_000, START, at(2027, 2, 28))
        with binding.bind(tenant):
            posted = LedgerTransaction.objects.get(id=period.transaction_id)
            assert posted.idempotency_key == f"subscription:{subscription.id}:1"
            assert (posted.transaction_type, posted.user_id) == ("PURCHASE", buyer.id)
        assert told(tenant, subscription) == ["STARTED"]

    def test_leaves_nothing_where_there_is_too_little(self, tenant, buyer, plan):
        wallet = shop.fund(tenant, buyer.id, 999)

        with pytest.raises(ledger.InsufficientFunds):
            timeline.subscribe(tenant, buyer, plan)

        assert shop.balance(tenant, wallet) == (999, 0)
        with binding.bind(tenant):
            assert not subscriptions.lifecycle.Subscription.objects.exists()

    def test_is_refused_to_whom_the_staff_shut_out(self, tenant, buyer, wallet, plan):
        with binding.bind(tenant, writes="users"):
            Profile.objects.filter(id=buyer.id).update(status="SUSPENDED")

        with pytest.raises(wallets.PersonShutOut):
            timeline.subscribe(tenant, buyer, plan)

        assert shop.balance(tenant, wallet) == (10_000, 0)

    def test_is_once_per_person_and_plan(self, tenant, buyer, stranger, wallet, plan, seller):
        first, _ = timeline.subscribe(tenant, buyer, plan)

        with pytest.raises(subscriptions.AlreadySubscribed):
            timeline.subscribe(tenant, buyer, plan)

        assert shop.balance(tenant, wallet) == (9_000, 0)
        shop.fund(tenant, stranger.id, 1_000)
        timeline.subscribe(tenant, stranger, plan)
        timeline.subscribe(tenant, buyer, timeline.make_plan(tenant, seller, name="Other"))
        timeline.cancel(tenant, first)
        timeline.subscribe(tenant, buyer, plan)

    def test_to_a_free_plan_needs_no_money(self, tenant, buyer, seller):
        free = timeline.make_plan(tenant, seller, price=0)

        subscription, payment_id = timeline.subscribe(tenant, buyer, free, provider="stripe")
        timeline.advance(tenant, days=62)

        assert payment_id is None
        assert timeline.read(tenant, subscription).period == 3
        assert shop.trial_balance(tenant) == {}

    @pytest.mark.parametrize("gone", [{"is_active": False}, {"deleted_at": START}])
    def test_to_what_is_not_on_offer_is_refused(self, tenant, buyer, seller, gone):
        plan = timeline.make_plan(tenant, seller, **gone)

        with pytest.raises(Invalid):
            timeline.subscribe(tenant, buyer, plan)


class TestTrial:
    def test_comes_first_and_costs_nothing(self, tenant, buyer, wallet, seller):
        plan = timeline.make_plan(tenant, seller, trial_days=14)

        subscription, _ = timeline.subscribe(tenant, buyer, plan)

        assert timeline.read(tenant, subscription).state == "TRIALING"
        assert shop.balance(tenant, wallet) == (10_000, 0)
        timeline.advance(tenant, days=14)
        there = timeline.read(tenant, subscription)
        assert (there.state, there.period) == ("ACTIVE", 1)
        assert there.current_period_end == at(2027, 3, 14)
        assert shop.balance(tenant, wallet) == (9_000, 0)
        assert [row.number for row in timeline.periods(tenant, subscription)] == [0, 1]

    def test_is_had_once(self, tenant, buyer, wallet, seller):
        plan = timeline.make_plan(tenant, seller, trial_days=14)
        first, _ = timeline.subscribe(tenant, buyer, plan)
        timeline.cancel(tenant, first)

        again, _ = timeline.subscribe(tenant, buyer, plan)

        assert timeline.read(tenant, again).state == "ACTIVE"
        assert shop.balance(tenant, wallet) == (9_000, 0)

    def test_taken_over_into_another_plan_is_had_of_both(self, tenant, buyer, wallet, seller):
        one = timeline.make_plan(tenant, seller, trial_days=14)
        other = timeline.make_plan(tenant, seller, trial_days=7)
        first, _ = timeline.subscribe(tenant, buyer, one)
        timeline.change_plan(tenant, first, other)
        assert timeline.read(tenant, first).trial_ends_at == START + timedelta(days=14)
        timeline.cancel(tenant, first)

        states = [
            timeline.read(tenant, timeline.subscribe(tenant, buyer, plan)[0]).state
            for plan in (one, other)
        ]

        assert states == ["ACTIVE", "ACTIVE"]


class TestRenewing:
    def test_goes_through_thirteen_months_without_drifting(self, tenant, buyer, wallet, plan):
        shop.fund(tenant, buyer.id, 10_000)
        subscription, _ = timeline.subscribe(tenant, buyer, plan)

        moved = timeline.advance(tenant, to=at(2028, 2, 29))

        assert (moved.time, moved.is_moving) == (at(2028, 2, 29), False)
        rows = timeline.periods(tenant, subscription)
        assert [row.ends_at.day for row in rows] == [
            28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 29, 31
        ]  # fmt: skip
        assert [row.starts_at for row in rows[1:]] == [row.ends_at for row in rows[:-1]]
        assert [row.paid_at for row in rows] == [row.starts_at for row in rows]
        assert shop.balance(tenant, wallet) == (20_000 - 14 * 1_000, 0)
        assert shop.trial_balance(tenant) == {"USD": 0}
        assert told(tenant, subscription) == ["STARTED", *["RENEWED"] * 13]

    def test_costs_what_it_cost_at_first(self, tenant, buyer, wallet, plan):
        timeline.subscribe(tenant, buyer, plan)
        with binding.bind(tenant, writes="commerce"):
            subscriptions.update_plan(plan_id=plan.id, changes={"price": 5_000}, updated_at=START)
            subscriptions.delete_plan(plan_id=plan.id, deleted_at=START)

        timeline.advance(tenant, days=28)

        assert shop.balance(tenant, wallet) == (8_000, 0)

    def test_expires_by_itself(self, tenant, buyer, wallet, seller):
        plan = timeline.make_plan(tenant, seller, auto_expires=3)
        subscription, _ = timeline.subscribe(tenant, buyer, plan)

        timeline.advance(tenant, days=200)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.ended_at, there.due_at) == ("EXPIRED", at(2027, 4, 30), None)
        assert shop.balance(tenant, wallet) == (7_000, 0)

    def test_of_periods_that_the_clock_missed_charges_nobody(self, tenant, buyer, wallet, plan):
        subscription, _ = timeline.subscribe(tenant, buyer, plan)

        worked_off = subscriptions.work_off_due(tenant=tenant, now=at(2027, 5, 15))

        assert worked_off == 1
        rows = timeline.periods(tenant, subscription)
        assert [row.amount for row in rows] == [1_000, 0, 0, 1_000]
        assert [row.starts_at for row in rows[1:]] == [row.ends_at for row in rows[:-1]]
        there = timeline.read(tenant, subscription)
        assert (there.period, there.current_period_end) == (4, at(2027, 5, 31))
        assert shop.balance(tenant, wallet) == (8_000, 0)

    def test_that_comes_late_ends_what_was_to_end_by_then(self, tenant, buyer, wallet, seller):
        plan = timeline.make_plan(tenant, seller, auto_expires=2)
        subscription, _ = timeline.subscribe(tenant, buyer, plan)

        subscriptions.work_off_due(tenant=tenant, now=at(2027, 12, 15))

        there = timeline.read(tenant, subscription)
        assert (there.state, there.ended_at) == ("EXPIRED", at(2027, 3, 31))
        assert shop.balance(tenant, wallet) == (9_000, 0)


class TestPastDue:
    @pytest.fixture
    def subscription(self, tenant, buyer, seller):
        series = timeline.make_series(tenant, seller)
        plan = timeline.make_plan(tenant, seller, opens=[series])
        shop.fund(tenant, buyer.id, 1_500)
        return timeline.subscribe(tenant, buyer, plan)[0]

    def test_is_tried_again_after_one_three_five_and_seven_days(self, tenant, buyer, subscription):
        due = at(2027, 2, 28)
        seen = []
        for days in (0, 1, 3, 5):
            timeline.advance(tenant, to=due + timedelta(days=days))
            there = timeline.read(tenant, subscription)
            seen.append((there.state, there.attempts, (there.due_at - due).days))

        assert seen == [
            ("PAST_DUE", 1, 1),
            ("PAST_DUE", 2, 3),
            ("PAST_DUE", 3, 5),
            ("PAST_DUE", 4, 7),
        ]
        timeline.advance(tenant, to=due + timedelta(days=7) - timedelta(seconds=1))
        assert timeline.open_series(tenant, buyer, timeline.time_of(tenant)) == ["Backstage"]
        timeline.advance(tenant, seconds=1)
        there = timeline.read(tenant, subscription)
        assert (there.state, there.ended_at) == ("EXPIRED", due + timedelta(days=7))
        assert timeline.open_series(tenant, buyer, timeline.time_of(tenant)) == []
        assert told(tenant, subscription) == ["STARTED", "PAST_DUE", "EXPIRED"]
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_recovers_with_money_and_its_period_is_not_moved(self, tenant, buyer, subscription):
        timeline.advance(tenant, days=28)
        wallet = shop.fund(tenant, buyer.id, 600)

        timeline.advance(tenant, days=3)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.attempts, there.period) == ("ACTIVE", 0, 2)
        assert there.current_period_start == at(2027, 2, 28)
        assert there.due_at == there.current_period_end == at(2027, 3, 31)
        assert shop.balance(tenant, wallet) == (100, 0)
        assert timeline.periods(tenant, subscription)[1].paid_at == at(2027, 3, 1)
        assert told(tenant, subscription) == ["STARTED", "PAST_DUE", "RECOVERED"]

    def test_can_be_paid_at_once(self, tenant, buyer, subscription):
        timeline.advance(tenant, days=28)
        with binding.bind(tenant, writes="commerce"), pytest.raises(ledger.InsufficientFunds):
            subscriptions.request_payment(
                subscription_id=subscription.id, requested_at=at(2027, 2, 28)
            )
        wallet = shop.fund(tenant, buyer.id, 500)

        with binding.bind(tenant, writes="commerce"):
            subscriptions.request_payment(
                subscription_id=subscription.id, requested_at=at(2027, 2, 28)
            )

        assert timeline.read(tenant, subscription).state == "ACTIVE"
        assert shop.balance(tenant, wallet) == (0, 0)
        with binding.bind(tenant, writes="commerce"), pytest.raises(subscriptions.NothingToPay):
            subscriptions.request_payment(
                subscription_id=subscription.id, requested_at=at(2027, 2, 28)
            )

    def test_of_a_week_recovers_at_its_end_and_goes_on_at_once(self, tenant, buyer, seller):
        plan = timeline.make_plan(tenant, seller, recurring_payment="WEEKLY")
        shop.fund(tenant, buyer.id, 1_000)
        subscription, _ = timeline.subscribe(tenant, buyer, plan)
        timeline.advance(tenant, days=13)
        shop.fund(tenant, buyer.id, 2_000)

        timeline.advance(tenant, days=1)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.period) == ("ACTIVE", 3)
        assert there.current_period_end == START + timedelta(days=21)
        assert shop.trial_balance(tenant) == {"USD": 0}


class TestShutOut:
    """Of people whom the staff has suspended."""

    def suspend(self, tenant, buyer, status="SUSPENDED"):
        with binding.bind(tenant, writes="users"):
            Profile.objects.filter(id=buyer.id).update(status=status)

    def test_a_renewal_is_past_due_as_if_there_were_no_money(self, tenant, buyer, wallet, plan):
        subscription, _ = timeline.subscribe(tenant, buyer, plan)
        self.suspend(tenant, buyer)

        timeline.advance(tenant, days=28)

        assert timeline.read(tenant, subscription).state == "PAST_DUE"
        assert shop.balance(tenant, wallet) == (9_000, 0)
        self.suspend(tenant, buyer, "ACTIVE")
        timeline.advance(tenant, days=1)
        assert timeline.read(tenant, subscription).state == "ACTIVE"
        assert shop.balance(tenant, wallet) == (8_000, 0)

    def test_a_renewal_that_is_past_due_for_a_week_expires(self, tenant, buyer, wallet, plan):
        subscription, _ = timeline.subscribe(tenant, buyer, plan)
        self.suspend(tenant, buyer)

        timeline.advance(tenant, days=40)

        assert timeline.read(tenant, subscription).state == "EXPIRED"
        assert shop.balance(tenant, wallet) == (9_000, 0)

    def test_what_is_past_due_can_not_be_paid(self, tenant, buyer, plan):
        wallet = shop.fund(tenant, buyer.id, 1_000)
        subscription, _ = timeline.subscribe(tenant, buyer, plan)
        timeline.advance(tenant, days=28)
        shop.fund(tenant, buyer.id, 5_000)
        self.suspend(tenant, buyer)

        with binding.bind(tenant, writes="commerce"), pytest.raises(wallets.PersonShutOut):
            subscriptions.request_payment(
                subscription_id=subscription.id, requested_at=timeline.TestClock.objects.get().time
            )

        assert shop.balance(tenant, wallet) == (5_000, 0)

    def test_the_plan_can_not_be_changed(self, tenant, buyer, wallet, plan, seller):
        subscription, _ = timeline.subscribe(tenant, buyer, plan)
        dear = timeline.make_plan(tenant, seller, price=3_000)
        self.suspend(tenant, buyer)

        with pytest.raises(wallets.PersonShutOut):
            timeline.change_plan(tenant, subscription, dear)

        assert shop.balance(tenant, wallet) == (9_000, 0)


class TestCancelling:
    def test_at_once_ends_it_and_what_it_entitles_to(self, tenant, buyer, wallet, seller):
        series = timeline.make_series(tenant, seller)
        plan = timeline.make_plan(tenant, seller, opens=[series])
        subscription, _ = timeline.subscribe(tenant, buyer, plan)
        timeline.advance(tenant, days=3)

        timeline.cancel(tenant, subscription)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.due_at) == ("CANCELLED", None)
        assert there.ended_at == there.cancelled_at == START + timedelta(days=3)
        assert timeline.open_series(tenant, buyer, START + timedelta(days=2)) == ["Backstage"]
        assert timeline.open_series(tenant, buyer, START + timedelta(days=3)) == []
        timeline.advance(tenant, days=60)
        assert shop.balance(tenant, wallet) == (9_000, 0)
        with pytest.raises(subscriptions.SubscriptionEnded):
            timeline.cancel(tenant, subscription)
        with pytest.raises(subscriptions.SubscriptionEnded):
            timeline.resume(tenant, subscription)

    def test_at_the_end_of_the_period_lets_it_go_on_until_then(self, tenant, buyer, wallet, plan):
        subscription, _ = timeline.subscribe(tenant, buyer, plan)

        timeline.cancel(tenant, subscription, at_period_end=True)
        timeline.cancel(tenant, subscription, at_period_end=True)

        assert timeline.read(tenant, subscription).state == "ACTIVE"
        timeline.advance(tenant, days=90)
        there = timeline.read(tenant, subscription)
        assert (there.state, there.ended_at) == ("CANCELLED", at(2027, 2, 28))
        assert there.cancelled_at == START
        assert shop.balance(tenant, wallet) == (9_000, 0)
        assert told(tenant, subscription) == ["STARTED", "TO_BE_CANCELLED", "CANCELLED"]

    def test_can_be_taken_back_until_then(self, tenant, buyer, wallet, plan):
        subscription, _ = timeline.subscribe(tenant, buyer, plan)
        with pytest.raises(subscriptions.NotCancelling):
            timeline.resume(tenant, subscription)
        timeline.cancel(tenant, subscription, at_period_end=True)

        timeline.resume(tenant, subscription)
        timeline.advance(tenant, days=28)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.period, there.cancelled_at) == ("ACTIVE", 2, None)

    def test_of_a_trial_charges_nothing(self, tenant, buyer, wallet, seller):
        plan = timeline.make_plan(tenant, seller, trial_days=14)
        subscription, _ = timeline.subscribe(tenant, buyer, plan)

        timeline.cancel(tenant, subscription, at_period_end=True)
        timeline.advance(tenant, days=20)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.ended_at) == ("CANCELLED", START + timedelta(days=14))
        assert shop.balance(tenant, wallet) == (10_000, 0)

    def test_of_what_is_past_due_ends_it_at_once(self, tenant, buyer, plan):
        shop.fund(tenant, buyer.id, 1_000)
        subscription, _ = timeline.subscribe(tenant, buyer, plan)
        timeline.advance(tenant, days=28)

        timeline.cancel(tenant, subscription, at_period_end=True)

        assert timeline.read(tenant, subscription).state == "CANCELLED"

    def test_with_a_refund_gives_back_the_time_that_is_left(self, tenant, buyer, wallet, plan):
        subscription, _ = timeline.subscribe(tenant, buyer, plan)
        timeline.advance(tenant, days=9)

        timeline.cancel(tenant, subscription, is_refunded=True)

        # 19 of 28 days are left of 1,000: 678.57.
        assert shop.balance(tenant, wallet) == (9_678, 0)
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_with_a_refund_of_what_is_not_paid_gives_nothing(self, tenant, buyer, plan):
        wallet = shop.fund(tenant, buyer.id, 1_000)
        subscription, _ = timeline.subscribe(tenant, buyer, plan)
        timeline.advance(tenant, days=28)

        timeline.cancel(tenant, subscription, is_refunded=True)

        assert shop.balance(tenant, wallet) == (0, 0)
