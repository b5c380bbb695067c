"""Addresses of subscriptions, under /api/v1/."""

from django.urls import path

from apps.commerce.api.views.clock import ClockViewSet
from apps.commerce.api.views.entitlements import EntitlementViewSet
from apps.commerce.api.views.plans import PlanViewSet
from apps.commerce.api.views.series import SeriesViewSet
from apps.commerce.api.views.subscriptions import PeriodViewSet, SubscriptionViewSet

urlpatterns = [
    path(
        "subscription-plans",
        PlanViewSet.as_view({"get": "list", "post": "create"}),
        name="subscription-plans",
    ),
    path(
        "subscription-plans/<uuid:plan_id>",
        PlanViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="subscription-plan",
    ),
    path(
        "content-series",
        SeriesViewSet.as_view({"get": "list", "post": "create"}),
        name="content-series",
    ),
    path(
        "content-series/<uuid:series_id>",
        SeriesViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="content-series-one",
    ),
    path(
        "subscriptions",
        SubscriptionViewSet.as_view({"get": "list", "post": "create"}),
        name="subscriptions",
    ),
    path(
        "subscriptions/<uuid:subscription_id>",
        SubscriptionViewSet.as_view({"get": "retrieve"}),
        name="subscription",
    ),
    *(
        path(
            f"subscriptions/<uuid:subscription_id>/{action.replace('_', '-')}",
            SubscriptionViewSet.as_view({"post": action}),
            name=f"subscription-{action.replace('_', '-')}",
        )
        for action in ("cancel", "resume", "change_plan", "pay")
    ),
    path(
        "subscriptions/<uuid:subscription_id>/periods",
        PeriodViewSet.as_view({"get": "list"}),
        name="subscription-periods",
    ),
    path(
        "entitlements",
        EntitlementViewSet.as_view({"get": "list", "post": "create"}),
        name="entitlements",
    ),
    path(
        "entitlements/<uuid:entitlement_id>",
        EntitlementViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="entitlement",
    ),
    path(
        "test-clock",
        ClockViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
        name="test-clock",
    ),
    path(
        "test-clock/advance", ClockViewSet.as_view({"post": "advance"}), name="test-clock-advance"
    ),
]
