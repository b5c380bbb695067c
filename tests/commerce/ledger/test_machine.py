"""Random sequences of everything the ledger does, beside a model in Python that does the same."""

from itertools import count
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from apps.commerce.models import Resolution, TransactionType
from apps.commerce.operations import ledger
from apps.commerce.queries import ledger_verification
from apps.commerce.queries.ledger import balances, states
from apps.tenancy import binding
from tests.commerce.ledger import books
from tests.commerce.ledger.books import LATER

AMOUNTS = st.integers(1, 400)
WALLETS = st.integers(0, 3)
CURRENCIES = st.sampled_from(["USD", "JPY"])
OTHER = {"USD": "JPY", "JPY": "USD"}
_numbers = count(1)


class LedgerMachine(RuleBasedStateMachine):
    """Wallets in two currencies, what is held of them, and the tenant's own accounts, which roll up."""

    tenant: object
    transactions = Bundle("transactions")
    holds = Bundle("holds")

    @initialize()
    def open(self):
        """Each sequence has accounts of its own; the books are one."""
        number = next(_numbers)
        self.name = number
        self.keys = count(1)
        self.held: dict = {}
        self.ended: dict = {}
        self.reversed: set = set()
        with binding.bind(self.tenant, writes="commerce"):
            self.wallets = [self._pair(f"{number}:{n}") for n in range(4)]
            self.shared = {
                currency: books.account(f"{number}:{currency}", currency=currency, rolls_up=True)
                for currency in OTHER
            }
        self.model = dict.fromkeys(self._accounts(), 0)

    def _pair(self, name):
        return {
            currency: SimpleNamespace(
                free=books.account(f"{name}:{currency}", currency=currency, is_guarded=True),
                held=books.account(f"{name}:{currency}:held", currency=currency, is_guarded=True),
            )
            for currency in OTHER
        }

    def _accounts(self):
        pairs = [pair for wallet in self.wallets for pair in wallet.values()]
        return [each for pair in pairs for each in (pair.free, pair.held)] + list(
            self.shared.values()
        )

    def _post(self, moved, **values):
        """Post, and do the same to the model; nothing to either where money is missing."""
        after = dict(self.model)
        for account, amount in moved:
            after[account] += amount
        is_short = any(after[each] < 0 for each in after if each not in self.shared.values())
        posting = ledger.Posting(
            **{
                "cause": books.cause(f"machine:{self.name}:{next(self.keys)}"),
                "transaction_type": TransactionType.TRANSFER,
                "legs": [ledger.Leg(account_id=a, amount=n) for a, n in moved],
                **values,
            }
        )
        with binding.bind(self.tenant, writes="commerce"):
            try:
                posted = ledger.post_one(posting)
            except ledger.InsufficientFunds:
                assert is_short
                return None
        assert not is_short
        self.model = after
        with binding.bind(self.tenant, writes="commerce"):
            again = ledger.post_one(posting)
        assert (again.id, again.is_replay) == (posted.id, True)
        return posted.id

    @rule(target=transactions, wallet=WALLETS, currency=CURRENCIES, amount=AMOUNTS)
    def credit(self, wallet, currency, amount):
        target = self.wallets[wallet][currency].free
        return self._posted(
            [(self.shared[currency], -amount), (target, amount)], amount=amount, currency=currency
        )

    @rule(target=transactions, source=WALLETS, to=WALLETS, currency=CURRENCIES, amount=AMOUNTS)
    def transfer(self, source, to, currency, amount):
        legs = [
            (self.wallets[source][currency].free, -amount),
            (self.wallets[to][currency].free, amount),
        ]
        if source == to:
            legs = [(self.wallets[source][currency].free, -amount), (self.shared[currency], amount)]
        return self._posted(legs, amount=amount, currency=currency)

    @rule(target=transactions, wallet=WALLETS, currency=CURRENCIES, amount=AMOUNTS, rate=AMOUNTS)
    def exchange(self, wallet, currency, amount, rate):
        other = OTHER[currency]
        source, target = (self.wallets[wallet][each].free for each in (currency, other))
        legs = [
            (source, -amount, currency),
            (self.shared[currency], amount, currency),
            (self.shared[other], -rate, other),
            (target, rate, other),
        ]
        return self._posted(
            [(account, moved) for account, moved, _ in legs],
            amount=amount,
            currency=currency,
            transaction_type=TransactionType.EXCHANGE,
            named=[ledger.Leg(account_id=a, amount=n, currency=c) for a, n, c in legs],
        )

    def _posted(self, moved, *, named=None, **values):
        id_ = self._post(moved, **values, **({"legs": named} if named else {}))
        return SimpleNamespace(id=id_, legs=moved, **values) if id_ else multiple()

    @rule(target=holds, wallet=WALLETS, currency=CURRENCIES, amount=AMOUNTS)
    def hold(self, wallet, currency, amount):
        pair = self.wallets[wallet][currency]
        spec = ledger.HoldSpec(account_id=pair.free, held_account_id=pair.held, expires_at=LATER)
        id_ = self._post(
            [(pair.free, -amount), (pair.held, amount)],
            amount=amount,
            currency=currency,
            transaction_type=TransactionType.HOLD,
            legs=(),
            hold=spec,
        )
        if id_ is None:
            return multiple()
        self.held[id_] = amount
        return SimpleNamespace(id=id_, pair=pair, amount=amount, currency=currency)

    @rule(hold=holds, share=st.integers(1, 100), resolution=st.sampled_from(list(Resolution)))
    def end(self, hold, share, resolution):
        captured = max(1, hold.amount * share // 100) if resolution == Resolution.CAPTURED else 0
        values = {
            "cause": books.cause(f"machine:{self.name}:{next(self.keys)}"),
            "hold_id": hold.id,
        }
        with binding.bind(self.tenant, writes="commerce"):
            try:
                if captured:
                    ledger.holds.capture_hold(
                        amount=captured, to_account_id=self.shared[hold.currency], **values
                    )
                else:
                    ledger.holds.release_hold(resolution=resolution, **values)
            except ledger.AlreadyResolved:
                assert hold.id in self.ended
                return
        assert hold.id not in self.ended
        self.ended[hold.id] = resolution
        del self.held[hold.id]
        self.model[hold.pair.held] -= hold.amount
        self.model[hold.pair.free] += hold.amount - captured
        self.model[self.shared[hold.currency]] += captured

    @rule(transaction=transactions)
    def reverse(self, transaction):
        after = dict(self.model)
        for account, amount in transaction.legs:
            after[account] -= amount
        is_short = any(after[each] < 0 for each in after if each not in self.shared.values())
        cause = books.cause(f"machine:{self.name}:{next(self.keys)}")
        with binding.bind(self.tenant, writes="commerce"):
            try:
                ledger.reverse_transaction(transaction_id=transaction.id, cause=cause)
            except ledger.AlreadyReversed:
                assert transaction.id in self.reversed
                return
            except ledger.InsufficientFunds:
                assert is_short
                return
        assert not is_short
        assert transaction.id not in self.reversed
        self.reversed.add(transaction.id)
        self.model = after

    @rule()
    def roll_up(self):
        with binding.bind(self.tenant, writes="commerce"):
            ledger.roll_up_accounts()

    @invariant()
    def balances_are_the_model_s(self):
        if not hasattr(self, "model"):
            return
        with binding.bind(self.tenant):
            assert balances(list(self.model)) == self.model
            ended = {**dict.fromkeys(self.held, "PENDING"), **self.ended}
            assert states(list(ended)) == ended
            assert set(states(list(self.reversed)).values()) <= {"REVERSED"}


def run(tenant, *, examples, steps):
    class Machine(LedgerMachine):
        pass

    Machine.tenant = tenant
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    report = ledger_verification.verify_ledger(tenant=tenant)
    assert report.is_sound, [fault.text for fault in report.faults[:5]]
    assert report.transactions > examples


class TestSequences:
    def test_do_what_the_model_does(self, tenant):
        run(tenant, examples=25, steps=15)

    @pytest.mark.storm
    def test_a_thousand_do_what_the_model_does(self, tenant):
        run(tenant, examples=1_000, steps=15)
