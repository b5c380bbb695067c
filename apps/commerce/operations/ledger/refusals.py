"""What the ledger refuses, and why."""

from apps.kernel.errors import Conflict, Invalid, Problem


class InsufficientFunds(Conflict):
    """There is less in the account than is to be taken from it."""

    slug = "insufficient-funds"
    title = "There is not enough money in it."


class LedgerKeyReused(Problem):
    """The key of a ledger transaction stands for another one, for ever."""

    status = 422
    slug = "ledger-key-reused"
    title = "This key was used for another transaction."


class AlreadyReversed(Conflict):
    """A transaction is reversed once."""

    slug = "already-reversed"
    title = "The transaction was reversed before."


class AlreadyResolved(Conflict):
    """A hold is captured, released or expires: one of these, once."""

    slug = "hold-resolved"
    title = "The hold has ended before."


class UnbalancedTransaction(Invalid):
    """What the legs of a transaction add up to is not nothing."""


class Irreversible(Conflict):
    """A transaction can't be reversed: it is a hold, ends one, is a reversal, or was refunded."""

    slug = "irreversible"
    title = "The transaction can't be reversed."


class BalanceTooLarge(Conflict):
    """A balance would be more than the ledger can count, which is 2^63 minor units."""

    slug = "balance-too-large"
    title = "The balance would be too large."


INSUFFICIENT = (
    "There is less in the account than this takes. Put money into it first, or take less."
)
IRREVERSIBLE = "Holds are released, what they paid for is refunded, and what was refunded, or reverses another, stays."
# What is refused, by the name of the constraint or the code of PostgreSQL's error.
REFUSALS: dict[str, tuple[type[Problem], str]] = {
    "account_balances_overdraft": (InsufficientFunds, INSUFFICIENT),
    "transactions_same_request": (
        LedgerKeyReused,
        "A key is for one transaction, for ever. Use a new key for a new one.",
    ),
    "hold_resolutions_pkey": (AlreadyResolved, "It was captured or released, or has expired."),
    "hold_resolutions_of_hold": (Invalid, "There is no such hold."),
    "hold_resolutions_sum": (Invalid, "What is captured is not from nothing to what is held."),
    "hold_resolutions_captured": (
        Invalid,
        "A hold is captured with an amount, and released or expired without one.",
    ),
    "hold_resolutions_elsewhere": (Invalid, "What is captured does not stay where it is held."),
    "holds_from_account": (
        Invalid,
        "The account to hold from is not there, or of another currency.",
    ),
    "holds_to_account": (Invalid, "The account to hold in is not there, or of another currency."),
    "holds_elsewhere": (Invalid, "What is held is in another account than what is free."),
    "holds_expiry": (Invalid, "A hold expires between the years 1900 and 3000."),
    "transactions_reversed_once": (AlreadyReversed, "Look at what reversed it."),
    "transactions_reversible": (Irreversible, IRREVERSIBLE),
    "transactions_balanced": (
        UnbalancedTransaction,
        "The legs must add up to nothing in each currency, and move the amount that it is about.",
    ),
    "transactions_form": (
        Invalid,
        "A transaction has legs, or is a hold, the end of one, or a reversal: one of these.",
    ),
    "transactions_amount": (Invalid, "The amount is not from 1 to 10^12."),
    "transactions_effective": (Invalid, "It counts between the years 1900 and 3000."),
    "transactions_type": (Invalid, "There is no such type of transaction."),
    "transaction_relations_to": (Invalid, "It relates to a transaction that is not there."),
    "transaction_relations_type": (Invalid, "There is no such relation between transactions."),
    "transaction_relations_once": (Invalid, "It relates to the same transaction twice."),
    "transaction_relations_of_another": (Invalid, "A transaction has no relation to itself."),
    "ledger_entries_form": (
        Invalid,
        "A leg names an account and an amount; and what is captured goes to an account.",
    ),
    "ledger_entries_amount": (Invalid, "The amount of a leg is not from 1 to 10^12, either way."),
    "ledger_entries_of_account": (
        Invalid,
        "A leg names an account that is not there, or is of another currency.",
    ),
    "ledger_accounts_same": (Conflict, "This code stands for another account, for ever."),
    # numeric_value_out_of_range
    "22003": (BalanceTooLarge, "Take from the account before more is put into it."),
}


def problem_of(refusal: str, *, said: str = "") -> Problem:
    """Return the problem to raise.

    :param refusal: the constraint that did not hold, or an SQLSTATE where there is none.
    :param said: what PostgreSQL said, for what has no sentence of its own.
    """
    kind, detail = REFUSALS.get(refusal, (Invalid, f"The ledger does not take it: {said}."))
    return kind(detail)
