"""Many at once: each period is begun and paid once, and what ends has ended."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.db import connections
from psycopg.errors import LockNotAvailable

from apps.commerce.models import PaymentState, Subscription
from apps.commerce.operations import subscriptions
from apps.commerce.operations.payments import settling
from apps.commerce.ports.payments import PaymentOutcome
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.ledger import books
from tests.commerce.subscriptions import timeline
from tests.commerce.subscriptions.timeline import START

pytestmark = pytest.mark.usefixtures("clock")

DUE = START + timedelta(days=28)
THREADS = 6


def kinds(found):
    return Counter(type(each).__name__ for each in found)


class TestRaces:
    def test_two_workers_renew_a_subscription_once(self, tenant, buyer, wallet, seller):
        made = []
        for number in range(5):
            plan = timeline.make_plan(tenant, seller, price=100 + number)
            made.append(timeline.subscribe(tenant, buyer, plan)[0])

        found = books.at_once(
            [partial(subscriptions.work_off_due, tenant=tenant, now=DUE)] * THREADS,
            threads=THREADS,
        )

        assert kinds(found) == {"int": THREADS}
        for subscription in made:
            rows = timeline.periods(tenant, subscription)
            assert [row.number for row in rows] == [1, 2]
        assert shop.balance(tenant, wallet) == (10_000 - 2 * 510, 0)
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_two_workers_charge_a_provider_once(self, tenant, buyer, plan, settings):
        settings.LOCAL_PAYMENTS = True
        subscription, payment_id = timeline.subscribe(tenant, buyer, plan, provider="local")
        subscriptions.renewing.starting.start_payment(tenant=tenant, payment_id=payment_id)

        found = books.at_once(
            [partial(subscriptions.work_off_due, tenant=tenant, now=DUE)] * THREADS,
            threads=THREADS,
        )

        assert kinds(found) == {"int": THREADS}
        there = timeline.read(tenant, subscription)
        assert (there.state, there.period, there.attempts) == ("ACTIVE", 2, 0)
        with binding.bind(tenant):
            assert subscriptions.books.Payment.objects.count() == 2

    def test_of_many_who_subscribe_at_once_one_does(self, tenant, buyer, wallet, plan):
        found = books.at_once(
            [partial(timeline.subscribe, tenant, buyer, plan)] * THREADS, threads=THREADS
        )

        assert kinds(found) == {"tuple": 1, "AlreadySubscribed": THREADS - 1}
        assert shop.balance(tenant, wallet) == (9_000, 0)

    @pytest.mark.parametrize("turn", range(6))
    def test_a_cancellation_and_a_renewal_come_one_after_the_other(
        self, tenant, buyer, wallet, plan, turn
    ):
        subscription, _ = timeline.subscribe(tenant, buyer, plan)

        deeds = [
            partial(subscriptions.work_off_due, tenant=tenant, now=DUE),
            partial(timeline.cancel, tenant, subscription, at=DUE),
        ]
        found = books.at_once(deeds if turn % 2 else deeds[::-1], threads=2)

        assert kinds(found) == {"int": 1, "Subscription": 1}
        there = timeline.read(tenant, subscription)
        assert (there.state, there.due_at) == ("CANCELLED", None)
        # Either it was renewed and then cancelled, or it was never renewed.
        left = 10_000 - 1_000 * there.period
        assert shop.balance(tenant, wallet) == (left, 0)
        assert len(timeline.periods(tenant, subscription)) == there.period
        assert timeline.open_series(tenant, buyer, DUE) == []

    def test_many_who_change_plans_at_once_pay_for_each_change_once(
        self, tenant, buyer, wallet, plan, seller
    ):
        others = [timeline.make_plan(tenant, seller, price=1_000) for _ in range(4)]
        subscription, _ = timeline.subscribe(tenant, buyer, plan)

        found = books.at_once(
            [partial(timeline.change_plan, tenant, subscription, other) for other in others],
            threads=4,
        )

        assert kinds(found) == {"NoneType": 4}
        rows = timeline.periods(tenant, subscription)
        assert [row.number for row in rows] == [1, 2, 3, 4, 5]
        assert shop.balance(tenant, wallet) == (9_000, 0)

    def test_of_a_plans_new_series_nobody_is_left_out(self, tenant, seller):
        plan = timeline.make_plan(tenant, seller, price=0)
        series = timeline.make_series(tenant, seller)
        crowd = [shop.make_buyer(tenant) for _ in range(10)]

        def add():
            with binding.bind(tenant, writes="commerce"):
                subscriptions.update_plan(
                    plan_id=plan.id, changes={}, series_ids=[series.id], updated_at=START
                )

        deeds = [partial(timeline.subscribe, tenant, fan, plan) for fan in crowd]
        found = books.at_once([*deeds[:5], add, *deeds[5:]], threads=THREADS)

        assert kinds(found) == {"tuple": 10, "NoneType": 1}
        for fan in crowd:
            assert timeline.open_series(tenant, fan, START) == ["Backstage"]
        with binding.bind(tenant):
            assert Subscription.objects.live().count() == 10

    def test_a_series_is_added_after_who_is_being_let_in(self, tenant, buyer, seller, settings):
        settings.LOCAL_PAYMENTS = True
        plan = timeline.make_plan(tenant, seller, price=1_003)
        series = timeline.make_series(tenant, seller)
        subscription, payment_id = timeline.subscribe(tenant, buyer, plan, provider="local")
        paid = PaymentOutcome(state=PaymentState.SUCCEEDED, provider_payment_id="")

        def add(timeout):
            with binding.bind(tenant, writes="commerce"):
                with connections["commerce"].cursor() as cursor:
                    cursor.execute(f"SET LOCAL lock_timeout = '{timeout}'")
                subscriptions.update_plan(
                    plan_id=plan.id, changes={}, series_ids=[series.id], updated_at=START
                )

        with binding.bind(tenant, writes="commerce"):
            settling.settle_payment(payment_id=payment_id, outcome=paid, at=START)
            [found] = books.at_once([partial(add, "200ms")], threads=1)
            assert isinstance(found.__cause__, LockNotAvailable)

        add("5s")
        assert timeline.read(tenant, subscription).state == "ACTIVE"
        assert timeline.open_series(tenant, buyer, START) == ["Backstage"]
