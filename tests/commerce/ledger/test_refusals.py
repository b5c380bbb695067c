"""Whatever is wrong with a posting is refused under a name, and nothing of it is written."""

import pytest
from django.db import DataError, IntegrityError, connections

from apps.commerce.models import LedgerTransaction, RelationType, Resolution, TransactionType
from apps.commerce.operations import ledger
from apps.kernel.errors import Invalid, Problem
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.commerce.ledger import books
from tests.commerce.ledger.books import AT, LATER, leg

NOBODY = str(uuid7())
LARGE = 10**12 + 1


def hold(accounts, amount=1_000, **values):
    """A hold as JSON."""
    spec = {
        "account_id": str(accounts.wallet),
        "held_account_id": str(accounts.held),
        "expires_at": LATER.isoformat(),
    }
    return books.row(transaction_type="HOLD", amount=amount, hold=spec | values)


def end(hold_id, **values):
    """The end of a hold as JSON: all of a thousand goes back."""
    spec = {"hold_id": str(hold_id), "captured": 0, "resolution": "RELEASED"}
    return books.row(transaction_type="RESOLUTION", amount=1_000, resolves=spec | values)


# What comes to the function as a hostile caller would write it; under which name it is refused.
MALFORMED = {
    "no array": ("transactions_form", lambda a: {}),
    "nothing": ("transactions_form", lambda a: None),
    "a number": ("22023", lambda a: [5]),
    "an empty object": ("transactions_form", lambda a: [{}]),
    "no legs": ("transactions_form", lambda a: [books.row()]),
    "legs that are none": ("22023", lambda a: [books.row() | {"legs": 5}]),
    "legs that are empty": ("transactions_balanced", lambda a: [books.row() | {"legs": []}]),
    "legs of nulls": ("ledger_entries_form", lambda a: [books.row() | {"legs": [None, 3, "x"]}]),
    "no key": (
        "transactions_form",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), idempotency_key=None)],
    ),
    "an empty key": (
        "transactions_form",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), idempotency_key="")],
    ),
    "a long key": (
        "transactions_form",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), idempotency_key="x" * 256)],
    ),
    "no id": ("transactions_form", lambda a: [books.row((a.wallet, -1), (a.other, 1), id=None)]),
    "an id that is none": (
        "22P02",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), id="1; DROP TABLE transactions")],
    ),
    "an unknown type": (
        "transactions_type",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), transaction_type="GIFT")],
    ),
    "a type without its hold": (
        "transactions_form",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), transaction_type="HOLD")],
    ),
    "a type without what it reverses": (
        "transactions_form",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), transaction_type="REVERSAL")],
    ),
    "no amount": (
        "transactions_form",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), amount=None)],
    ),
    "an amount of nothing": (
        "transactions_amount",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), amount=0)],
    ),
    "too large an amount": (
        "transactions_amount",
        lambda a: [books.row((a.shared, -LARGE), (a.other, LARGE))],
    ),
    "an amount beyond bigint": (
        "22003",
        lambda a: [books.row((a.shared, -1), (a.other, 1), amount=10**19 // 2 * 2)],
    ),
    "a fraction": ("22P02", lambda a: [books.row((a.wallet, -0.5), (a.other, 0.5), amount=1)]),
    "more in the header than moves": (
        "transactions_balanced",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), amount=2)],
    ),
    "a header of a currency that does not move": (
        "transactions_balanced",
        lambda a: [
            books.row(currency="EUR")
            | {"legs": [leg(a.wallet, -1, currency="USD"), leg(a.other, 1, currency="USD")]}
        ],
    ),
    "one leg": ("transactions_balanced", lambda a: [books.row((a.other, 1))]),
    "legs that do not add up": (
        "transactions_balanced",
        lambda a: [books.row((a.wallet, -1), (a.other, 2))],
    ),
    "two that only balance together": (
        "transactions_balanced",
        lambda a: [books.row((a.other, 1)), books.row((a.shared, -1), amount=1)],
    ),
    "legs in two currencies": (
        "transactions_balanced",
        lambda a: [books.row() | {"legs": [leg(a.wallet, -1, currency="EUR"), leg(a.other, 1)]}],
    ),
    "a leg of nothing": (
        "ledger_entries_amount",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), (a.shared, 0))],
    ),
    "too large a leg": (
        "ledger_entries_amount",
        lambda a: [books.row((a.shared, -LARGE), (a.other, LARGE), amount=1)],
    ),
    "an unknown account": (
        "ledger_entries_of_account",
        lambda a: [books.row((a.wallet, -1), (NOBODY, 1))],
    ),
    "no account": ("ledger_entries_form", lambda a: [books.row() | {"legs": [{"amount": 1}]}]),
    "another currency than the account's": (
        "ledger_entries_of_account",
        lambda a: [books.row((a.shared, -1), (a.other, 1), currency="EUR")],
    ),
    "more than there is": (
        "account_balances_overdraft",
        lambda a: [books.row((a.wallet, -10_001), (a.other, 10_001))],
    ),
    "more than there is in between": (
        "account_balances_overdraft",
        lambda a: [
            books.row((a.other, -1), (a.shared, 1)),
            books.row((a.wallet, -1), (a.other, 1)),
        ],
    ),
    "a time without end": (
        "transactions_effective",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), effective_at="infinity")],
    ),
    "a relation to nothing": (
        "transaction_relations_to",
        lambda a: [
            books.row((a.wallet, -1), (a.other, 1), relations=[{"id": NOBODY, "type": "REFUND_OF"}])
        ],
    ),
    "a relation without an id": (
        "transaction_relations_to",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), relations=[{"type": "REFUND_OF"}])],
    ),
    "relations that are none": (
        "22023",
        lambda a: [books.row((a.wallet, -1), (a.other, 1), relations="x")],
    ),
    "the reversal of nothing": (
        "transactions_reversible",
        lambda a: [books.row(transaction_type="REVERSAL", reverses_id=NOBODY)],
    ),
    "the end of no hold": ("hold_resolutions_of_hold", lambda a: [end(NOBODY)]),
    "the end of nothing": ("hold_resolutions_of_hold", lambda a: [end("x") | {"resolves": {}}]),
    "a hold from an unknown account": (
        "holds_from_account",
        lambda a: [hold(a, account_id=NOBODY)],
    ),
    "a hold in an unknown account": (
        "holds_to_account",
        lambda a: [hold(a, held_account_id=NOBODY)],
    ),
    "a hold in the account itself": (
        "holds_elsewhere",
        lambda a: [hold(a, held_account_id=str(a.wallet))],
    ),
    "a hold for ever": ("holds_expiry", lambda a: [hold(a, expires_at="infinity")]),
    "a hold without its accounts": ("23502", lambda a: [hold(a) | {"hold": {}}]),
    "a hold of more than there is": ("account_balances_overdraft", lambda a: [hold(a, 10_001)]),
    "a hold with legs": (
        "transactions_form",
        lambda a: [hold(a) | {"legs": [leg(a.wallet, -1), leg(a.other, 1)]}],
    ),
    "a hold that ends another": (
        "transactions_form",
        lambda a: [hold(a) | {"resolves": {"hold_id": NOBODY, "captured": 0}}],
    ),
}


