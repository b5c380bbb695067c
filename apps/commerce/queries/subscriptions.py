"""Reads of subscriptions and plans."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.commerce.models import (
    PlanSeries,
    Subscription,
    SubscriptionPeriod,
    SubscriptionState,
)
from apps.commerce.models.subscription import LIVE


def due(*, now: datetime) -> QuerySet[Subscription]:
    """Return the subscriptions that the clock has something to do with, what fell due first before."""
    return Subscription.objects.filter(due_at__lte=now).order_by("due_at", "id")


def next_due_at(*, until: datetime) -> datetime | None:
    """Return when the next subscription falls due, if one does by then."""
    return due(now=until).values_list("due_at", flat=True).first()


def is_awaited(*, subscription_id: UUID, period_id: UUID) -> bool:
    """Return whether a subscription still waits for the payment of a period."""
    waiting = SubscriptionPeriod.objects.filter(
        id=period_id,
        subscription_id=subscription_id,
        subscription__state__in=[SubscriptionState.INCOMPLETE, *LIVE],
        paid_at=None,
    )
    return waiting.exists()


def series_of_plans(plan_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return the ids of the series that plans open, by plan; one without any is not in it. One query."""
    rows = PlanSeries.objects.filter(plan_id__in=plan_ids, series__deleted_at=None)
    found: dict[UUID, list[UUID]] = {}
    for plan_id, series_id in rows.order_by("id").values_list("plan_id", "series_id"):
        found.setdefault(plan_id, []).append(series_id)
    return found
