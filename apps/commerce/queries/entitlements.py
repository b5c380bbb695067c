"""Who may use what."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.commerce.models import Entitlement, ItemPlan, Subscription


def is_current(*, at: datetime) -> Q:
    """Return the condition that an entitlement can be used at a time."""
    return (
        Q(starts_at__lte=at)
        & (Q(ends_at__isnull=True) | Q(ends_at__gt=at))
        & (Q(revoked_at__isnull=True) | Q(revoked_at__gt=at))
    )


def has(
    *,
    user_ids: Collection[UUID],
    item_ids: Collection[UUID] = (),
    series_ids: Collection[UUID] = (),
    at: datetime,
) -> dict[UUID, set[UUID]]:
    """Return which of the items and series people may use at a time, by profile.

    A profile that may use none of them is not in it. An item can be used by who bought it, was given it,
    or has a plan that makes buying it needless. Two queries, however many there are.
    """
    found: dict[UUID, set[UUID]] = {}
    rows = Entitlement.objects.filter(
        is_current(at=at),
        Q(item_id__in=item_ids) | Q(series_id__in=series_ids),
        user_id__in=user_ids,
    )
    for user_id, item_id, series_id in rows.values_list("user_id", "item_id", "series_id"):
        found.setdefault(user_id, set()).add(item_id or series_id)
    if not item_ids:
        return found
    for user_id, item_id in _by_plan(user_ids=user_ids, item_ids=item_ids, at=at):
        found.setdefault(user_id, set()).add(item_id)
    return found


def _by_plan(
    *, user_ids: Collection[UUID], item_ids: Collection[UUID], at: datetime
) -> QuerySet[ItemPlan, tuple[UUID, UUID]]:
    # What has begun: on trial, or with a period that was paid.
    begun = Q(trial_ends_at__isnull=False) | Q(periods__paid_at__isnull=False)
    live = Subscription.objects.filter(
        begun,
        Q(ended_at=None) | Q(ended_at__gt=at),
        user_id__in=user_ids,
        created_on__lte=at,
    )
    return ItemPlan.objects.filter(
        item_id__in=item_ids, plan__subscriptions__in=live.values("id")
    ).values_list("plan__subscriptions__user_id", "item_id")
