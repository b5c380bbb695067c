"""Time and subscriptions for tests: a clock that is moved, plans, and a look at what has become."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from apps.commerce.models import (
    ContentSeries,
    Entitlement,
    PlanSeries,
    Provider,
    Subscription,
    SubscriptionPeriod,
    SubscriptionPlan,
    TestClock,
)
from apps.commerce.operations import clock, subscriptions
from apps.platform import operations as platform
from apps.tenancy import binding

START = datetime(2027, 1, 31, 12, tzinfo=UTC)


def allow_clock(tenant):
    """Let the tenant have a test clock."""
    with binding.bind(tenant, writes="platform"):
        platform.set_flag(
            key=clock.FLAG, is_on=True, percent=100, user_ids=[], updated_at=timezone.now()
        )


def set_clock(tenant, time=START):
    """Give the tenant a clock that shows `time`."""
    allow_clock(tenant)
    with binding.bind(tenant, writes="commerce"):
        return clock.set_clock(time=time, set_at=timezone.now())


def time_of(tenant):
    """What the tenant's clock shows."""
    with binding.bind(tenant):
        return TestClock.objects.get().time


def advance(tenant, to=None, **delta):
    """Move the clock to a time, or by `days=…`."""
    return clock.advance_clock(tenant=tenant, to=to or time_of(tenant) + timedelta(**delta))


def make_series(tenant, seller, name="Backstage"):
    """A series."""
    with binding.bind(tenant, writes="commerce"):
        return ContentSeries.objects.create(name=name, created_by_id=seller.id)


def make_plan(tenant, seller, *, opens=(), **values):
    """A plan of 10 dollars a month, if nothing else is said."""
    with binding.bind(tenant, writes="commerce"):
        plan = SubscriptionPlan.objects.create(
            **{
                "name": "Fan club",
                "recurring_payment": "MONTHLY",
                "price": 1_000,
                "created_by_id": seller.id,
                **values,
            }
        )
        for series in opens:
            PlanSeries.objects.create(plan=plan, series=series)
        return plan


def subscribe(tenant, who, plan, *, provider=Provider.WALLET, at=None):
    """Subscribe at the clock's time; return the subscription, and the payment that is to be asked for."""
    with binding.bind(tenant, writes="commerce"):
        done = subscriptions.subscribe(
            user_id=who.id,
            plan_id=plan.id,
            provider=provider,
            subscribed_at=at or TestClock.objects.get().time,
        )
        return done.subscription, done.payment_id


def change_plan(tenant, subscription, plan, *, at=None):
    """Change the plan at the clock's time; return the payment that is to be asked for."""
    with binding.bind(tenant, writes="commerce"):
        return subscriptions.change_plan(
            subscription_id=subscription.id,
            plan_id=plan.id,
            changed_at=at or TestClock.objects.get().time,
        ).payment_id


def cancel(tenant, subscription, *, at=None, **how):
    """Cancel at the clock's time."""
    with binding.bind(tenant, writes="commerce"):
        return subscriptions.cancel_subscription(
            subscription_id=subscription.id,
            cancelled_at=at or TestClock.objects.get().time,
            **how,
        )


def resume(tenant, subscription):
    """Take a cancellation back."""
    with binding.bind(tenant, writes="commerce"):
        return subscriptions.resume_subscription(
            subscription_id=subscription.id, resumed_at=TestClock.objects.get().time
        )


def read(tenant, subscription):
    """The subscription as it is now."""
    with binding.bind(tenant):
        return Subscription.objects.get(id=subscription.id)


def periods(tenant, subscription):
    """Its periods, in order."""
    with binding.bind(tenant):
        rows = SubscriptionPeriod.objects.filter(subscription_id=subscription.id)
        return list(rows.order_by("number"))


def steps(tenant, subscription):
    """The states it has come into, in order."""
    with binding.bind(tenant):
        rows = Subscription.objects.get(id=subscription.id).transitions.order_by("id")
        return list(rows.values_list("to_state", flat=True))


def open_series(tenant, who, at):
    """The names of the series that somebody may use at a time."""
    from apps.commerce.queries import entitlements

    with binding.bind(tenant):
        rows = Entitlement.objects.filter(entitlements.is_current(at=at), user_id=who.id)
        return sorted(rows.values_list("series__name", flat=True))
