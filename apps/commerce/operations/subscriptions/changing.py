"""Changing the plan: what is left of the present period is credited, and a period of the new plan begins."""

from datetime import datetime
from uuid import UUID

from apps.commerce.models import (
    Provider,
    Subscription,
    SubscriptionPeriod,
    SubscriptionPlan,
    SubscriptionState,
)
from apps.commerce.models.subscription import LIVE
from apps.commerce.operations import entitlements, wallets
from apps.commerce.operations.subscriptions import books, lifecycle, plans, spans
from apps.commerce.operations.subscriptions.subscribing import AlreadySubscribed, Subscribed
from apps.kernel.errors import Conflict, Invalid
from apps.kernel.refusals import refusing

S = SubscriptionState


class UnableToChange(Conflict):
    """A subscription that isn't paid, or has ended, keeps its plan."""

    slug = "unable-to-change-plan"
    title = "The plan can't be changed now."


def change_plan(
    *,
    subscription_id: UUID,
    plan_id: UUID,
    changed_at: datetime,
    created_by_id: UUID | None = None,
) -> Subscribed:
    """Give a subscription another plan; on trial for the rest of the trial, else for a period from now on.

    What the present period's price has left, by time and rounded down, is credited, and pays for the new
    one together with earlier credits. The rest is charged now: of a provider other than the wallet, the
    change waits for the payment, for a day at most and while the present period lasts.

    :raises NotFound: there is no such subscription.
    :raises UnableToChange: it has ended, or isn't paid.
    :raises Invalid: there is no such plan, it is the present one, or of another currency.
    :raises AlreadySubscribed: there is a subscription to that plan.
    :raises InsufficientFunds: there is less in the wallet than it costs.
    :raises PersonGone, PersonShutOut: of a wallet whose owner may not move money.
    """
    subscription = lifecycle.hold(subscription_id)
    if subscription.provider == Provider.WALLET:
        wallets.check_people(ids=[subscription.user_id])
    if subscription.state not in {S.TRIALING, S.ACTIVE}:
        raise UnableToChange(f"It is {subscription.state}. Only one that is paid can be changed.")
    present = lifecycle.period_of(subscription)
    if present.paid_at is None:
        raise UnableToChange("It is being renewed at this moment. Try again when that is paid.")
    plan = plans.hold_for_sale(plan_id)
    _check_plan(subscription, plan)
    if subscription.period == 0:
        _take_over_trial(subscription, plan, at=changed_at)
        return Subscribed(subscription=subscription)
    lifecycle.drop_coming_change(subscription)
    coming = _propose(subscription, plan, present, at=changed_at)
    if coming.amount and subscription.provider != Provider.WALLET:
        return _ask_for_it(subscription, coming, at=changed_at)
    transaction_id = None
    if coming.amount:
        transaction_id = books.charge_wallet(
            subscription=subscription,
            period=coming,
            charged_at=changed_at,
            created_by_id=created_by_id,
        )
    lifecycle.mark_paid(coming, transaction_id=transaction_id, paid_at=changed_at)
    apply_change(subscription, coming, present=present, at=changed_at)
    return Subscribed(subscription=subscription)


def apply_change(
    subscription: Subscription,
    coming: SubscriptionPeriod,
    *,
    present: SubscriptionPeriod,
    at: datetime,
) -> None:
    """Have a paid change of plans take place: as of when it was asked for."""
    credit = subscription.credit + _unused(present, at=coming.starts_at)
    present.ends_at = max(present.starts_at, coming.starts_at)
    present.save(update_fields=["ends_at"])
    plan = SubscriptionPlan.objects.get(id=coming.plan_id)
    _give_plan(
        subscription,
        plan,
        at=at,
        first_period=coming.number,
        price=coming.price,
        anchor_at=coming.starts_at,
        anchor_period=coming.number - 1,
        period=coming.number,
        credit=credit - (coming.price - coming.amount),
        current_period_start=coming.starts_at,
        current_period_end=coming.ends_at,
        due_at=coming.ends_at,
    )


def _check_plan(subscription: Subscription, plan: SubscriptionPlan) -> None:
    if plan.id == subscription.plan_id:
        raise Invalid(fields={"plan_id": ["It is the present plan."]})
    if plan.currency != subscription.currency:
        raise Invalid(
            fields={
                "plan_id": [
                    f"It costs {plan.currency}, and the subscription is in {subscription.currency}."
                ]
            }
        )
    others = Subscription.objects.filter(
        user_id=subscription.user_id, plan=plan, state__in=[S.INCOMPLETE, *LIVE]
    )
    if others.exists():
        raise AlreadySubscribed("Cancel that one first.")


def _take_over_trial(subscription: Subscription, plan: SubscriptionPlan, *, at: datetime) -> None:
    _give_plan(subscription, plan, at=at, first_period=1, price=plan.price)


def _propose(
    subscription: Subscription,
    plan: SubscriptionPlan,
    present: SubscriptionPeriod,
    *,
    at: datetime,
) -> SubscriptionPeriod:
    credit = subscription.credit + _unused(present, at=at)
    return SubscriptionPeriod.objects.create(
        subscription=subscription,
        plan=plan,
        number=subscription.period + 1,
        starts_at=at,
        ends_at=spans.end_of(anchor_at=at, recurrence=plan.recurring_payment, count=1),
        price=plan.price,
        amount=max(plan.price - credit, 0),
    )


def _ask_for_it(
    subscription: Subscription, coming: SubscriptionPeriod, *, at: datetime
) -> Subscribed:
    until = min(subscription.current_period_end, at + lifecycle.PAYMENT_EXPIRES_AFTER)
    lifecycle.change(subscription, at=at, due_at=until)
    payment = books.request_payment(subscription=subscription, period=coming, requested_at=at)
    return Subscribed(subscription=subscription, payment_id=payment.id)


def _give_plan(
    subscription: Subscription,
    plan: SubscriptionPlan,
    *,
    at: datetime,
    first_period: int,
    **values: object,
) -> None:
    last = first_period + plan.auto_expires - 1 if plan.auto_expires else None
    taken = AlreadySubscribed("Cancel that one first.")
    with refusing(alias="commerce", constraints={"subscriptions_once": taken}):
        lifecycle.change(subscription, at=at, plan=plan, last_period=last, **values)
    entitlements.grant_for_subscription(subscription=subscription, granted_at=at)
    lifecycle.tell(subscription, "PLAN_CHANGED")


def _unused(present: SubscriptionPeriod, *, at: datetime) -> int:
    return spans.unused_share(
        amount=present.price, starts_at=present.starts_at, ends_at=present.ends_at, at=at
    )
