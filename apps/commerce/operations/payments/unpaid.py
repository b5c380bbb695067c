"""Refunds that a provider has refused: owed to their buyers, until they are given back in another way.

What the provider still has is booked back to the tenant, who owes it to the buyer: see
docs/decisions/0025-payments.md.
"""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.commerce.models import (
    LedgerTransaction,
    Payment,
    PaymentState,
    ProviderRefund,
    TransactionType,
)
from apps.commerce.operations import ledger, wallets
from apps.commerce.operations.ledger import accounts as books
from apps.commerce.operations.payments import due
from apps.commerce.ports import payments as ports
from apps.kernel.errors import Conflict, NotFound

S = PaymentState
# The step of the books that pays a refused refund into its buyer's wallet.
WALLET = "wallet"


class RefundNotFailed(Conflict):
    """What the provider gives back, or still may, is not given back otherwise."""

    slug = "refund-not-failed"
    title = "The provider has not refused this refund."


def locked(refund_id: UUID) -> ProviderRefund:
    found = ProviderRefund.objects.select_for_update(of=("self",)).filter(id=refund_id)
    refund: ProviderRefund | None = found.select_related("payment", "refund").first()
    if refund is None:
        raise NotFound
    return refund


def pay_off_failed(*, payment: Payment, outcome: ports.RefundOutcome, at: datetime) -> int:
    """Have what a provider has given back by itself be of refunds that it had refused; return what is left of it.

    What is owed is paid off first: of one of the same amount, then of the oldest. What was paid into the
    wallet is owed no more.
    """
    failed = ProviderRefund.objects.filter(payment_id=payment.id, state=S.FAILED).order_by("id")
    found = [locked(id_) for id_ in failed.values_list("id", flat=True)]
    left = outcome.amount
    for refund in sorted(found, key=lambda each: _owed(each) != outcome.amount):
        owed = _owed(refund)
        if part := min(owed, left):
            _pay_off(refund, outcome, amount=part, is_last=part == owed, at=at)
            left -= part
    return left


def is_paid_off_by(*, payment: Payment, outcome: ports.RefundOutcome) -> bool:
    """Return whether refunds that had failed were paid off by this one, all of it or a part."""
    return bool(_paid_off_by(payment, outcome))


def take_back(*, payment: Payment, outcome: ports.RefundOutcome, at: datetime) -> None:
    """Book that what had paid off failed refunds was refused in the end: it is owed again.

    Once more changes nothing.
    """
    for refund in _paid_off_by(payment, outcome):
        if _step(refund, f"unpaid:{outcome.provider_refund_id}") is None:
            book_unpaid(refund, said_of=outcome.provider_refund_id, at=at)
            refund.state, refund.failure = S.FAILED, outcome.failure
            refund.updated_at = due.now()
            refund.save(update_fields=["state", "failure", "updated_at"])


def pay_into_wallet(*, refund_id: UUID, paid_at: datetime, created_by_id: UUID) -> ProviderRefund:
    """Give what is owed of a refund that a provider has refused to the buyer's wallet. Once more changes nothing.

    :raises NotFound: there is no such refund.
    :raises RefundNotFailed: the provider has given it back, or still may.
    """
    refund = locked(refund_id)
    if refund.state != S.FAILED:
        raise RefundNotFailed(f"It is {refund.state} at the provider.")
    owed = _owed(refund)
    if not owed:
        return refund
    payment = refund.payment
    wallet = wallets.open_wallet(
        user_id=payment.user_id, currency=payment.currency, opened_at=paid_at
    )
    posting = _posting(
        refund,
        step=_wallet_step(refund),
        source_id=books.open_account(books.unpaid_refunds(payment.currency)),
        target_id=wallet.account_id,
        amount=owed,
        cause_at=paid_at,
        created_by_id=created_by_id,
    )
    wallets.post_and_tell(posting, {wallet: owed})
    return refund


