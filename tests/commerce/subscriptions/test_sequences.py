"""Whatever people do and in whatever order: books balance, periods follow each other, states are legal."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.commerce.models import Provider, Subscription
from apps.commerce.models.subscription import LIVE, TRANSITIONS
from apps.commerce.operations import subscriptions
from apps.kernel.errors import Problem
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.subscriptions import timeline

STEPS = st.one_of(
    st.tuples(st.just("advance"), st.integers(1, 45 * 24)),
    st.tuples(st.just("subscribe"), st.integers(0, 3)),
    st.tuples(st.just("change"), st.integers(0, 3)),
    st.tuples(st.just("cancel"), st.sampled_from(["now", "later", "refunded"])),
    st.tuples(st.just("resume"), st.none()),
    st.tuples(st.just("pay"), st.none()),
    st.tuples(st.just("top up"), st.integers(1, 3_000)),
)


class Life:
    """Somebody with a wallet, or a card, and four plans."""

    def __init__(self, tenant, provider):
        self.tenant, self.provider = tenant, provider
        timeline.set_clock(tenant)
        seller = shop.make_seller(tenant)
        self.buyer = shop.make_buyer(tenant)
        self.wallet = shop.fund(tenant, self.buyer.id, 5_000)
        self.plans = [
            timeline.make_plan(tenant, seller, **values)
            for values in (
                {"price": 1_000},
                {"price": 1_704, "trial_days": 10},
                {"price": 333, "recurring_payment": "WEEKLY", "auto_expires": 4},
                {"price": 5_503, "recurring_payment": "YEARLY"},
            )
        ]

    def do(self, step, value):
        # Refused, it may have changed nothing: which is looked at after each step.
        with suppress(Problem):
            getattr(self, step.replace(" ", "_"))(value)

    def latest(self):
        with binding.bind(self.tenant):
            found = Subscription.objects.order_by("-id").first()
        return found or Subscription(id=self.buyer.id)

    def advance(self, hours):
        timeline.advance(self.tenant, hours=hours)

    def subscribe(self, number):
        _, payment_id = timeline.subscribe(
            self.tenant, self.buyer, self.plans[number], provider=self.provider
        )
        self._ask(payment_id)

    def change(self, number):
        self._ask(timeline.change_plan(self.tenant, self.latest(), self.plans[number]))

    def cancel(self, how):
        timeline.cancel(
            self.tenant,
            self.latest(),
            at_period_end=how == "later",
            is_refunded=how == "refunded",
        )

    def resume(self, _):
        timeline.resume(self.tenant, self.latest())

    def pay(self, _):
        with binding.bind(self.tenant, writes="commerce"):
            payment_id = subscriptions.request_payment(
                subscription_id=self.latest().id, requested_at=timeline.START
            )
        self._ask(payment_id)

    def top_up(self, amount):
        shop.fund(self.tenant, self.buyer.id, amount)

    def _ask(self, payment_id):
        if payment_id:
            subscriptions.renewing.starting.start_payment(tenant=self.tenant, payment_id=payment_id)

    def check(self):
        assert set(shop.trial_balance(self.tenant).values()) == {0}
        free, held = shop.balance(self.tenant, self.wallet)
        assert free >= 0
        assert held == 0
        now = timeline.time_of(self.tenant)
        with binding.bind(self.tenant):
            there = list(Subscription.objects.all())
        for subscription in there:
            self._check_one(subscription, now)

    def _check_one(self, subscription, now):
        for former, latter in pairwise(timeline.steps(self.tenant, subscription)):
            assert latter in TRANSITIONS[former]
        rows = timeline.periods(self.tenant, subscription)
        begun = [row for row in rows if row.number <= subscription.period]
        assert [row.number for row in begun] == list(
            range(subscription.period + 1 - len(begun), subscription.period + 1)
        )
        for former, latter in pairwise(begun):
            assert former.ends_at == latter.starts_at
            assert former.paid_at is not None
        assert len(rows) - len(begun) <= 1
        if subscription.state in LIVE:
            assert subscription.due_at > now
            assert subscription.current_period_end == begun[-1].ends_at
            assert (subscription.state == "PAST_DUE") == (begun[-1].paid_at is None)
        elif subscription.state != "INCOMPLETE":
            assert subscription.due_at is None
            assert subscription.ended_at <= now


class TestAnything:
    @pytest.mark.parametrize("provider", [Provider.WALLET, Provider.LOCAL])
    @pytest.mark.parametrize("lives", [10, pytest.param(100, marks=pytest.mark.storm)])
    def test_keeps_the_books_the_periods_and_the_states_right(
        self, make_tenant, provider, settings, lives
    ):
        settings.LOCAL_PAYMENTS = True
        self.live(make_tenant, provider, lives)

    def live(self, make_tenant, provider, lives):
        @settings(
            max_examples=lives,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.lists(STEPS, min_size=3, max_size=14))
        def run(steps):
            life = Life(make_tenant(), provider)
            life.do("subscribe", 0)
            for step, value in steps:
                life.do(step, value)
                life.check()

        run()
