"""Refunds: some or all of what was paid is given back, and with the last of it the purchase is undone."""

from datetime import datetime
from uuid import UUID

from apps.commerce.contracts import PurchaseRefunded
from apps.commerce.models import (
    Payment,
    PaymentState,
    Provider,
    Purchase,
    PurchaseLine,
    PurchaseState,
    Refund,
    RefundReason,
)
from apps.commerce.operations import entitlements, stock
from apps.commerce.operations.payments import refunding
from apps.commerce.operations.purchases import moving_money, states
from apps.commerce.ports import payments as ports
from apps.kernel import messages
from apps.kernel.errors import Conflict, Invalid


class RefundTooHigh(Conflict):
    """More would be given back than was paid."""

    slug = "refund-too-high"
    title = "Less than that is left to refund."


class NotRefundable(Conflict):
    """Something in the purchase was sold as not refundable."""

    slug = "not-refundable"
    title = "Something in it is not refundable."


def refund_purchase(
    *,
    purchase_id: UUID,
    amount: int | None,
    reason: RefundReason | str,
    refunded_at: datetime,
    created_by_id: UUID | None,
    is_forced: bool = False,
    is_given_back: bool = False,
) -> Refund:
    """Give back some of what was paid for a completed purchase; with the last of it, it is REFUNDED.

    :param amount: in minor units; all that is left if None.
    :param is_forced: also of what was sold as not refundable.
    :param is_given_back: the provider has done it already.
    :raises WrongState: it is not completed: nothing was paid, nothing is left, or a bank decides.
    :raises RefundTooHigh: less is left; `extra` says how much.
    :raises NotRefundable: an item is not refundable.
    :raises Invalid: the amount is not positive, or finer than the provider gives back; or there is no such
        reason.
    """
    if reason not in RefundReason.values:
        raise Invalid(fields={"reason": [f"{reason} is none of {', '.join(RefundReason.values)}."]})
    purchase = states.hold(purchase_id)
    if purchase.state != PurchaseState.COMPLETED or not purchase.captured:
        raise states.WrongState(
            f"It is {purchase.state}, and {purchase.captured} was paid for it: "
            "only a completed purchase that was paid for is refunded."
        )
    left = purchase.captured - purchase.refunded
    wanted = left if amount is None else amount
    if wanted <= 0:
        raise Invalid(fields={"amount": [f"{wanted} is not positive."]})
    if wanted > left:
        raise RefundTooHigh(
            f"{wanted} is more than the {left} that is left of {purchase.captured}.",
            extra={"left": left, "currency": purchase.currency},
        )
    if not is_given_back:
        ports.check_refund(provider=purchase.provider, amount=wanted, currency=purchase.currency)
    if not is_forced:
        _check_refundable(purchase)
    return give_back(
        purchase, amount=wanted, reason=reason, at=refunded_at, created_by_id=created_by_id
    )


def left_to_refund(*, purchase_id: UUID) -> int:
    """Return what of a purchase can still be given back, or could be once a dispute is won."""
    purchase = states.hold(purchase_id)
    if purchase.state not in {PurchaseState.COMPLETED, PurchaseState.DISPUTED}:
        return 0
    return purchase.captured - purchase.refunded


def give_back(
    purchase: Purchase,
    *,
    amount: int,
    reason: RefundReason | str,
    at: datetime,
    created_by_id: UUID | None = None,
    payment: Payment | None = None,
) -> Refund:
    """Refund an amount of a held purchase, of which as much is left; undo it if that is the last.

    :param payment: what it was paid by, where a provider took it; looked up if left out.
    """
    is_last = purchase.refunded + amount == purchase.captured
    # What was obtained by fraud does not come back, and a late payment brought nothing.
    if is_last and reason not in {RefundReason.FRAUD, RefundReason.LATE_PAYMENT}:
        # Before the wallet, as who buys locks it: else two would wait for each other.
        stock.give_back(purchase_id=purchase.id, given_back_at=at)
    seq = Refund.objects.filter(purchase_id=purchase.id).count() + 1
    transaction_id = moving_money.give_back(
        purchase, seq=seq, amount=amount, at=at, created_by_id=created_by_id
    )
    refund = Refund.objects.create(
        purchase=purchase,
        seq=seq,
        amount=amount,
        cumulative=purchase.refunded + amount,
        captured=purchase.captured,
        reason=reason,
        transaction_id=transaction_id,
        created_by_id=created_by_id,
        created_on=at,
    )
    if purchase.provider != Provider.WALLET:
        refunding.queue_refund(
            refund=refund, payment=payment or _payment_of(purchase), queued_at=at
        )
    purchase.refunded += amount
    purchase.updated_at = at
    purchase.save(update_fields=["refunded", "updated_at"])
    if is_last:
        take_back(purchase, at=at, refund=refund)
    else:
        _tell(purchase, refund=refund)
    return refund


def take_back(purchase: Purchase, *, at: datetime, refund: Refund | None = None) -> None:
    """Undo a held purchase of which nothing paid is left. Its stock is for the caller to give back."""
    states.move(purchase, to=PurchaseState.REFUNDED, at=at)
    entitlements.revoke_for_purchase(purchase_id=purchase.id, revoked_at=at)
    _tell(purchase, refund=refund)


def _check_refundable(purchase: Purchase) -> None:
    kept = PurchaseLine.objects.filter(purchase_id=purchase.id, item__is_refundable=False)
    ids = sorted(str(id_) for id_ in kept.values_list("item_id", flat=True).distinct())
    if ids:
        raise NotRefundable(
            f"{', '.join(ids)} was sold as not refundable. To refund it all the same, say force.",
            extra={"items": [{"item_id": id_} for id_ in ids]},
        )


def _payment_of(purchase: Purchase) -> Payment:
    payment: Payment = Payment.objects.get(purchase_id=purchase.id, state=PaymentState.SUCCEEDED)
    return payment


def _tell(purchase: Purchase, *, refund: Refund | None) -> None:
    messages.record(
        PurchaseRefunded(
            purchase_id=purchase.id,
            refund_id=refund.id if refund else None,
            user_id=purchase.buyer_id,
            amount=refund.amount if refund else 0,
            refunded=purchase.refunded,
            currency=purchase.currency,
            is_full=purchase.state == PurchaseState.REFUNDED,
        )
    )
