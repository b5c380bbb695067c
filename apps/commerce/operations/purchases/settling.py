"""Settling: a purchase is paid for, fails, is cancelled or expires. Whoever holds its row first, wins."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from apps.commerce.models import (
    Payment,
    Provider,
    Purchase,
    PurchaseState,
    RefundReason,
    Resolution,
)
from apps.commerce.operations import discounts, entitlements, stock
from apps.commerce.operations.payments import giving_up
from apps.commerce.operations.purchases import moving_money, refunds, setting_aside, states
from apps.commerce.queries import clock
from apps.kernel.errors import Conflict, Invalid
from apps.tenancy import binding
from apps.users import interface as users

PAID = frozenset(
    {
        PurchaseState.COMPLETED,
        PurchaseState.REFUNDED,
        PurchaseState.DISPUTED,
        PurchaseState.CHARGED_BACK,
    }
)
# Why something that was let go of can't be had again.
GONE = (
    stock.Restricted,
    stock.LimitReached,
    stock.SoldOut,
    discounts.CodeRefused,
    setting_aside.NotForSale,
)


class HoldExpired(Conflict):
    """What was held for the purchase is not held any more."""

    slug = "hold-expired"
    title = "The time to capture it is over."


class NotHeld(Conflict):
    """The purchase is not one that holds money of a wallet."""

    slug = "nothing-held"
    title = "No money is held for it."


class PaidTwice(Conflict):
    """A second payment succeeded for what was paid for."""

    slug = "paid-twice"
    title = "The purchase was paid for by another payment."


def complete_purchase(
    *, purchase_id: UUID, payment: Payment | None, completed_at: datetime
) -> Purchase:
    """Complete a purchase that its payment has succeeded for. Once more changes nothing.

    A payment that comes late, after the purchase has ended, completes it if what it is of can be set
    aside again. Else it is booked, and refunded in full; and so it is if its buyer is not there any more.

    :param payment: None where nothing is to be paid, or money of a wallet is held.
    :raises PaidTwice: another payment has paid for it.
    :raises WrongState: it is a cart.
    """
    purchase = states.hold(purchase_id)
    if purchase.state in PAID:
        if payment and purchase.transaction_id != payment.transaction_id:
            raise PaidTwice(f"Give the payment {payment.id} back: {purchase.id} is paid for.")
        return purchase
    if purchase.state == PurchaseState.PENDING and _has_buyer(purchase):
        return finish(purchase, payment=payment, at=completed_at)
    if purchase.state == PurchaseState.PENDING:
        _fail(purchase, at=completed_at)
    if payment is None or purchase.state not in states.ENDED:
        raise states.WrongState(f"It is {purchase.state}: there is no payment to complete it.")
    return _complete_late(purchase, payment=payment, at=completed_at)


def finish(
    purchase: Purchase,
    *,
    payment: Payment | None,
    at: datetime,
    amount: int | None = None,
    created_by_id: UUID | None = None,
) -> Purchase:
    """Complete a held purchase, for which everything is set aside.

    :param amount: what is taken of a hold; all of it if left out.
    """
    stock.sell_reserved(purchase_id=purchase.id, sold_at=at)
    captured, transaction_id = 0, None
    if payment is not None:
        captured = payment.amount
        transaction_id = moving_money.take_payment(purchase, payment, at=at)
    elif purchase.hold_id:
        captured = purchase.total if amount is None else amount
        transaction_id = moving_money.take_held(
            purchase, amount=captured, at=at, created_by_id=created_by_id
        )
    states.move(
        purchase,
        to=PurchaseState.COMPLETED,
        at=at,
        captured=captured,
        transaction_id=transaction_id,
        completed_at=at,
    )
    entitlements.grant_for_purchase(purchase=purchase, granted_at=at)
    return purchase


def _has_buyer(purchase: Purchase) -> bool:
    """Return whether the buyer is still there: nobody else can be given what was bought."""
    return bool(users.existing_profile_ids(ids=[purchase.buyer_id]))


def _complete_late(purchase: Purchase, *, payment: Payment, at: datetime) -> Purchase:
    if not _has_buyer(purchase):
        return _refund_late(purchase, payment=payment, at=at)
    try:
        # Of several items the first may be had again, and the second not: then none is.
        with transaction.atomic(using="commerce"):
            lines = setting_aside.lines_of(purchase.id)
            setting_aside.check_lines(lines, currency=purchase.currency)
            setting_aside.set_aside(purchase, lines, at=at, expires_at=at)
    except GONE:
        return _refund_late(purchase, payment=payment, at=at)
    return finish(purchase, payment=payment, at=at)


def _refund_late(purchase: Purchase, *, payment: Payment, at: datetime) -> Purchase:
    purchase.captured = payment.amount
    purchase.transaction_id = moving_money.take_payment(purchase, payment, at=at)
    purchase.save(update_fields=["captured", "transaction_id"])
    refunds.give_back(
        purchase,
        amount=payment.amount,
        reason=RefundReason.LATE_PAYMENT,
        at=at,
        payment=payment,
    )
    return purchase


def capture_purchase(
    *,
    purchase_id: UUID,
    amount: int | None,
    captured_at: datetime,
    created_by_id: UUID | None = None,
) -> Purchase:
    """Take what a wallet holds for a purchase, or a part of it: the rest goes back. It is paid for then.

    :param amount: in minor units; all that is held if None.
    :raises NotHeld: nothing of a wallet is held for it.
    :raises HoldExpired: it was to be captured before.
    :raises WrongState: it is paid for, or was cancelled.
    :raises Invalid: the amount is not from 1 to what is held.
    """
    purchase = states.hold(purchase_id)
    if purchase.provider != Provider.WALLET or purchase.hold_id is None:
        raise NotHeld("Only what was checked out with a wallet, to be captured later, is captured.")
    if purchase.state == PurchaseState.EXPIRED or (
        purchase.state == PurchaseState.PENDING
        and purchase.expires_at is not None
        and purchase.expires_at <= captured_at
    ):
        raise HoldExpired(
            f"It was held until {purchase.expires_at}. The buyer has to check out again."
        )
    if purchase.state != PurchaseState.PENDING:
        raise states.WrongState(f"It is {purchase.state}: nothing is held for it any more.")
    if amount is not None and not 0 < amount <= purchase.total:
        raise Invalid(
            fields={"amount": [f"{amount} is not from 1 to the {purchase.total} that is held."]}
        )
    return finish(
        purchase, payment=None, at=captured_at, amount=amount, created_by_id=created_by_id
    )


def fail_purchase(*, purchase_id: UUID, failed_at: datetime) -> Purchase:
    """End a purchase whose payment has failed. One that does not wait for a payment stays as it is."""
    purchase = states.hold(purchase_id)
    if purchase.state == PurchaseState.PENDING:
        _fail(purchase, at=failed_at)
    return purchase


def _fail(purchase: Purchase, *, at: datetime) -> None:
    setting_aside.let_go(purchase, at=at)
    states.move(purchase, to=PurchaseState.FAILED, at=at)


def cancel_purchase(
    *,
    purchase_id: UUID,
    cancelled_at: datetime,
    created_by_id: UUID | None = None,
) -> Purchase:
    """Cancel a purchase that waits for its payment, or drop a cart. Once more changes nothing.

    What was paid for is refunded instead; what cost nothing is taken back by `void_purchase`.

    :raises WrongState: it has ended otherwise, or was paid for.
    """
    purchase = states.hold(purchase_id)
    if purchase.state == PurchaseState.CANCELLED:
        return purchase
    if purchase.state == PurchaseState.PENDING:
        setting_aside.let_go(purchase, at=cancelled_at, created_by_id=created_by_id)
        giving_up.give_up_payments(purchase_id=purchase.id)
    elif purchase.state in PAID:
        raise states.WrongState(f"It is {purchase.state}: it can be refunded, not cancelled.")
    states.move(purchase, to=PurchaseState.CANCELLED, at=cancelled_at, token_hash="")
    return purchase


def expire_each_due(*, tenant: binding.Placed, now: datetime | None = None) -> int:
    """Expire all purchases that have waited long enough; return how many these were.

    Binds itself, anew for each: together they would hold all their stock, in no order that others keep to.

    :param now: until when; else the tenant's clock says.
    """
    expired = 0
    while True:
        with binding.bind(tenant, writes="commerce"):
            if not expire_due(now=now or clock.now()):
                return expired
        expired += 1


def expire_due(*, now: datetime) -> bool:
    """Expire the purchase that has waited longest, if one has long enough; return whether one had.

    One that somebody holds is being settled, and is left for the next time.
    """
    due = Purchase.objects.filter(state=PurchaseState.PENDING, expires_at__lte=now)
    purchase = due.order_by("expires_at", "id").select_for_update(skip_locked=True).first()
    if purchase is None:
        return False
    setting_aside.let_go(purchase, at=now, resolution=Resolution.EXPIRED)
    giving_up.give_up_payments(purchase_id=purchase.id)
    states.move(purchase, to=PurchaseState.EXPIRED, at=now)
    return True


def void_purchase(*, purchase_id: UUID, voided_at: datetime) -> Purchase:
    """Take back a completed purchase that cost nothing: a free ticket of an event that is cancelled.

    Once more changes nothing.

    :raises WrongState: it is not completed, or something was paid for it.
    """
    purchase = states.hold(purchase_id)
    if purchase.state == PurchaseState.REFUNDED and purchase.captured == 0:
        return purchase
    if purchase.state != PurchaseState.COMPLETED or purchase.captured:
        raise states.WrongState(
            f"It is {purchase.state}, and {purchase.captured} was paid for it: "
            "only a completed purchase that cost nothing is taken back without a refund."
        )
    stock.give_back(purchase_id=purchase.id, given_back_at=voided_at)
    refunds.take_back(purchase, at=voided_at)
    return purchase
