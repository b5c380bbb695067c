"""Reversals: what was posted by mistake is posted the other way round, once."""

from uuid import UUID

from apps.commerce.models import LedgerTransaction, TransactionType
from apps.commerce.operations.ledger.posting import Cause, Posted, Posting, post_one
from apps.kernel.errors import NotFound


def reverse_transaction(*, transaction_id: UUID, cause: Cause) -> Posted:
    """Post a transaction the other way round.

    :raises NotFound: there is no such transaction.
    :raises Irreversible: it is a hold, the end of one, a reversal itself, or was refunded.
    :raises AlreadyReversed: it was reversed before.
    :raises InsufficientFunds: what it brought is no longer there.
    """
    original = LedgerTransaction.objects.filter(id=transaction_id).first()
    if original is None:
        raise NotFound
    posting = Posting(
        cause=cause,
        transaction_type=TransactionType.REVERSAL,
        amount=original.amount,
        currency=original.currency,
        reverses_id=original.id,
        user_id=original.user_id,
        is_debit=not original.is_debit,
    )
    return post_one(posting)
