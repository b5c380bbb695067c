"""Reading items: which of them somebody sees, and what hangs on them."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import F, Model, Q, QuerySet

from apps.commerce.models import (
    InventoryItem,
    ItemPlan,
    ItemSeries,
    ItemState,
    ItemTag,
    RestrictedUser,
)
from apps.commerce.queries.viewers import Viewer


def visible_items(*, viewer: Viewer) -> QuerySet[InventoryItem]:
    """Return the items that somebody sees, with `quantity` and `available` (NULL for without end).

    Everybody sees what is for sale, editors see all, and whoever makes what is sold their own.
    """
    present: QuerySet[InventoryItem] = InventoryItem.objects.present()
    items = present.annotate(
        quantity=F("stock__quantity"),
        available=F("stock__quantity") - F("stock__held") - F("stock__sold"),
    )
    if viewer.is_editor:
        return items
    return items.filter(Q(state=ItemState.ACTIVE) | Q(created_by_id__in=viewer.profile_ids))


def tag_ids(item_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return the tags of items, in a stable order. One query."""
    return _ids(ItemTag, "tag_id", item_ids)


def series_ids(item_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return the series that items open, in a stable order; deleted ones are left out. One query."""
    return _ids(ItemSeries, "series_id", item_ids, series__deleted_at=None)


def plan_ids(item_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return the plans on offer whose subscribers need not buy the items, in a stable order. One query."""
    return _ids(ItemPlan, "plan_id", item_ids, plan__deleted_at=None, plan__is_active=True)


def all_series_ids(item_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return the same with those that are deleted: for whoever changes the list. One query."""
    return _ids(ItemSeries, "series_id", item_ids)


def all_plan_ids(item_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return the same with those that nobody can subscribe to: for whoever changes the list. One query."""
    return _ids(ItemPlan, "plan_id", item_ids)


def restricted_user_ids(item_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return whom items are not sold to, in a stable order. One query."""
    return _ids(RestrictedUser, "user_id", item_ids)


def _ids(
    model: type[Model], column: str, item_ids: Collection[UUID], **only: object
) -> dict[UUID, list[UUID]]:
    rows = model._default_manager.filter(item_id__in=item_ids, **only).order_by("id")
    found: dict[UUID, list[UUID]] = {}
    for item_id, id_ in rows.values_list("item_id", column):
        found.setdefault(item_id, []).append(id_)
    return found
