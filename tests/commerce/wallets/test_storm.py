"""Many at once: no wallet below nothing, no money lost or made, nobody told of a deadlock."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apps.commerce.models import DebitReason, UserWallet
from apps.commerce.operations import exchange, ledger, rates, wallets
from apps.kernel.errors import Problem
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.wallets import people

THREADS = 8


def at_once(works):
    """Run all works, THREADS at a time, each in units of work of its own; return what they returned."""
    begin = threading.Barrier(THREADS)

    def run(share):
        try:
            begin.wait()
            return [work() for work in share]
        finally:
            connections.close_all()

    shares = [works[number::THREADS] for number in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        return [result for results in pool.map(run, shares) for result in results]


def cause():
    return ledger.Cause(key=f"storm:{uuid7()}", at=timezone.now())


@pytest.fixture
def rate(tenant):
    with binding.bind(tenant, writes="commerce"):
        now = timezone.now()
        values = {"from_currency": "USD", "to_currency": "EUR", "price": 3, "amount": 2}
        return rates.create_rate(values={**values, "valid_from": now}, created_on=now)


class TestDraining:
    def test_in_every_way_at_once_takes_what_there_is_and_no_more(self, tenant, giver, taker, rate):
        purse = shop.fund(tenant, giver.id, 5_000)
        ways = {
            "transfer": lambda: wallets.transfer(
                wallet_id=purse.id, to_user_id=taker.id, amount=300, cause=cause()
            ),
            "debit": lambda: wallets.debit(
                wallet_id=purse.id, amount=300, reason=DebitReason.CORRECTION, cause=cause()
            ),
            "exchange": lambda: exchange.exchange(
                wallet_id=purse.id, to_currency="EUR", amount=300, cause=cause()
            ),
            "hold": lambda: ledger.holds.place_hold(
                wallet=purse,
                amount=300,
                expires_at=timezone.now() + timedelta(hours=1),
                cause=cause(),
            ),
        }

        def attempt(way):
            def work():
                try:
                    with binding.bind(tenant, writes="commerce"):
                        ways[way]()
                except ledger.InsufficientFunds:
                    return "refused"
                return "done"

            return work

        results = at_once([attempt(way) for _ in range(10) for way in ways])

        # 16 times 300 is what 5,000 hold; 200 remain.
        assert sorted(set(results)) == ["done", "refused"]
        assert (results.count("done"), results.count("refused")) == (16, 24)
        free, held = shop.balance(tenant, purse)
        assert free == 200 and held >= 0
        assert shop.trial_balance(tenant)["USD"] == 0
        with binding.bind(tenant), connections["commerce"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM account_balances WHERE is_guarded AND posted < 0")
            assert cursor.fetchone() == (0,)

    def test_over_http_answers_201_or_409(self, tenant, giver, taker):
        purse = shop.fund(tenant, giver.id, 1_000)

        def send():
            return giver.move(purse, "transfers", to_user_id=taker.id, amount=100).status_code

        statuses = at_once([send for _ in range(16)])

        assert (statuses.count(201), statuses.count(409)) == (10, 6)
        assert shop.balance(tenant, purse) == (0, 0)


class TestOpposites:
    def test_pay_each_other_and_meet_no_deadlock(self, tenant, giver, taker):
        one, other = (shop.fund(tenant, person.id, 100_000) for person in (giver, taker))

        def pay(wallet, to):
            def work():
                with binding.bind(tenant, writes="commerce"):
                    wallets.transfer(wallet_id=wallet.id, to_user_id=to.id, amount=7, cause=cause())
                return True

            return work

        done = at_once([pay(one, taker), pay(other, giver)] * 100)

        assert len(done) == 200
        assert shop.balance(tenant, one) == shop.balance(tenant, other) == (100_000, 0)
        assert shop.trial_balance(tenant) == {"USD": 0}

    def test_open_each_others_wallets_at_once(self, tenant):
        crowd = [people.person(tenant) for _ in range(4)]
        purses = [shop.fund(tenant, person.id, 1_000, currency="USD") for person in crowd]
        target = people.person(tenant)

        def pay(purse):
            def work():
                with binding.bind(tenant, writes="commerce"):
                    return wallets.transfer(
                        wallet_id=purse.id, to_user_id=target.id, amount=10, cause=cause()
                    )

            return work

        at_once([pay(purse) for purse in purses for _ in range(4)])

        with binding.bind(tenant):
            (opened,) = UserWallet.objects.filter(user_id=target.id)
        assert shop.balance(tenant, opened) == (160, 0)


class TestOneKey:
    def test_fifty_times_at_once_is_one_transfer(self, tenant, giver, taker, purse):
        same = ledger.Cause(key="once", at=timezone.now())

        def work():
            with binding.bind(tenant, writes="commerce"):
                return wallets.transfer(
                    wallet_id=purse.id, to_user_id=taker.id, amount=100, cause=same
                )

        assert len(set(at_once([work] * 50))) == 1
        assert shop.balance(tenant, purse) == (9_900, 0)


class TestRateAtOnce:
    def test_is_used_as_it_is_or_changed_before(self, tenant, giver, purse, rate):
        """What was exchanged names a rate that says what it was exchanged at, whoever changes it."""

        def use():
            try:
                with binding.bind(tenant, writes="commerce"):
                    exchange.exchange(
                        wallet_id=purse.id, to_currency="EUR", amount=300, cause=cause()
                    )
            except Problem:
                return "refused"
            return "used"

        def reprice():
            try:
                with binding.bind(tenant, writes="commerce"):
                    rates.change_rate(rate_id=rate.id, changes={"amount": 1})
            except rates.RateUsed:
                return "kept"
            return "changed"

        results = at_once([use, reprice] * 8)

        rate_now = _amount(tenant, rate)
        assert results.count("used") == 8
        with binding.bind(tenant):
            euros = UserWallet.objects.get(user_id=giver.id, currency="EUR")
        assert shop.balance(tenant, euros)[0] == 8 * (300 * rate_now // 3)


def _amount(tenant, rate):
    with binding.bind(tenant):
        rate.refresh_from_db()
        return rate.amount
