"""Many at once: nothing is lost, nothing happens twice, and nobody meets a deadlock."""

from collections import Counter
from functools import partial
from itertools import pairwise

import pytest
from django.db import Error as DatabaseFault

from apps.commerce.models import (
    Hold,
    HoldResolution,
    RelationType,
    Resolution,
    TransactionType,
)
from apps.commerce.operations import ledger
from apps.tenancy import binding
from tests.commerce.ledger import books
from tests.commerce.ledger.books import LATER

RACERS = 12
THREADS = 12


@pytest.fixture
def place(tenant, accounts):
    """Return a maker of holds of one cent each."""

    def place(count):
        spec = ledger.HoldSpec(
            account_id=accounts.wallet, held_account_id=accounts.held, expires_at=LATER
        )
        with binding.bind(tenant, writes="commerce"):
            return [
                posted.id
                for posted in ledger.post(
                    *(
                        ledger.Posting(
                            cause=books.cause(),
                            transaction_type=TransactionType.HOLD,
                            amount=1,
                            currency="USD",
                            hold=spec,
                        )
                        for _ in range(count)
                    )
                )
            ]

    return place


def resolve(tenant, accounts, hold_id, racer):
    """Capture, release or let expire, as the racer has it."""
    cause = books.cause(f"{hold_id}:{racer}")
    with binding.bind(tenant, writes="commerce"):
        if racer % 3 == 0:
            return ledger.holds.capture_hold(
                hold_id=hold_id, amount=1, to_account_id=accounts.other, cause=cause
            )
        ends = [Resolution.RELEASED, Resolution.EXPIRED][racer % 2]
        return ledger.holds.release_hold(hold_id=hold_id, cause=cause, resolution=ends)


class TestHolds:
    def race(self, tenant, accounts, place, *, holds):
        ids = place(holds)
        found = books.at_once(
            [
                partial(resolve, tenant, accounts, hold_id, racer)
                for hold_id in ids
                for racer in range(RACERS)
            ],
            threads=THREADS,
        )

        kinds = Counter(type(each).__name__ for each in found)
        assert kinds == {"Posted": holds, "AlreadyResolved": holds * (RACERS - 1)}
        with binding.bind(tenant):
            assert HoldResolution.objects.count() == Hold.objects.count() == holds
            captured = HoldResolution.objects.filter(resolution=Resolution.CAPTURED).count()
        assert books.holds(tenant, accounts.wallet, accounts.held, accounts.other) == [
            10_000 - captured,
            0,
            captured,
        ]
        books.assert_sound(tenant)

    def test_each_ends_once_whoever_races_for_it(self, tenant, accounts, place):
        self.race(tenant, accounts, place, holds=60)

    @pytest.mark.storm
    def test_five_hundred_end_once(self, tenant, accounts, place):
        self.race(tenant, accounts, place, holds=500)


class TestOnePair:
    """Blnk's #238: many post on one pair of accounts, and no update is lost on either side."""

    @pytest.mark.parametrize("target", ["other", "shared"])
    def test_nothing_is_lost_on_either_side(self, tenant, accounts, target):
        posters = 100

        def post():
            with binding.bind(tenant, writes="commerce"):
                ledger.post(books.transfer(accounts.wallet, getattr(accounts, target), 7))

        found = books.at_once([post] * posters, threads=16)

        assert [each for each in found if each is not None] == []
        wallet, received = books.holds(tenant, accounts.wallet, getattr(accounts, target))
        assert wallet == 10_000 - 7 * posters
        assert received == 7 * posters - (10_000 if target == "shared" else 0)
        books.assert_sound(tenant)

    def test_nobody_overspends(self, tenant, accounts):
        def post():
            with binding.bind(tenant, writes="commerce"):
                ledger.post(books.transfer(accounts.wallet, accounts.other, 300))

        found = books.at_once([post] * 60, threads=16)

        kinds = Counter(type(each).__name__ for each in found)
        assert kinds == {"NoneType": 33, "InsufficientFunds": 27}
        assert books.holds(tenant, accounts.wallet, accounts.other) == [100, 9_900]