def _pay_off(
    refund: ProviderRefund,
    outcome: ports.RefundOutcome,
    *,
    amount: int,
    is_last: bool,
    at: datetime,
) -> None:
    clearing, unpaid = _accounts(refund.payment)
    posting = _posting(
        refund,
        step=f"paid:{outcome.provider_refund_id}",
        source_id=unpaid,
        target_id=clearing,
        amount=amount,
        cause_at=at,
    )
    ledger.post_one(posting)
    if is_last:
        refund.state, refund.failure = S.SUCCEEDED, ""
        refund.provider_refund_id, refund.updated_at = outcome.provider_refund_id, due.now()
        refund.save(update_fields=["state", "failure", "provider_refund_id", "updated_at"])


def _paid_off_by(payment: Payment, outcome: ports.RefundOutcome) -> list[ProviderRefund]:
    ids = ProviderRefund.objects.filter(payment_id=payment.id).order_by("id")
    found = [locked(id_) for id_ in ids.values_list("id", flat=True)]
    return [each for each in found if _step(each, f"paid:{outcome.provider_refund_id}")]


def book_unpaid(refund: ProviderRefund, *, said_of: str, at: datetime) -> None:
    """Book that it is owed, or what of it that attempt had paid. Each attempt at the provider fails once."""
    clearing, unpaid = _accounts(refund.payment)
    paid = _step(refund, f"paid:{said_of}")
    ledger.post_one(
        _posting(
            refund,
            step=f"unpaid:{said_of}",
            source_id=clearing,
            target_id=unpaid,
            amount=paid.amount if paid else refund.refund.amount,
            cause_at=at,
        )
    )


def _owed(refund: ProviderRefund) -> int:
    """Return what of a refund is owed to its buyer, as the books say."""
    owed = 0
    for key, amount in _steps(refund).values_list("idempotency_key", "amount"):
        is_owed = key.startswith(_key(refund, "unpaid:"))
        owed += amount if is_owed else -amount
    return owed


def _wallet_step(refund: ProviderRefund) -> str:
    # Of one that was paid off in parts, what is owed again after that is paid once more.
    before = _steps(refund).filter(idempotency_key__startswith=_key(refund, WALLET)).count()
    return f"{WALLET}:{before + 1}" if before else WALLET


def _steps(refund: ProviderRefund) -> QuerySet[LedgerTransaction]:
    """Return what the books have of a refund after it was made."""
    # By the user, as the ledger has an index for that.
    return LedgerTransaction.objects.filter(
        user_id=refund.payment.user_id,
        purchase_id=refund.refund.purchase_id,
        idempotency_key__startswith=_key(refund, ""),
    )


def _step(refund: ProviderRefund, step: str) -> LedgerTransaction | None:
    return LedgerTransaction.objects.filter(idempotency_key=_key(refund, step)).first()


def _accounts(payment: Payment) -> tuple[UUID, UUID]:
    """Return the accounts of what the provider has, and of what is owed."""
    clearing = books.clearing(payment.provider, payment.currency)
    unpaid = books.unpaid_refunds(payment.currency)
    opened = books.open_accounts([clearing, unpaid])
    return opened[clearing.code], opened[unpaid.code]


def _key(refund: ProviderRefund, step: str) -> str:
    return f"provider-refund:{refund.id}:{step}"


def _posting(
    refund: ProviderRefund,
    *,
    step: str,
    source_id: UUID,
    target_id: UUID,
    amount: int,
    cause_at: datetime,
    created_by_id: UUID | None = None,
) -> ledger.Posting:
    return ledger.Posting(
        cause=ledger.Cause(
            key=_key(refund, step),
            at=cause_at,
            created_by_id=created_by_id,
            purchase_id=refund.refund.purchase_id,
        ),
        transaction_type=TransactionType.REFUND,
        amount=amount,
        currency=refund.payment.currency,
        legs=[
            ledger.Leg(account_id=source_id, amount=-amount),
            ledger.Leg(account_id=target_id, amount=amount),
        ],
        user_id=refund.payment.user_id,
        meta_data={"provider_refund_id": str(refund.id)},
    )
