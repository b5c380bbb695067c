"""Bodies and replies of plans, series, subscriptions, entitlements and the test clock."""

from rest_framework import serializers

from apps.commerce.api.serializers.purchases import PaymentMemberSerializer
from apps.commerce.models import (
    ContentSeries,
    Entitlement,
    Provider,
    Recurrence,
    Subscription,
    SubscriptionPeriod,
    SubscriptionPlan,
    TestClock,
)
from apps.commerce.queries import subscriptions
from apps.kernel.api.shaping import Expansion, RowSerializer, Stitch, StrictSerializer
from apps.kernel.money import CODE_PATTERN, MAX_AMOUNT

# Of a plan without an end one says nothing; a hundred years of weeks are no typing error yet.
MAX_PERIODS = 5_200
MAX_TRIAL_DAYS = 730
MAX_QUANTITY = 1_000_000


class SeriesRowSerializer(RowSerializer):
    """A series as the API shows it."""

    expansions = {"created_by": Expansion(target="users.Profile", source="created_by_id")}

    class Meta:
        model = ContentSeries
        fields = ("id", "name", "description", "created_by_id", "created_on", "updated_at")


class SeriesBody(StrictSerializer):
    """What a series is made of."""

    name = serializers.CharField(max_length=255)
    description = serializers.CharField(max_length=5_000, allow_blank=True, required=False)


class PlanRowSerializer(RowSerializer):
    """A plan as the API shows it."""

    stitches = {"series_ids": Stitch(load=subscriptions.series_of_plans)}
    expansions = {
        "series": Expansion(target="commerce.ContentSeries", source="series_ids", many=True),
        "created_by": Expansion(target="users.Profile", source="created_by_id"),
    }

    series_ids = serializers.ListField(child=serializers.UUIDField())

    class Meta:
        model = SubscriptionPlan
        fields = (
            "id",
            "name",
            "description",
            "recurring_payment",
            "auto_expires",
            "price",
            "currency",
            "trial_days",
            "is_active",
            "series_ids",
            "created_by_id",
            "created_on",
            "updated_at",
        )


class PlanChangeBody(StrictSerializer):
    """What of a plan can be changed. How often it is paid, and in which currency, is settled for good."""

    name = serializers.CharField(max_length=255)
    description = serializers.CharField(max_length=5_000, allow_blank=True, required=False)
    price = serializers.IntegerField(
        min_value=0, max_value=MAX_AMOUNT, help_text="Of a period, in minor units; 0 is free."
    )
    auto_expires = serializers.IntegerField(
        min_value=1,
        max_value=MAX_PERIODS,
        allow_null=True,
        required=False,
        help_text="How many periods there are; without an end if not said.",
    )
    trial_days = serializers.IntegerField(
        min_value=0, max_value=MAX_TRIAL_DAYS, required=False, help_text="Once per person."
    )
    is_active = serializers.BooleanField(
        required=False, help_text="Whether it can be subscribed to. Who has it keeps it."
    )
    series_ids = serializers.ListField(
        child=serializers.UUIDField(), max_length=200, required=False
    )


class PlanBody(PlanChangeBody):
    """What a plan is made of."""

    recurring_payment = serializers.ChoiceField(choices=Recurrence.choices)
    currency = serializers.RegexField(
        CODE_PATTERN,
        max_length=3,
        required=False,
        error_messages={"invalid": "Give a code of three capital letters."},
    )


class SubscriptionRowSerializer(RowSerializer):
    """A subscription as the API shows it."""

    expansions = {
        "user": Expansion(target="users.Profile", source="user_id"),
        "plan": Expansion(target="commerce.SubscriptionPlan", source="plan_id"),
    }

    class Meta:
        model = Subscription
        fields: tuple[str, ...] = (
            "id",
            "user_id",
            "plan_id",
            "state",
            "provider",
            "price",
            "currency",
            "credit",
            "period",
            "last_period",
            "current_period_start",
            "current_period_end",
            "trial_ends_at",
            "due_at",
            "attempts",
            "cancel_at_period_end",
            "created_on",
            "updated_at",
            "cancelled_at",
            "ended_at",
        )


class SubscriptionPaidSerializer(SubscriptionRowSerializer):
    """A subscription, and the payment that a provider was asked for, if one was."""

    payment = PaymentMemberSerializer(allow_null=True)

    class Meta(SubscriptionRowSerializer.Meta):
        fields: tuple[str, ...] = (*SubscriptionRowSerializer.Meta.fields, "payment")


class SubscriptionBody(StrictSerializer):
    """What is subscribed to, and who is to be paid."""

    plan_id = serializers.UUIDField()
    provider = serializers.ChoiceField(choices=Provider.choices)


class CancelBody(StrictSerializer):
    """When it is to end, and what becomes of what is left."""

    at_period_end = serializers.BooleanField(
        default=False, help_text="It goes on until the present period ends; else it ends at once."
    )
    refund = serializers.ChoiceField(
        choices=["none", "prorated"],
        default="none",
        help_text=(
            "prorated: what was paid for the time that is left goes into the wallet. The staff's to "
            "give, of one that ends at once."
        ),
    )

    def validate(self, attrs: dict) -> dict:
        """Refuse a refund of what goes on."""
        if attrs["at_period_end"] and attrs["refund"] != "none":
            raise serializers.ValidationError(
                {"refund": ["Nothing is left when the period has ended: end it at once instead."]}
            )
        return attrs


class ChangePlanBody(StrictSerializer):
    """Which plan it is to be."""

    plan_id = serializers.UUIDField()


class PeriodRowSerializer(RowSerializer):
    """A period as the API shows it."""

    class Meta:
        model = SubscriptionPeriod
        fields = (
            "id",
            "number",
            "plan_id",
            "starts_at",
            "ends_at",
            "price",
            "amount",
            "transaction_id",
            "paid_at",
        )


class EntitlementRowSerializer(RowSerializer):
    """An entitlement as the API shows it."""

    expansions = {
        "user": Expansion(target="users.Profile", source="user_id"),
        "item": Expansion(target="commerce.InventoryItem", source="item_id"),
        "series": Expansion(target="commerce.ContentSeries", source="series_id"),
    }

    class Meta:
        model = Entitlement
        fields = (
            "id",
            "user_id",
            "item_id",
            "series_id",
            "source",
            "source_id",
            "quantity",
            "starts_at",
            "ends_at",
            "revoked_at",
            "created_on",
        )


class EntitlementBody(StrictSerializer):
    """Who is to use what: an item or a series."""

    user_id = serializers.UUIDField()
    item_id = serializers.UUIDField(required=False)
    series_id = serializers.UUIDField(required=False)
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY, default=1)
    ends_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="For ever without it."
    )


class ClockRowSerializer(RowSerializer):
    """A test clock as the API shows it."""

    class Meta:
        model = TestClock
        fields = ("time", "moving_to", "created_on")


class ClockBody(StrictSerializer):
    """What the clock is to show."""

    time = serializers.DateTimeField()


class AdvanceBody(StrictSerializer):
    """How far the clock is to move."""

    to = serializers.DateTimeField(help_text="Later than it shows, by two years at most.")
