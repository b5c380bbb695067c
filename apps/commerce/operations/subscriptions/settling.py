"""What becomes of a subscription when a provider says how a payment has ended."""

from datetime import datetime, timedelta
from uuid import UUID

from apps.commerce.models import (
    Payment,
    Subscription,
    SubscriptionPeriod,
    SubscriptionState,
)
from apps.commerce.models.subscription import LIVE
from apps.commerce.operations.subscriptions import books, changing, lifecycle, subscribing

S = SubscriptionState

# A payment that failed is tried again 1, 3, 5 and 7 days after it failed first: the numbers of days that
# a custom retry schedule of Stripe's is made of. Cards are topped up at pay-days, and a week is as long
# as what is not paid can be used.
RETRY_AFTER = (timedelta(days=1), timedelta(days=2), timedelta(days=2), timedelta(days=2))


def receive_payment(*, payment: Payment, received_at: datetime) -> UUID:
    """Take what a provider has been paid; return the ledger transaction.

    A payment that nothing waits for any more goes into the subscriber's wallet.
    """
    subscription, period = _paid_for(payment)
    if _is_had_otherwise(subscription, period):
        lifecycle.drop_coming_change(subscription)
        lifecycle.change(subscription, at=received_at, due_at=subscription.current_period_end)
        period = None
    if period is None or subscription.state not in {S.INCOMPLETE, *LIVE}:
        transaction_id = books.book_unneeded_payment(
            subscription=subscription, payment=payment, received_at=received_at
        )
    else:
        transaction_id = books.book_payment(
            subscription=subscription, period=period, payment=payment, at=received_at
        )
        lifecycle.mark_paid(period, transaction_id=transaction_id, paid_at=received_at)
        go_on(subscription, period, at=received_at)
    payment.transaction_id = transaction_id
    payment.save(update_fields=["transaction_id"])
    return transaction_id


def payment_failed(*, payment: Payment, failed_at: datetime) -> None:
    """Take note that a provider could not be paid.

    A first payment can be tried again until its day is over, and a change of plans is given up. A renewal
    is past due; one that the subscriber tried by themselves meanwhile takes nothing of their time.
    """
    subscription, period = _paid_for(payment)
    if period is None or subscription.state not in LIVE:
        return
    if period.number > subscription.period:
        lifecycle.drop_coming_change(subscription)
        lifecycle.change(subscription, at=failed_at, due_at=subscription.current_period_end)
        return
    if payment.is_off_session:
        note_failure(subscription, at=failed_at)


def note_failure(subscription: Subscription, *, at: datetime) -> None:
    """Have the present period's payment tried again later; after the last time, it expires.

    Nothing is noted twice of what the clock is not waiting for.
    """
    if subscription.due_at is None or subscription.due_at > at:
        return
    attempts = subscription.attempts + 1
    if attempts > len(RETRY_AFTER):
        lifecycle.change(subscription, at=at, attempts=attempts)
        lifecycle.end(subscription, state=S.EXPIRED, ended_at=at, at=at)
        return
    was_due = subscription.state == S.PAST_DUE
    lifecycle.change(
        subscription,
        at=at,
        state=S.PAST_DUE,
        attempts=attempts,
        due_at=at + RETRY_AFTER[attempts - 1],
    )
    if not was_due:
        lifecycle.tell(subscription, "PAST_DUE")


def go_on(subscription: Subscription, period: SubscriptionPeriod, *, at: datetime) -> None:
    """Let a subscription go on with a period that has been paid."""
    if subscription.state == S.INCOMPLETE:
        subscribing.complete(subscription, period, at=at)
    elif period.number > subscription.period:
        present = lifecycle.period_of(subscription)
        changing.apply_change(subscription, period, present=present, at=at)
    else:
        recovered = subscription.state == S.PAST_DUE
        lifecycle.activate(subscription, at=at, what="RECOVERED" if recovered else "RENEWED")


def _is_had_otherwise(subscription: Subscription, period: SubscriptionPeriod | None) -> bool:
    """Return whether a period is of a change to a plan that the subscriber has by another subscription.

    They subscribed to it while the change waited for its payment.
    """
    if period is None or period.plan_id == subscription.plan_id:
        return False
    others = Subscription.objects.filter(
        user_id=subscription.user_id, plan_id=period.plan_id, state__in=[S.INCOMPLETE, *LIVE]
    )
    return others.exclude(id=subscription.id).exists()


def _paid_for(payment: Payment) -> tuple[Subscription, SubscriptionPeriod | None]:
    """Return a payment's subscription, held, and its period, if that still waits to be paid."""
    assert payment.subscription_id is not None
    assert payment.period_id is not None
    subscription = lifecycle.hold(payment.subscription_id)
    period = SubscriptionPeriod.objects.filter(id=payment.period_id, paid_at=None).first()
    return subscription, period