def count(tenant) -> int:
    with binding.bind(tenant):
        return LedgerTransaction.objects.count()


class TestByHand:
    @pytest.mark.parametrize("name", MALFORMED)
    def test_is_refused_under_its_name(self, tenant, accounts, name):
        refusal, make = MALFORMED[name]
        postings = make(accounts)

        with binding.bind(tenant, writes="commerce"):
            ((id_, _, found, _),) = books.by_hand(postings, function="try_post_transaction")

            assert (id_, found) == (None, refusal)
        with (
            pytest.raises((IntegrityError, DataError)),
            binding.bind(tenant, writes="commerce"),
        ):
            books.by_hand(postings)
        assert count(tenant) == 1
        books.assert_sound(tenant)

    def test_an_empty_batch_is_nothing(self, tenant):
        with binding.bind(tenant, writes="commerce"):
            assert books.by_hand([]) == []
            assert ledger.post() == []

    @pytest.mark.parametrize(
        ("refusal", "values"),
        [
            ("hold_resolutions_sum", {"captured": 1_001, "resolution": "CAPTURED"}),
            ("hold_resolutions_captured", {"captured": -1}),
            ("hold_resolutions_captured", {"captured": 1_000}),
            ("hold_resolutions_captured", {"resolution": "CAPTURED"}),
            ("hold_resolutions_resolution", {"resolution": "LOST"}),
            ("ledger_entries_form", {"captured": 10, "resolution": "CAPTURED"}),
            (
                "ledger_entries_of_account",
                {"captured": 10, "resolution": "CAPTURED", "to_account_id": NOBODY},
            ),
            ("22P02", {"captured": 10, "resolution": "CAPTURED", "to_account_id": "me"}),
            ("23502", {"captured": None}),
        ],
    )
    def test_a_hold_does_not_end_wrongly(self, tenant, accounts, refusal, values):
        with binding.bind(tenant, writes="commerce"):
            ((hold_id, _),) = books.by_hand([hold(accounts)])

            ((_, _, found, _),) = books.by_hand(
                [end(hold_id, **values)], function="try_post_transaction"
            )

        assert found == refusal
        assert books.holds(tenant, accounts.wallet, accounts.held) == [9_000, 1_000]

    def test_what_is_captured_does_not_stay_held(self, tenant, accounts):
        with binding.bind(tenant, writes="commerce"):
            ((hold_id, _),) = books.by_hand([hold(accounts)])
            spec = {"captured": 10, "resolution": "CAPTURED", "to_account_id": str(accounts.held)}

            ((_, _, found, _),) = books.by_hand(
                [end(hold_id, **spec)], function="try_post_transaction"
            )

        assert found == "hold_resolutions_elsewhere"

    def test_an_id_that_is_taken_gets_no_further_legs(self, tenant, accounts):
        first = books.row((accounts.wallet, -5), (accounts.other, 5))
        with binding.bind(tenant, writes="commerce"):
            books.by_hand([first])
            more = first | {"legs": [leg(accounts.wallet, -7), leg(accounts.other, 7)] * 3}

            again = books.by_hand([more], function="try_post_transaction")
            other = books.by_hand(
                [more | {"idempotency_key": "another"}], function="try_post_transaction"
            )

        assert again == [(again[0][0], True, None, None)]
        assert other[0][2] == "transactions_pkey"
        assert books.holds(tenant, accounts.wallet, accounts.other) == [9_995, 5]

    def test_a_balance_that_bigint_can_not_hold_is_refused(self, tenant, accounts, connect):
        superuser = connect(alias="commerce")
        superuser.execute(
            f"UPDATE {tenant.schema_name}.account_balances SET posted = %s "
            "WHERE tenant_id = %s AND id = ANY (%s)",
            [2**63 - 1, tenant.id, [accounts.other, accounts.shared]],
        )
        superuser.commit()

        for target in (accounts.other, accounts.shared):
            with (
                pytest.raises(ledger.BalanceTooLarge, match="Take from the account"),
                binding.bind(tenant, writes="commerce"),
            ):
                ledger.post(books.transfer(accounts.wallet, target, 1))


