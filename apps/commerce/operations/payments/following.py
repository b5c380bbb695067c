"""What follows a payment: refunds that the provider tells of, and disputes of the buyer's bank."""

import logging
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from apps.commerce.models import (
    DisputeState,
    Payment,
    PaymentPurpose,
    PaymentState,
    ProviderRefund,
)
from apps.commerce.operations import purchases
from apps.commerce.operations.payments import due, losses, refunding, unpaid
from apps.commerce.ports.payments import DisputeOutcome, RefundOutcome
from apps.kernel.errors import Conflict

logger = logging.getLogger(__name__)

DECIDED = (DisputeState.WON, DisputeState.LOST)


def follow_payment(
    *,
    payment: Payment,
    refunds: Sequence[RefundOutcome],
    disputes: Sequence[DisputeOutcome],
    at: datetime,
) -> Conflict | None:
    """Book all that has become of a locked payment since. Once more changes nothing.

    What a bank disputes can't be refunded before that is decided: what was refused for that reason is
    tried again when the disputes are booked.

    :return: why a refund can't be booked, such as that less is left than it is of; all the rest is.
    """
    if payment.state != PaymentState.SUCCEEDED:
        return None
    waiting = [refund for refund in refunds if _refused(payment, refund, at=at)]
    for dispute in disputes:
        follow_dispute(payment=payment, dispute=dispute, at=at)
    refused = [_refused(payment, refund, at=at) for refund in waiting]
    return next((each for each in refused if each is not None), None)


def follow_dispute(*, payment: Payment, dispute: DisputeOutcome, at: datetime) -> None:
    """Book that a locked payment is disputed, and how that was decided. Only its first dispute counts."""
    if dispute.state == DisputeState.NONE:
        return
    if payment.provider_dispute_id not in {"", dispute.provider_dispute_id}:
        logger.warning("the payment %s has another dispute: look at the provider", payment.id)
        return
    payment.provider_dispute_id = dispute.provider_dispute_id
    if payment.dispute_state == DisputeState.NONE:
        _open(payment, dispute.amount, at=at)
        payment.dispute_state = DisputeState.OPEN
    if payment.dispute_state == DisputeState.OPEN and dispute.state in DECIDED:
        _close(payment, is_won=dispute.state == DisputeState.WON, at=at)
        payment.dispute_state = dispute.state
    payment.updated_at = due.now()
    payment.save(update_fields=["provider_dispute_id", "dispute_state", "updated_at"])


def _refused(payment: Payment, said: RefundOutcome, *, at: datetime) -> Conflict | None:
    """Book a refund, or return why it can't be; nothing of it is left then."""
    try:
        with transaction.atomic(using="commerce"):
            _follow_refund(payment, said, at=at)
    except Conflict as refused:
        return refused
    return None


def _follow_refund(payment: Payment, said: RefundOutcome, *, at: datetime) -> None:
    ours = _ours(payment, said)
    for each in ours:
        refunding.settle_refund(refund_id=each.id, outcome=said, at=at)
    if payment.purpose != PaymentPurpose.PURCHASE:
        losses.follow_refund(payment=payment, refund=said, at=at)
    elif said.state in {PaymentState.FAILED, PaymentState.CANCELLED}:
        unpaid.take_back(payment=payment, outcome=said, at=at)
        losses.take_back_surplus(payment=payment, refund=said, at=at)
    elif said.state == PaymentState.SUCCEEDED and not (ours or _is_booked(payment, said)):
        _book_unasked(payment, said, at=at)


def _is_booked(payment: Payment, said: RefundOutcome) -> bool:
    return unpaid.is_paid_off_by(payment=payment, outcome=said) or losses.is_surplus_booked(
        payment=payment, refund=said
    )


def _book_unasked(payment: Payment, said: RefundOutcome, *, at: datetime) -> None:
    """Book a refund that was made at the provider: what was really given back is in the books then.

    It pays off what is owed of refunds that had failed. The rest is a refund of the purchase; and what is
    more than is left of that, the tenant's loss.

    :raises RefundTooHigh: more than is left, while the provider has not said how another refund ends.
    :raises WrongState: a bank is about to decide.
    """
    assert payment.purchase_id is not None
    rest = unpaid.pay_off_failed(payment=payment, outcome=said, at=at)
    left = purchases.left_to_refund(purchase_id=payment.purchase_id)
    is_settled = not ProviderRefund.objects.filter(
        payment_id=payment.id, state__in=refunding.UNSETTLED
    ).exists()
    surplus = max(rest - left, 0) if is_settled else 0
    if rest > surplus:
        refund = purchases.refund_purchase(
            purchase_id=payment.purchase_id,
            amount=rest - surplus,
            reason=said.reason,
            refunded_at=at,
            created_by_id=None,
            is_forced=True,
            is_given_back=True,
        )
        # Queued by that, and done before.
        queued = ProviderRefund.objects.get(refund_id=refund.id)
        refunding.settle_refund(refund_id=queued.id, outcome=said, at=at)
    if surplus:
        losses.book_surplus(payment=payment, refund=said, amount=surplus, at=at)


def _ours(payment: Payment, said: RefundOutcome) -> list[ProviderRefund]:
    """Return the refunds that a provider speaks of: the one it was asked for, or all that are of one made there."""
    return [
        found
        for found in ProviderRefund.objects.filter(payment_id=payment.id).order_by("id")
        if str(found.id) == said.refund_id or found.provider_refund_id == said.provider_refund_id
    ]


def _open(payment: Payment, amount: int, *, at: datetime) -> None:
    if payment.purpose == PaymentPurpose.PURCHASE:
        assert payment.purchase_id is not None
        purchases.open_dispute(
            purchase_id=payment.purchase_id, payment=payment, amount=amount, opened_at=at
        )
    else:
        losses.open_dispute(payment=payment, amount=amount, at=at)


def _close(payment: Payment, *, is_won: bool, at: datetime) -> None:
    if payment.purpose == PaymentPurpose.PURCHASE:
        assert payment.purchase_id is not None
        purchases.close_dispute(
            purchase_id=payment.purchase_id, payment=payment, is_won=is_won, closed_at=at
        )
    else:
        losses.close_dispute(payment=payment, is_won=is_won, at=at)