class TestOneKey:
    def test_is_one_transaction_and_one_reply(self, tenant, accounts):
        def post(amount=5):
            with binding.bind(tenant, writes="commerce"):
                return ledger.post_one(
                    books.transfer(accounts.wallet, accounts.other, amount, key="one")
                )

        found = books.at_once([post] * 50, threads=16)

        assert len({each.id for each in found}) == 1
        assert sorted(each.is_replay for each in found) == [False] + [True] * 49
        assert books.holds(tenant, accounts.other) == [5]
        with pytest.raises(ledger.LedgerKeyReused) as refused:
            post(amount=6)
        assert refused.value.status == 422
        books.assert_sound(tenant)

    def test_twice_in_a_batch_is_once(self, tenant, accounts):
        posting = books.transfer(accounts.wallet, accounts.other, 5, key="one")
        with binding.bind(tenant, writes="commerce"):
            first, second = ledger.post(posting, posting)

        assert first.id == second.id
        assert (first.is_replay, second.is_replay) == (False, True)
        assert books.holds(tenant, accounts.other) == [5]

    def test_a_batch_may_hold_what_was_posted_before(self, tenant, accounts):
        old, new = (books.transfer(accounts.wallet, accounts.other, 5, key=key) for key in "ab")
        with binding.bind(tenant, writes="commerce"):
            before = ledger.post_one(old)
            after = ledger.post(new, old)

        assert [each.is_replay for each in after] == [False, True]
        assert after[1].id == before.id
        assert books.holds(tenant, accounts.other) == [10]

    def test_a_reversal_raced_for_is_one(self, tenant, accounts):
        def back(done, key):
            with binding.bind(tenant, writes="commerce"):
                return ledger.reverse_transaction(transaction_id=done, cause=books.cause(key))

        for turn in range(15):
            with binding.bind(tenant, writes="commerce"):
                done = ledger.post_one(books.transfer(accounts.wallet, accounts.other, 5)).id
            same = books.at_once([partial(back, done, f"same {turn}")] * 24, threads=12)
            others = books.at_once(
                [partial(back, done, f"{turn}:{n}") for n in range(4)], threads=4
            )

            assert {type(each) for each in same} == {ledger.Posted}
            assert len({each.id for each in same}) == 1
            assert {type(each) for each in others} == {ledger.AlreadyReversed}
        assert books.holds(tenant, accounts.other) == [0]

    def test_of_a_refund_and_a_reversal_at_once_one_is_refused(self, tenant, accounts):
        def race(number):
            with binding.bind(tenant, writes="commerce"):
                done = ledger.post_one(books.transfer(accounts.wallet, accounts.other, 5)).id
            back = partial(ledger.reverse_transaction, transaction_id=done)
            refund = books.transfer(
                accounts.other,
                accounts.wallet,
                5,
                transaction_type=TransactionType.REFUND,
                relations={done: RelationType.REFUND_OF},
            )

            def reverse():
                with binding.bind(tenant, writes="commerce"):
                    back(cause=books.cause())

            def give_back():
                with binding.bind(tenant, writes="commerce"):
                    ledger.post(refund)

            found = books.at_once([reverse, give_back], threads=2)
            return sorted(type(each).__name__ for each in found)

        assert {tuple(race(n)) for n in range(10)} == {("Irreversible", "NoneType")}
        assert books.holds(tenant, accounts.wallet) == [10_000]


class TestOpposingBatches:
    def race(self, tenant, *, batches):
        with binding.bind(tenant, writes="commerce"):
            shared = books.account("shared", rolls_up=True)
            wallets = [books.account(f"wallet {n}", is_guarded=True) for n in range(6)]
            plain = [books.account(f"plain {n}") for n in range(2)]
            ledger.post(*(books.transfer(shared, each, 100_000) for each in wallets))
        everybody = [*wallets, *plain, shared]

        def post(number):
            order = everybody if number % 2 else everybody[::-1]
            turned = order[number % len(order) :] + order[: number % len(order)]
            pairs = pairwise(turned)
            with binding.bind(tenant, writes="commerce"):
                ledger.post(
                    *(
                        books.transfer(source, target, 1, key=f"{number % (batches - 5)}:{n}")
                        for n, (source, target) in enumerate(pairs)
                    )
                )

        return books.at_once([partial(post, n) for n in range(batches)], threads=THREADS)

    def test_meet_no_deadlock(self, tenant):
        found = self.race(tenant, batches=100)

        assert [each for each in found if isinstance(each, DatabaseFault)] == []
        assert {type(each) for each in found} <= {type(None), ledger.LedgerKeyReused}
        books.assert_sound(tenant)


class TestOpening:
    def test_the_same_accounts_at_once_are_opened_once(self, tenant):
        def open_batch(number):
            with binding.bind(tenant, writes="commerce"):
                made = [
                    ledger.accounts.Account(code=f"batch {n}", kind="ASSET", currency="USD")
                    for n in range(20)
                ]
                opened = ledger.accounts.open_accounts(made if number % 2 else made[::-1])
            return tuple(sorted(opened.items()))

        found = books.at_once([partial(open_batch, n) for n in range(24)], threads=12)

        assert len(set(found)) == 1
