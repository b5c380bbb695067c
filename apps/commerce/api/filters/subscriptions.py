"""Filters of plans, series, subscriptions and entitlements."""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django_filters import rest_framework as filters

from apps.commerce.models import (
    ContentSeries,
    Entitlement,
    EntitlementSource,
    PlanSeries,
    Recurrence,
    Subscription,
    SubscriptionPlan,
    SubscriptionState,
)
from apps.commerce.models.subscription import LIVE
from apps.commerce.queries import clock, entitlements
from apps.kernel.api.filters import BooleanFilter


class SeriesFilter(filters.FilterSet):
    """`?search=`."""

    search = filters.CharFilter(
        field_name="name", lookup_expr="icontains", max_length=200, help_text="Part of a name."
    )

    class Meta:
        model = ContentSeries
        fields: list[str] = []


class PlanFilter(filters.FilterSet):
    """`?series_id=`, `?recurring_payment=`, `?is_active=`, `?search=`."""

    series_id = filters.UUIDFilter(method="with_series", help_text="Those that open a series.")
    recurring_payment = filters.ChoiceFilter(choices=Recurrence.choices)
    is_active = BooleanFilter(help_text="Others see active ones alone.")
    search = filters.CharFilter(
        field_name="name", lookup_expr="icontains", max_length=200, help_text="Part of a name."
    )

    class Meta:
        model = SubscriptionPlan
        fields: list[str] = []

    def with_series(
        self, rows: QuerySet[SubscriptionPlan], name: str, value: UUID
    ) -> QuerySet[SubscriptionPlan]:
        """Keep plans that open a series."""
        return rows.filter(Exists(PlanSeries.objects.filter(plan=OuterRef("id"), series_id=value)))


class SubscriptionFilter(filters.FilterSet):
    """`?state=`, `?plan_id=`, `?user_id=`, `?is_live=`."""

    state = filters.ChoiceFilter(choices=SubscriptionState.choices)
    plan_id = filters.UUIDFilter()
    user_id = filters.UUIDFilter(help_text="A profile.")
    is_live = BooleanFilter(method="with_live", help_text="Those that have begun and not ended.")

    class Meta:
        model = Subscription
        fields: list[str] = []

    def with_live(
        self, rows: QuerySet[Subscription], name: str, value: bool
    ) -> QuerySet[Subscription]:
        """Keep what has begun and not ended, or the rest."""
        live = Q(state__in=LIVE)
        return rows.filter(live if value else ~live)


class EntitlementFilter(filters.FilterSet):
    """`?user_id=`, `?item_id=`, `?series_id=`, `?source=`, `?is_current=`."""

    user_id = filters.UUIDFilter(help_text="A profile.")
    item_id = filters.UUIDFilter()
    series_id = filters.UUIDFilter()
    source = filters.ChoiceFilter(choices=EntitlementSource.choices)
    is_current = BooleanFilter(method="with_current", help_text="Those that can be used now.")

    class Meta:
        model = Entitlement
        fields: list[str] = []

    def with_current(
        self, rows: QuerySet[Entitlement], name: str, value: bool
    ) -> QuerySet[Entitlement]:
        """Keep what can be used now, or the rest."""
        current = entitlements.is_current(at=clock.now())
        return rows.filter(current if value else ~current)