class TestPosting:
    """The same from Python, which tells the caller."""

    @pytest.mark.parametrize("amount", [0, -LARGE, LARGE, 2**64])
    def test_amounts_are_from_one_to_the_most(self, tenant, accounts, amount):
        posting = books.transfer(accounts.wallet, accounts.other, 1)
        large = ledger.Posting(
            cause=books.cause(),
            transaction_type=TransactionType.TRANSFER,
            amount=1,
            currency="USD",
            legs=[
                ledger.Leg(account_id=accounts.wallet, amount=-amount),
                ledger.Leg(account_id=accounts.other, amount=amount),
            ],
        )
        with binding.bind(tenant, writes="commerce"):
            for each in (books.transfer(accounts.wallet, accounts.other, amount), large):
                with pytest.raises(Invalid) as refused:
                    ledger.post(posting, each)
                assert "amount" in refused.value.fields
        assert count(tenant) == 1

    @pytest.mark.parametrize("key", ["x" * 256, "a\x00b"])
    def test_a_key_that_can_not_be_kept_is_refused(self, tenant, accounts, key):
        with binding.bind(tenant, writes="commerce"), pytest.raises(Invalid):
            ledger.post(books.transfer(accounts.wallet, accounts.other, 1, key=key))

    @pytest.mark.parametrize("currency", ["EUR", "usd", "DOLLARS", ""])
    def test_a_currency_that_is_not_the_account_s_is_refused(self, tenant, accounts, currency):
        with binding.bind(tenant, writes="commerce"), pytest.raises(Invalid):
            ledger.post(books.transfer(accounts.wallet, accounts.other, 1, currency=currency))

    def test_who_is_refused_may_go_on(self, tenant, accounts):
        with binding.bind(tenant, writes="commerce"):
            ledger.post(books.transfer(accounts.wallet, accounts.other, 5))
            with pytest.raises(ledger.InsufficientFunds):
                ledger.post(books.transfer(accounts.wallet, accounts.other, 10_000))
            ledger.post(books.transfer(accounts.wallet, accounts.other, 3))

        assert books.holds(tenant, accounts.wallet, accounts.other) == [9_992, 8]

    def test_a_relation_to_nothing_is_refused(self, tenant, accounts):
        posting = books.transfer(
            accounts.wallet,
            accounts.other,
            5,
            relations={uuid7(): RelationType.REFUND_OF},
        )
        with binding.bind(tenant, writes="commerce"), pytest.raises(Invalid, match="not there"):
            ledger.post(posting)

    def test_one_of_a_batch_refuses_all(self, tenant, accounts):
        with binding.bind(tenant, writes="commerce"), pytest.raises(ledger.InsufficientFunds):
            ledger.post(
                books.transfer(accounts.wallet, accounts.other, 5),
                books.transfer(accounts.wallet, accounts.other, 10_000),
            )
        assert books.holds(tenant, accounts.wallet, accounts.other) == [10_000, 0]

    def test_a_capture_without_somewhere_to_go_is_refused(self, tenant, accounts):
        spec = ledger.HoldSpec(
            account_id=accounts.wallet, held_account_id=accounts.held, expires_at=LATER
        )
        with binding.bind(tenant, writes="commerce"):
            held = ledger.post_one(_posting(TransactionType.HOLD, hold=spec))
            with pytest.raises(Invalid, match="goes to an account"):
                ledger.post_one(
                    _posting(
                        TransactionType.PURCHASE,
                        resolves=ledger.ResolutionSpec(
                            hold_id=held.id, captured=100, resolution=Resolution.CAPTURED
                        ),
                    )
                )

    def test_an_account_s_code_stands_for_one_account(self, tenant, accounts):
        with binding.bind(tenant, writes="commerce"), connections["commerce"].cursor() as cursor:
            with pytest.raises(IntegrityError, match="another account"):
                cursor.execute(
                    "SELECT * FROM open_ledger_accounts("
                    """'[{"code": "wallet", "kind": "LIABILITY", "currency": "USD", """
                    """"is_guarded": false, "rolls_up": false}]')"""
                )
            binding.require().rollback()


