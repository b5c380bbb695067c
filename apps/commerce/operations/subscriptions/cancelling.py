"""Cancelling: at once, or when the present period ends, until when it can be taken back."""

from datetime import datetime
from uuid import UUID

from apps.commerce.models import Payment, Subscription, SubscriptionState
from apps.commerce.models.subscription import LIVE
from apps.commerce.operations.subscriptions import books, lifecycle, spans
from apps.kernel.errors import Conflict

S = SubscriptionState


class NotCancelling(Conflict):
    """There is no cancellation to take back."""

    slug = "not-cancelling"
    title = "The subscription is not about to be cancelled."


def cancel_subscription(
    *,
    subscription_id: UUID,
    cancelled_at: datetime,
    at_period_end: bool = False,
    is_refunded: bool = False,
    created_by_id: UUID | None = None,
) -> Subscription:
    """Cancel a subscription.

    What isn't paid, or hasn't begun, ends at once in any case: nothing of it is left to be used.

    :param at_period_end: it goes on until the present period, or the trial, ends.
    :param is_refunded: what was paid for the time that is left, and credits, go into the wallet. Only
        of one that ends at once.
    :raises NotFound: there is none.
    :raises SubscriptionEnded: it has ended before.
    """
    subscription = lifecycle.hold(subscription_id)
    if subscription.state in {S.CANCELLED, S.EXPIRED}:
        raise lifecycle.SubscriptionEnded(f"It is {subscription.state} already.")
    if at_period_end and subscription.state in {S.TRIALING, S.ACTIVE}:
        if not subscription.cancel_at_period_end:
            lifecycle.change(
                subscription, at=cancelled_at, cancel_at_period_end=True, cancelled_at=cancelled_at
            )
            lifecycle.tell(subscription, "TO_BE_CANCELLED")
        return subscription
    amount = _unused(subscription, at=cancelled_at) if is_refunded else 0
    if amount:
        books.refund_to_wallet(
            subscription=subscription,
            amount=amount,
            refunded_at=cancelled_at,
            created_by_id=created_by_id,
        )
        lifecycle.change(subscription, at=cancelled_at, credit=0)
    lifecycle.end(subscription, state=S.CANCELLED, ended_at=cancelled_at, at=cancelled_at)
    return subscription


def resume_subscription(*, subscription_id: UUID, resumed_at: datetime) -> Subscription:
    """Take back that a subscription is to be cancelled when its period ends.

    :raises NotFound: there is none.
    :raises SubscriptionEnded: it has ended.
    :raises NotCancelling: it wasn't to be cancelled.
    """
    subscription = lifecycle.hold(subscription_id)
    if subscription.state in {S.CANCELLED, S.EXPIRED}:
        raise lifecycle.SubscriptionEnded("Subscribe again instead.")
    if not subscription.cancel_at_period_end:
        raise NotCancelling("It goes on as it is.")
    lifecycle.change(subscription, at=resumed_at, cancel_at_period_end=False, cancelled_at=None)
    lifecycle.tell(subscription, "RESUMED")
    return subscription


def payment_taken_back(*, payment: Payment, taken_back_at: datetime, is_chargeback: bool) -> None:
    """End a subscription whose payment went back to its payer by the provider, in full.

    A refund ends it if it is of the present period; a chargeback in any case, as who disputes one
    payment will dispute the next.
    """
    if payment.subscription_id is None:
        return
    subscription = lifecycle.hold(payment.subscription_id)
    if subscription.state not in LIVE:
        return
    present = lifecycle.period_of(subscription)
    if is_chargeback or present.transaction_id == payment.transaction_id:
        lifecycle.end(subscription, state=S.CANCELLED, ended_at=taken_back_at, at=taken_back_at)


def _unused(subscription: Subscription, *, at: datetime) -> int:
    if subscription.state not in LIVE or subscription.period == 0:
        return subscription.credit
    present = lifecycle.period_of(subscription)
    if present.paid_at is None:
        # The credit that was taken off it was paid for once, and this period was not used up.
        return subscription.credit + present.price - present.amount
    return subscription.credit + spans.unused_share(
        amount=present.price, starts_at=present.starts_at, ends_at=present.ends_at, at=at
    )
