"""What every step in a subscription's life is made of: hold it, begin a period, settle it, end it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.commerce.contracts import SubscriptionChanged
from apps.commerce.models import (
    Subscription,
    SubscriptionPeriod,
    SubscriptionState,
)
from apps.commerce.operations import entitlements
from apps.commerce.operations.subscriptions import spans
from apps.kernel import messages
from apps.kernel.errors import Conflict, NotFound

# How long the first payment, or that of a change of plans, may take. People who leave a payment page
# rarely come back after a day, and a price should not stay on offer for long.
PAYMENT_EXPIRES_AFTER = timedelta(days=1)


class SubscriptionEnded(Conflict):
    """Nothing more can be done with it."""

    slug = "subscription-ended"
    title = "The subscription has ended."


def hold(subscription_id: UUID) -> Subscription:
    """Return a subscription that nobody else changes until the unit of work ends.

    :raises NotFound: there is none.
    """
    # Without its plan: a row that one has waited for is held against the plan it had before, and is lost.
    found = Subscription.objects.select_for_update().filter(id=subscription_id).first()
    if found is None:
        raise NotFound
    return found


def change(subscription: Subscription, *, at: datetime, **values: Any) -> None:
    """Write what changes. `at` is when, for the history of its states too."""
    values["updated_at"] = at
    for name, value in values.items():
        setattr(subscription, name, value)
    subscription.save(update_fields=[*values])


def tell(subscription: Subscription, what: str) -> None:
    """Have others told; see `SubscriptionChanged` for what there is to be told."""
    messages.record(
        SubscriptionChanged(
            subscription_id=subscription.id,
            user_id=subscription.user_id,
            plan_id=subscription.plan_id,
            change=what,
            state=SubscriptionState(subscription.state).value,
            current_period_end=subscription.current_period_end,
        )
    )


def period_of(subscription: Subscription) -> SubscriptionPeriod:
    """Return the present period; of a trial, number 0."""
    found = SubscriptionPeriod.objects.filter(
        subscription_id=subscription.id, number=subscription.period
    ).first()
    assert found is not None, f"{subscription.id} has no period {subscription.period}"
    return found


def drop_coming_change(subscription: Subscription) -> None:
    """Give a change of plans up that was not paid. What comes for it later goes into the wallet."""
    SubscriptionPeriod.objects.filter(
        subscription_id=subscription.id, number=subscription.period + 1
    ).delete()


def begin_period(subscription: Subscription, *, at: datetime) -> SubscriptionPeriod:
    """Begin the period that follows the present one, or the first; it is not paid yet.

    A credit is taken off its price as far as it goes. One that is over by `at`, since the clock came so
    late, is for nothing (decision 0026). The subscription is changed, and not saved.
    """
    number = subscription.period + 1
    starts_at, ends_at = (
        spans.end_of(
            anchor_at=subscription.anchor_at,
            recurrence=subscription.plan.recurring_payment,
            count=count - subscription.anchor_period,
        )
        for count in (number - 1, number)
    )
    is_missed = ends_at <= at
    price = 0 if is_missed else subscription.price
    taken_off = min(subscription.credit, price)
    subscription.period, subscription.credit = number, subscription.credit - taken_off
    subscription.current_period_start, subscription.current_period_end = starts_at, ends_at
    return SubscriptionPeriod.objects.create(
        subscription=subscription,
        plan_id=subscription.plan_id,
        number=number,
        starts_at=starts_at,
        ends_at=ends_at,
        price=price,
        amount=price - taken_off,
        paid_at=at if is_missed else None,
    )


def mark_paid(
    period: SubscriptionPeriod, *, transaction_id: UUID | None, paid_at: datetime
) -> None:
    """Write down that a period is paid; by nothing, if it costs nothing."""
    period.transaction_id, period.paid_at = transaction_id, paid_at
    period.save(update_fields=["transaction_id", "paid_at"])


def activate(subscription: Subscription, *, at: datetime, what: str) -> None:
    """Have a subscription go on until its present period ends."""
    change(
        subscription,
        at=at,
        state=SubscriptionState.ACTIVE,
        attempts=0,
        due_at=subscription.current_period_end,
        period=subscription.period,
        credit=subscription.credit,
        current_period_start=subscription.current_period_start,
        current_period_end=subscription.current_period_end,
    )
    tell(subscription, what)


def end(
    subscription: Subscription, *, state: SubscriptionState, ended_at: datetime, at: datetime
) -> None:
    """End a subscription, and what it entitles to.

    :param ended_at: when it ended, which may be a while ago if the clock comes late.
    """
    drop_coming_change(subscription)
    change(
        subscription,
        at=at,
        state=state,
        due_at=None,
        ended_at=ended_at,
        cancelled_at=subscription.cancelled_at or (at if state == _CANCELLED else None),
    )
    entitlements.revoke_for_subscription(subscription_id=subscription.id, revoked_at=ended_at)
    tell(subscription, "CANCELLED" if state == _CANCELLED else "EXPIRED")


_CANCELLED = SubscriptionState.CANCELLED
