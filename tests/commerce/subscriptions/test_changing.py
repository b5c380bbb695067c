"""Changing the plan: what is credited and charged, to the unit."""

from datetime import timedelta

import pytest

from apps.commerce.operations import ledger, subscriptions
from apps.kernel.errors import Invalid
from tests.commerce import shop
from tests.commerce.subscriptions import timeline
from tests.commerce.subscriptions.timeline import START

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def subscription(tenant, buyer, wallet, plan):
    """10 dollars for the 28 days of February, out of 100 in the wallet."""
    return timeline.subscribe(tenant, buyer, plan)[0]


class TestChangingThePlan:
    def test_to_a_dearer_one_charges_the_price_less_what_is_unused(
        self, tenant, wallet, seller, subscription
    ):
        dear = timeline.make_plan(tenant, seller, price=3_000)
        timeline.advance(tenant, days=9, seconds=1)

        timeline.change_plan(tenant, subscription, dear)

        # Unused are 19 days less a second, 1,641,599 of 2,419,200: 678.57 of 1,000.
        assert shop.balance(tenant, wallet) == (9_000 - (3_000 - 678), 0)
        there = timeline.read(tenant, subscription)
        assert (there.plan_id, there.price, there.credit, there.period) == (dear.id, 3_000, 0, 2)
        now = START + timedelta(days=9, seconds=1)
        assert there.current_period_start == there.anchor_at == now
        assert there.current_period_end == there.due_at == now.replace(month=3)
        first, second = timeline.periods(tenant, subscription)
        assert first.ends_at == second.starts_at == now
        assert (second.price, second.amount) == (3_000, 2_322)
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_to_a_cheaper_one_credits_what_follows(self, tenant, wallet, seller, subscription):
        cheap = timeline.make_plan(tenant, seller, price=300)
        timeline.advance(tenant, days=7)

        timeline.change_plan(tenant, subscription, cheap)

        # 750 are unused: 300 pay for a period now, the next takes 300, the one after it 150.
        assert shop.balance(tenant, wallet) == (9_000, 0)
        assert timeline.read(tenant, subscription).credit == 450
        timeline.advance(tenant, days=70)
        amounts = [row.amount for row in timeline.periods(tenant, subscription)]
        assert amounts == [1_000, 0, 0, 150]
        assert timeline.read(tenant, subscription).credit == 0
        assert shop.balance(tenant, wallet) == (8_850, 0)
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_there_and_back_at_one_moment_costs_nothing_but_fractions(
        self, tenant, wallet, plan, seller, subscription
    ):
        other = timeline.make_plan(tenant, seller, price=1_000)
        timeline.advance(tenant, days=9)

        timeline.change_plan(tenant, subscription, other)
        timeline.change_plan(tenant, subscription, plan)

        # Changed to at 678.57 unused; changed back with all of it unused.
        assert shop.balance(tenant, wallet) == (9_000 - 322, 0)
        rows = timeline.periods(tenant, subscription)
        assert [row.number for row in rows] == [1, 2, 3]
        assert rows[1].starts_at == rows[1].ends_at == rows[2].starts_at
        assert timeline.read(tenant, subscription).credit == 0

    def test_to_one_of_another_length_counts_from_the_change(
        self, tenant, wallet, seller, subscription
    ):
        yearly = timeline.make_plan(tenant, seller, recurring_payment="YEARLY", price=5_000)
        timeline.advance(tenant, days=28 + 31 + 15)

        timeline.change_plan(tenant, subscription, yearly)
        timeline.advance(tenant, days=366)

        there = timeline.read(tenant, subscription)
        changed_at = START + timedelta(days=74)
        # Of 28 February to 31 March and 31 March to 30 April, half of the third is unused.
        assert shop.balance(tenant, wallet) == (10_000 - 3_000 - (5_000 - 500), 0)
        assert there.state == "PAST_DUE"
        assert there.current_period_start == changed_at.replace(year=2028)
        assert there.current_period_end == changed_at.replace(year=2029)

    def test_on_trial_goes_on_with_the_trial(self, tenant, buyer, wallet, seller):
        trial = timeline.make_plan(tenant, seller, trial_days=10)
        dear = timeline.make_plan(tenant, seller, price=3_000, auto_expires=1)
        subscription, _ = timeline.subscribe(tenant, buyer, trial)
        timeline.advance(tenant, days=4)

        timeline.change_plan(tenant, subscription, dear)

        there = timeline.read(tenant, subscription)
        assert (there.state, there.due_at) == ("TRIALING", START + timedelta(days=10))
        timeline.advance(tenant, days=6)
        assert shop.balance(tenant, wallet) == (7_000, 0)
        timeline.advance(tenant, days=40)
        assert timeline.read(tenant, subscription).state == "EXPIRED"

    def test_opens_the_series_of_the_new_plan_alone(self, tenant, buyer, wallet, seller):
        series = {
            name: timeline.make_series(tenant, seller, name) for name in ("Old", "Both", "New")
        }
        one = timeline.make_plan(tenant, seller, opens=[series["Old"], series["Both"]])
        other = timeline.make_plan(tenant, seller, opens=[series["Both"], series["New"]])
        subscription, _ = timeline.subscribe(tenant, buyer, one)
        timeline.advance(tenant, days=1)

        timeline.change_plan(tenant, subscription, other)

        now = timeline.time_of(tenant)
        assert timeline.open_series(tenant, buyer, now) == ["Both", "New"]
        timeline.change_plan(tenant, subscription, one)
        assert timeline.open_series(tenant, buyer, now) == ["Both", "Old"]

    def test_that_the_wallet_can_not_pay_changes_nothing(
        self, tenant, wallet, plan, seller, subscription
    ):
        dear = timeline.make_plan(tenant, seller, price=50_000)

        with pytest.raises(ledger.InsufficientFunds):
            timeline.change_plan(tenant, subscription, dear)

        there = timeline.read(tenant, subscription)
        assert (there.plan_id, there.period, there.credit) == (plan.id, 1, 0)
        assert len(timeline.periods(tenant, subscription)) == 1
        assert shop.balance(tenant, wallet) == (9_000, 0)

    def test_to_another_currency_or_the_same_plan_is_refused(
        self, tenant, plan, seller, subscription
    ):
        for other in (timeline.make_plan(tenant, seller, currency="EUR"), plan):
            with pytest.raises(Invalid) as refused:
                timeline.change_plan(tenant, subscription, other)
            assert set(refused.value.fields) == {"plan_id"}

    def test_to_a_plan_that_they_have_is_refused(self, tenant, buyer, seller, subscription):
        other = timeline.make_plan(tenant, seller, price=1)
        timeline.subscribe(tenant, buyer, other)

        with pytest.raises(subscriptions.AlreadySubscribed):
            timeline.change_plan(tenant, subscription, other)

    def test_of_what_is_not_paid_is_refused(self, tenant, buyer, stranger, plan, seller):
        other = timeline.make_plan(tenant, seller, price=1)
        shop.fund(tenant, stranger.id, 1_000)
        subscription, _ = timeline.subscribe(tenant, stranger, plan)
        timeline.advance(tenant, days=28)

        with pytest.raises(subscriptions.UnableToChange):
            timeline.change_plan(tenant, subscription, other)

        timeline.cancel(tenant, subscription)
        with pytest.raises(subscriptions.UnableToChange):
            timeline.change_plan(tenant, subscription, other)

    def test_of_what_has_ended_is_refused(self, tenant, wallet, seller, subscription):
        other = timeline.make_plan(tenant, seller, price=1)
        timeline.cancel(tenant, subscription)

        with pytest.raises(subscriptions.UnableToChange):
            timeline.change_plan(tenant, subscription, other)

        assert shop.balance(tenant, wallet) == (9_000, 0)
