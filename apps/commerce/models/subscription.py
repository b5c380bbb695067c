"""Subscriptions: plans, the series they open, who has them, and for which periods was paid."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.commerce.models.inventory import InventoryItem, Recurrence
from apps.kernel.money import MAX_AMOUNT
from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.base import TenantQuerySet
from apps.tenancy.models.constraints import AppendOnly, RowTrigger


class ContentSeries(TenantModel):
    """A series of contents that plans and items open."""

    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    created_by_id = ReferenceField("users.Profile")
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "content_series"
        verbose_name_plural = "content series"
        constraints = [Audited(name="content_series_audit")]

    def __str__(self) -> str:
        return self.name


class SubscriptionPlan(TenantModel):
    """Something that is paid for again and again, until it is cancelled or expires by itself."""

    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    recurring_payment = models.CharField(max_length=50, choices=Recurrence.choices)
    auto_expires = models.IntegerField(null=True, blank=True)
    """In periods: how many there are; without an end if not said."""
    price = models.BigIntegerField()
    """Of a period, in minor units."""
    currency = models.CharField(max_length=3, default="USD")
    trial_days = models.IntegerField(default=0)
    is_active = models.BooleanField(default=True)
    """Whether it can be subscribed to. Who has it keeps it."""
    created_by_id = ReferenceField("users.Profile")
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "subscription_plans"
        constraints = [
            models.CheckConstraint(
                condition=Q(recurring_payment__in=Recurrence.values),
                name="subscription_plans_recurrence",
            ),
            models.CheckConstraint(
                condition=Q(price__gte=0, price__lte=MAX_AMOUNT, trial_days__gte=0),
                name="subscription_plans_price",
            ),
            models.CheckConstraint(
                condition=Q(auto_expires=None) | Q(auto_expires__gt=0),
                name="subscription_plans_expiry",
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="subscription_plans_currency"
            ),
            Audited(name="subscription_plans_audit"),
        ]

    def __str__(self) -> str:
        return self.name


class PlanSeries(TenantModel):
    """A plan opens a series."""

    plan = models.ForeignKey(SubscriptionPlan, models.CASCADE, related_name="series")
    series = models.ForeignKey(ContentSeries, models.PROTECT, related_name="plans")

    class Meta:
        db_table = "subscription_plan_series"
        verbose_name_plural = "plan series"
        constraints = [
            models.UniqueConstraint(fields=["plan", "series"], name="plan_series_once"),
            Audited(name="subscription_plan_series_audit"),
        ]

    def __str__(self) -> str:
        return str(self.series_id)


class SubscriptionState(models.TextChoices):
    """Where a subscription stands."""

    INCOMPLETE = "INCOMPLETE", "waiting for the first payment"
    TRIALING = "TRIALING", "on trial"
    ACTIVE = "ACTIVE", "active"
    PAST_DUE = "PAST_DUE", "past due"
    CANCELLED = "CANCELLED", "cancelled"
    EXPIRED = "EXPIRED", "expired"


S = SubscriptionState
TRANSITIONS: dict[SubscriptionState, tuple[SubscriptionState, ...]] = {
    S.INCOMPLETE: (S.ACTIVE, S.TRIALING, S.CANCELLED, S.EXPIRED),
    S.TRIALING: (S.ACTIVE, S.PAST_DUE, S.CANCELLED, S.EXPIRED),
    S.ACTIVE: (S.PAST_DUE, S.CANCELLED, S.EXPIRED),
    S.PAST_DUE: (S.ACTIVE, S.CANCELLED, S.EXPIRED),
    S.CANCELLED: (),
    S.EXPIRED: (),
}
LIVE = (S.TRIALING, S.ACTIVE, S.PAST_DUE)


def _allowed() -> Q:
    allowed = Q(from_state="", to_state__in=[S.INCOMPLETE.value, S.TRIALING.value, S.ACTIVE.value])
    for before, after in TRANSITIONS.items():
        if after:
            allowed |= Q(from_state=before, to_state__in=[state.value for state in after])
    return allowed


class SubscriptionQuerySet(TenantQuerySet):
    """Filters over subscriptions."""

    def live(self) -> SubscriptionQuerySet:
        """Keep what has begun and not ended."""
        return self.filter(state__in=LIVE)


class Subscription(TenantModel):
    """Somebody has a plan. `price` is what a period costs them, whatever the plan costs by now."""

    user_id = ReferenceField("users.Profile")
    plan = models.ForeignKey(SubscriptionPlan, models.PROTECT, related_name="subscriptions")
    state = models.CharField(max_length=50, choices=SubscriptionState.choices)
    provider = models.CharField(max_length=50)
    price = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    anchor_at = models.DateTimeField()
    """What periods are counted from: the n-th after it ends n months, weeks or years later."""
    anchor_period = models.IntegerField(default=0)
    """The number of the period that ended at the anchor."""
    period = models.IntegerField(default=0)
    """How many periods were begun; 0 on trial."""
    last_period = models.IntegerField(null=True)
    """The number of the period that it expires with; None goes on until it is cancelled."""
    current_period_start = models.DateTimeField()
    current_period_end = models.DateTimeField()
    trial_ends_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    """When the clock has something to do with it: renew, charge again, or end it."""
    attempts = models.IntegerField(default=0)
    """How often the present period's payment has failed."""
    cancel_at_period_end = models.BooleanField(default=False)
    credit = models.BigIntegerField(default=0)
    """In minor units: what is taken off the next period, from a change of plans."""
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    cancelled_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = SubscriptionQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        db_table = "subscriptions"
        indexes = [
            models.Index(
                fields=["tenant_id", "due_at", "id"],
                condition=Q(due_at__isnull=False),
                name="subscriptions_due",
            ),
            models.Index(fields=["tenant_id", "user_id", "-id"], name="subscriptions_by_user"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user_id", "plan"],
                condition=Q(state__in=["INCOMPLETE", "TRIALING", "ACTIVE", "PAST_DUE"]),
                name="subscriptions_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=SubscriptionState.values), name="subscriptions_state"
            ),
            models.CheckConstraint(
                condition=Q(current_period_end__gt=F("current_period_start")),
                name="subscriptions_period",
            ),
            models.CheckConstraint(
                condition=Q(price__gte=0, credit__gte=0), name="subscriptions_price"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="subscriptions_currency"
            ),
            models.CheckConstraint(
                condition=Q(anchor_period__gte=0, period__gte=0, attempts__gte=0)
                & (Q(last_period=None) | Q(last_period__gt=0)),
                name="subscriptions_counts",
            ),
            RowTrigger(
                name="subscriptions_record_state",
                events="INSERT OR UPDATE OF state",
                body=(
                    "IF TG_OP = 'INSERT' OR OLD.state <> NEW.state THEN "
                    "INSERT INTO subscription_transitions "
                    "(tenant_id, id, subscription_id, from_state, to_state, occurred_at) VALUES "
                    "(NEW.tenant_id, extensions.uuid7(), NEW.id, "
                    "CASE WHEN TG_OP = 'INSERT' THEN '' ELSE OLD.state END, NEW.state, "
                    "NEW.updated_at); END IF;"
                ),
            ),
            Audited(name="subscriptions_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.plan_id}"


class SubscriptionTransition(TenantModel):
    """A subscription came from one state into another. Pairs that are not allowed can't be written."""

    unaudited = "It is a history itself, and what it tells is audited."

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="transitions")
    from_state = models.CharField(max_length=50)
    to_state = models.CharField(max_length=50)
    occurred_at = models.DateTimeField()

    class Meta:
        db_table = "subscription_transitions"
        constraints = [
            models.CheckConstraint(condition=_allowed(), name="subscription_transitions_allowed"),
            AppendOnly(name="subscription_transitions_guard", by_trigger=True),
        ]

    def __str__(self) -> str:
        return f"{self.from_state} to {self.to_state}"


class SubscriptionPeriod(TenantModel):
    """A period of a subscription that was, or is to be, paid for. There is one of each number.

    Number 0 is the trial. One that is not begun yet (its number is behind the subscription's) waits for
    the payment of a change of plans. One that a change has cut short may have no length at all.
    """

    subscription = models.ForeignKey(
        Subscription, models.PROTECT, related_name="periods", db_index=False
    )
    plan = models.ForeignKey(SubscriptionPlan, models.PROTECT, related_name="periods")
    """What was had when it began."""
    number = models.IntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    price = models.BigIntegerField()
    """What it costs, in minor units."""
    amount = models.BigIntegerField()
    """What is charged for it: the price, less a credit; nothing, if the clock came too late for it."""
    transaction_id = models.UUIDField(null=True)
    """The ledger transaction that it was paid by; None while it is not, or when it costs nothing."""
    paid_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "subscription_periods"
        constraints = [
            models.UniqueConstraint(
                fields=["subscription", "number"], name="subscription_periods_once"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gte=F("starts_at"), amount__gte=0) & Q(price__gte=F("amount")),
                name="subscription_periods_span",
            ),
            models.CheckConstraint(condition=Q(number__gte=0), name="subscription_periods_number"),
            Audited(name="subscription_periods_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.number} of {self.subscription_id}"


class EntitlementSource(models.TextChoices):
    """Where an entitlement comes from."""

    PURCHASE = "PURCHASE", "a purchase"
    SUBSCRIPTION = "SUBSCRIPTION", "a subscription"
    GRANT = "GRANT", "the staff"


class Entitlement(TenantModel):
    """Somebody may use an item or a series, from `starts_at` until `ends_at`, unless it was revoked."""

    user_id = ReferenceField("users.Profile")
    item = models.ForeignKey(InventoryItem, models.PROTECT, null=True, related_name="entitlements")
    series = models.ForeignKey(
        ContentSeries, models.PROTECT, null=True, related_name="entitlements"
    )
    source = models.CharField(max_length=50, choices=EntitlementSource.choices)
    source_id = models.UUIDField()
    """The purchase's line, the subscription, or the grant itself."""
    quantity = models.IntegerField(default=1)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "entitlements"
        indexes = [
            models.Index(fields=["tenant_id", "user_id", "-id"], name="entitlements_by_user"),
            models.Index(fields=["tenant_id", "source_id"], name="entitlements_by_source"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(item__isnull=False, series=None) | Q(item=None, series__isnull=False),
                name="entitlements_of_one_thing",
            ),
            models.UniqueConstraint(
                fields=["source_id", "item"],
                condition=Q(item__isnull=False),
                name="entitlements_of_item_once",
            ),
            models.UniqueConstraint(
                fields=["source_id", "series"],
                condition=Q(series__isnull=False),
                name="entitlements_of_series_once",
            ),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gte=F("starts_at")),
                name="entitlements_span",
            ),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="entitlements_quantity"),
            models.CheckConstraint(
                condition=Q(source__in=EntitlementSource.values), name="entitlements_source"
            ),
            Audited(name="entitlements_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.item_id or self.series_id}"
