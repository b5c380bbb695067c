"""What is taken back of payments that were for no purchase: top-ups of wallets, periods of subscriptions.

What was put into a wallet may be spent by then: it is the tenant's loss, and whether the wallet's owner is
asked for it is for the staff to say. Of a subscription, it is revenue that is lost.
"""

import logging
from datetime import datetime

from apps.commerce.models import (
    LedgerTransaction,
    Payment,
    PaymentPurpose,
    PaymentState,
    RelationType,
    TransactionType,
)
from apps.commerce.operations import ledger, subscriptions
from apps.commerce.operations.ledger import accounts
from apps.commerce.operations.ledger.accounts import Account
from apps.commerce.ports.payments import RefundOutcome

logger = logging.getLogger(__name__)


def follow_refund(*, payment: Payment, refund: RefundOutcome, at: datetime) -> None:
    """Book what the provider has given back without being asked from here, or could not after all.

    Once more changes nothing.
    """
    if refund.state == PaymentState.SUCCEEDED:
        _book_refund(payment, refund, at=at)
    elif refund.state in {PaymentState.FAILED, PaymentState.CANCELLED}:
        _book_failed_refund(payment, refund, at=at)


def _book_refund(payment: Payment, refund: RefundOutcome, *, at: datetime) -> None:
    if _is_reversed(payment):
        # The staff has taken it out of the wallet, and gives it back there: that is in the books.
        return
    _move(
        payment,
        step=_refund(refund),
        amount=refund.amount,
        legs=(_clearing(payment), _loss(payment)),
        relation=RelationType.REFUND_OF,
        at=at,
    )
    if refund.amount == payment.amount:
        subscriptions.payment_taken_back(payment=payment, taken_back_at=at, is_chargeback=False)


def _book_failed_refund(payment: Payment, refund: RefundOutcome, *, at: datetime) -> None:
    _reverse(payment, _refund(refund), at=at)


def _reverse(payment: Payment, step: str, *, at: datetime) -> None:
    booked = LedgerTransaction.objects.filter(idempotency_key=_key(payment, step)).first()
    if booked is not None:
        cause = ledger.Cause(key=_key(payment, f"{step}:failed"), at=at)
        ledger.reverse_transaction(transaction_id=booked.id, cause=cause)


def book_surplus(*, payment: Payment, refund: RefundOutcome, amount: int, at: datetime) -> None:
    """Book what the provider has given back of a purchase though no more of it was to be: it is lost."""
    logger.warning("%s of the payment %s was given back for nothing", amount, payment.id)
    # To no transaction: of what was paid, all was given back before.
    _move(
        payment,
        step=_surplus(refund),
        amount=amount,
        legs=(_clearing(payment), accounts.chargebacks(payment.currency)),
        relation=None,
        at=at,
    )


def is_surplus_booked(*, payment: Payment, refund: RefundOutcome) -> bool:
    """Return whether something of a refund was booked as given back for nothing."""
    key = _key(payment, _surplus(refund))
    return LedgerTransaction.objects.filter(idempotency_key=key).exists()


def take_back_surplus(*, payment: Payment, refund: RefundOutcome, at: datetime) -> None:
    """Book that a bank has refused it in the end, so that nothing is lost. Once more changes nothing."""
    _reverse(payment, _surplus(refund), at=at)


def open_dispute(*, payment: Payment, amount: int, at: datetime) -> None:
    """Book what a bank has taken until it is decided.

    What the staff has reversed is gone from what the provider has, by the books: whether it is given back
    there, or the bank takes it.
    """
    if _is_reversed(payment):
        return
    _move(
        payment,
        step=_dispute(payment, "opened"),
        amount=amount,
        legs=(_clearing(payment), _disputed(payment)),
        relation=RelationType.DISPUTES,
        at=at,
    )


def close_dispute(*, payment: Payment, is_won: bool, at: datetime) -> None:
    """Book that it comes back, or is lost, if that it was taken is booked."""
    key = _key(payment, _dispute(payment, "opened"))
    opened = LedgerTransaction.objects.filter(idempotency_key=key).first()
    if opened is not None:
        _move(
            payment,
            step=_dispute(payment, "closed"),
            amount=opened.amount,
            legs=(_disputed(payment), _clearing(payment) if is_won else _loss(payment)),
            relation=RelationType.DISPUTES,
            at=at,
        )
    if not is_won:
        subscriptions.payment_taken_back(payment=payment, taken_back_at=at, is_chargeback=True)


def _move(
    payment: Payment,
    *,
    step: str,
    amount: int,
    legs: tuple[Account, Account],
    relation: RelationType | None,
    at: datetime,
) -> None:
    """Move an amount: the first account has less of the tenant's from then on, the second more."""
    source, target = legs
    opened = accounts.open_accounts(legs)
    is_dispute = relation == RelationType.DISPUTES
    ledger.post_one(
        ledger.Posting(
            cause=ledger.Cause(key=_key(payment, step), at=at),
            transaction_type=TransactionType.DISPUTE if is_dispute else TransactionType.REFUND,
            amount=amount,
            currency=payment.currency,
            # What a provider has, and what is lost, are debits.
            legs=[
                ledger.Leg(account_id=opened[source.code], amount=amount),
                ledger.Leg(account_id=opened[target.code], amount=-amount),
            ],
            relations={payment.transaction_id: relation}
            if payment.transaction_id and relation
            else {},
            user_id=payment.user_id,
            meta_data={"payment_id": str(payment.id)},
        )
    )


def _is_reversed(payment: Payment) -> bool:
    if payment.transaction_id is None:
        return False
    return LedgerTransaction.objects.filter(reverses_id=payment.transaction_id).exists()


def _key(payment: Payment, step: str) -> str:
    return f"payment:{payment.id}:{step}"


def _refund(refund: RefundOutcome) -> str:
    return f"refund:{refund.provider_refund_id}"


def _surplus(refund: RefundOutcome) -> str:
    return f"surplus:{refund.provider_refund_id}"


def _dispute(payment: Payment, what: str) -> str:
    return f"dispute:{payment.provider_dispute_id}:{what}"


def _clearing(payment: Payment) -> Account:
    return accounts.clearing(payment.provider, payment.currency)


def _disputed(payment: Payment) -> Account:
    return accounts.disputed(payment.provider, payment.currency)


def _loss(payment: Payment) -> Account:
    # What a subscription had no use for went into a wallet, as a top-up does.
    is_revenue = (
        payment.purpose == PaymentPurpose.SUBSCRIPTION
        and LedgerTransaction.objects.filter(
            id__in=[payment.transaction_id], transaction_type=TransactionType.PURCHASE
        ).exists()
    )
    return (accounts.revenue if is_revenue else accounts.chargebacks)(payment.currency)
