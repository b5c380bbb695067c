"""Subscribing: on trial, at once from the wallet, or when a provider has taken the first payment."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from apps.commerce.models import (
    Provider,
    Subscription,
    SubscriptionPeriod,
    SubscriptionPlan,
    SubscriptionState,
)
from apps.commerce.operations import entitlements, wallets
from apps.commerce.operations.subscriptions import books, lifecycle, plans, spans
from apps.kernel.errors import Conflict, Invalid
from apps.kernel.ids import uuid7
from apps.kernel.refusals import refusing

S = SubscriptionState


class AlreadySubscribed(Conflict):
    """Of a plan, a person has one subscription at a time."""

    slug = "already-subscribed"
    title = "There is a subscription to this plan already."


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """What came of it; `payment_id` is what a provider is to be asked for, if one is."""

    subscription: Subscription
    payment_id: UUID | None = None


def subscribe(
    *,
    user_id: UUID,
    plan_id: UUID,
    provider: str,
    subscribed_at: datetime,
    created_by_id: UUID | None = None,
) -> Subscribed:
    """Have somebody subscribe to a plan, or try again to pay for what waits for its first payment.

    The trial comes first, if there is one and they never had it. A wallet pays at once; of another
    provider the subscription is INCOMPLETE until the payment has succeeded, for a day at most.

    :param user_id: their profile.
    :raises Invalid: there is no such plan, or no such provider.
    :raises AlreadySubscribed: they have the plan.
    :raises InsufficientFunds: there is less in the wallet than the first period costs.
    :raises PersonGone, PersonShutOut: of a wallet whose owner may not move money.
    """
    plan = plans.hold_for_sale(plan_id)
    if provider not in Provider.values:
        raise Invalid(fields={"provider": [f"{provider!r} is none of {_providers()}."]})
    if provider == Provider.WALLET:
        wallets.check_people(ids=[user_id])
    waiting = _waiting(user_id, plan_id, at=subscribed_at)
    if waiting is None:
        subscription = _new(user_id, plan, provider, at=subscribed_at)
        if subscription.state == S.TRIALING:
            return Subscribed(subscription=subscription)
        period = lifecycle.begin_period(subscription, at=subscribed_at)
    else:
        subscription, period = waiting, lifecycle.period_of(waiting)
        subscription.provider = provider
    return _pay_first(subscription, period, at=subscribed_at, created_by_id=created_by_id)


def complete(subscription: Subscription, period: SubscriptionPeriod, *, at: datetime) -> None:
    """Begin a subscription whose first period is paid: now, however long the payment took."""
    starts, ends = (
        spans.end_of(anchor_at=at, recurrence=subscription.plan.recurring_payment, count=count)
        for count in (0, 1)
    )
    period.starts_at, period.ends_at = starts, ends
    period.save(update_fields=["starts_at", "ends_at"])
    subscription.current_period_start, subscription.current_period_end = starts, ends
    lifecycle.change(subscription, at=at, anchor_at=at, provider=subscription.provider)
    lifecycle.activate(subscription, at=at, what="STARTED")
    entitlements.grant_for_subscription(subscription=subscription, granted_at=at)


def _pay_first(
    subscription: Subscription,
    period: SubscriptionPeriod,
    *,
    at: datetime,
    created_by_id: UUID | None,
) -> Subscribed:
    if period.amount and subscription.provider != Provider.WALLET:
        lifecycle.change(
            subscription,
            at=at,
            provider=subscription.provider,
            period=period.number,
            due_at=subscription.created_on + lifecycle.PAYMENT_EXPIRES_AFTER,
        )
        payment = books.request_payment(subscription=subscription, period=period, requested_at=at)
        return Subscribed(subscription=subscription, payment_id=payment.id)
    transaction_id = None
    if period.amount:
        transaction_id = books.charge_wallet(
            subscription=subscription, period=period, charged_at=at, created_by_id=created_by_id
        )
    lifecycle.mark_paid(period, transaction_id=transaction_id, paid_at=at)
    complete(subscription, period, at=at)
    return Subscribed(subscription=subscription)


def _waiting(user_id: UUID, plan_id: UUID, *, at: datetime) -> Subscription | None:
    # What has waited too long is for the clock to end; whoever comes before it begins anew.
    found = (
        Subscription.objects.select_for_update()
        .filter(user_id=user_id, plan_id=plan_id, state=S.INCOMPLETE)
        .first()
    )
    if found and found.due_at and found.due_at <= at:
        lifecycle.end(found, state=S.EXPIRED, ended_at=found.due_at, at=at)
        return None
    return found


def _new(user_id: UUID, plan: SubscriptionPlan, provider: str, *, at: datetime) -> Subscription:
    trial_ends_at = _trial_end(user_id, plan, at=at)
    anchor = trial_ends_at or at
    subscription = Subscription(
        id=uuid7(),
        user_id=user_id,
        plan=plan,
        state=S.TRIALING if trial_ends_at else S.INCOMPLETE,
        provider=provider,
        price=plan.price,
        currency=plan.currency,
        anchor_at=anchor,
        last_period=plan.auto_expires,
        current_period_start=at,
        current_period_end=trial_ends_at
        or spans.end_of(anchor_at=at, recurrence=plan.recurring_payment, count=1),
        trial_ends_at=trial_ends_at,
        due_at=trial_ends_at,
        created_on=at,
        updated_at=at,
    )
    taken = AlreadySubscribed("Cancel that one first, or change its plan.")
    with refusing(alias="commerce", constraints={"subscriptions_once": taken}):
        subscription.save(force_insert=True)
    if trial_ends_at:
        _begin_trial(subscription)
    return subscription


def _begin_trial(subscription: Subscription) -> None:
    SubscriptionPeriod.objects.create(
        subscription=subscription,
        plan_id=subscription.plan_id,
        number=0,
        starts_at=subscription.current_period_start,
        ends_at=subscription.current_period_end,
        price=0,
        amount=0,
        paid_at=subscription.current_period_start,
    )
    entitlements.grant_for_subscription(
        subscription=subscription, granted_at=subscription.current_period_start
    )
    lifecycle.tell(subscription, "STARTED")


def _trial_end(user_id: UUID, plan: SubscriptionPlan, *, at: datetime) -> datetime | None:
    if not plan.trial_days:
        return None
    # A trial that was begun with another plan and taken over into this one was one of both.
    had = Subscription.objects.filter(
        Q(plan=plan) | Q(periods__number=0, periods__plan=plan),
        user_id=user_id,
        trial_ends_at__isnull=False,
    )
    return None if had.exists() else at + timedelta(days=plan.trial_days)


def _providers() -> str:
    return ", ".join(Provider.values)