class TestReversal:
    def test_is_the_other_way_round_and_once(self, tenant, accounts):
        with binding.bind(tenant, writes="commerce"):
            done = ledger.post_one(books.transfer(accounts.wallet, accounts.other, 5))
            ledger.reverse_transaction(transaction_id=done.id, cause=books.cause("back"))
            again = ledger.reverse_transaction(transaction_id=done.id, cause=books.cause("back"))
            with pytest.raises(ledger.AlreadyReversed):
                ledger.reverse_transaction(transaction_id=done.id, cause=books.cause("twice"))

        assert again.is_replay
        assert books.holds(tenant, accounts.wallet, accounts.other) == [10_000, 0]
        books.assert_sound(tenant)

    def test_neither_holds_nor_their_ends_nor_reversals_are_reversed(self, tenant, accounts):
        with binding.bind(tenant, writes="commerce"):
            ((hold_id, _),) = books.by_hand([hold(accounts)])
            ((ended, _),) = books.by_hand([end(hold_id)])
            done = ledger.post_one(books.transfer(accounts.wallet, accounts.other, 5))
            back = ledger.reverse_transaction(transaction_id=done.id, cause=books.cause())
            for each in (hold_id, ended, back.id):
                with pytest.raises(ledger.Irreversible):
                    ledger.reverse_transaction(transaction_id=each, cause=books.cause())

    def test_what_was_refunded_is_not_reversed_nor_the_other_way_round(self, tenant, accounts):
        with binding.bind(tenant, writes="commerce"):
            done = [
                ledger.post_one(books.transfer(accounts.wallet, accounts.other, 5)).id
                for _ in range(2)
            ]
            refunds = [
                books.transfer(
                    accounts.other,
                    accounts.wallet,
                    2,
                    transaction_type=TransactionType.REFUND,
                    relations={each: RelationType.REFUND_OF},
                )
                for each in done
            ]
            ledger.post(refunds[0])
            with pytest.raises(ledger.Irreversible):
                ledger.reverse_transaction(transaction_id=done[0], cause=books.cause())
            ledger.reverse_transaction(transaction_id=done[1], cause=books.cause())
            with pytest.raises(ledger.Irreversible):
                ledger.post(refunds[1])

    @pytest.mark.parametrize("values", [{"amount": 4}, {"currency": "EUR"}])
    def test_says_what_it_reverses(self, tenant, accounts, values):
        with binding.bind(tenant, writes="commerce"):
            done = ledger.post_one(books.transfer(accounts.wallet, accounts.other, 5))
            reversal = books.row(
                transaction_type="REVERSAL",
                **{"reverses_id": str(done.id), "amount": 5, **values},
            )
            ((_, _, found, _),) = books.by_hand([reversal], function="try_post_transaction")
        assert found == "transactions_reversible"

    def test_can_not_be_of_what_comes_with_it(self, tenant, accounts):
        first = books.row((accounts.wallet, -5), (accounts.other, 5))
        reversal = books.row(transaction_type="REVERSAL", amount=5, reverses_id=first["id"])
        with binding.bind(tenant, writes="commerce"):
            ((_, _, found, _),) = books.by_hand([first, reversal], function="try_post_transaction")
        assert found == "transactions_reversible"


class TestRefusals:
    def test_every_one_with_a_name_has_a_sentence(self):
        from apps.commerce.operations.ledger import refusals

        for name in refusals.REFUSALS:
            problem = refusals.problem_of(name)
            assert isinstance(problem, Problem)
            assert problem.detail.endswith(".")
        assert "ledger does not take it" in refusals.problem_of("22P02", said="x").detail


def _posting(kind, **values):
    return ledger.Posting(
        cause=ledger.Cause(key=f"t:{uuid7()}", at=AT),
        transaction_type=kind,
        amount=100,
        currency="USD",
        **values,
    )
