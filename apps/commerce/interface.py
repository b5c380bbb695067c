"""What other contexts may ask of commerce. Read-only, batched; call inside a binding."""

from collections.abc import Collection
from uuid import UUID

from apps.commerce.contracts import ItemDocument, ItemSummary, PlanSummary, SeriesSummary
from apps.commerce.models import (
    ContentSeries,
    InventoryItem,
    ItemState,
    ItemTag,
    SubscriptionPlan,
)
from apps.commerce.queries import clock, currencies, entitlements


def get_items(*, ids: Collection[UUID]) -> dict[UUID, ItemSummary]:
    """Return what is, or was, for sale by id; an absent id is deleted, or not yours. One query."""
    rows = InventoryItem.objects.present().filter(id__in=ids)
    columns = ("id", "name", "item_type", "state", "price", "currency")
    return {row["id"]: ItemSummary(**row) for row in rows.values(*columns)}


def existing_item_ids(*, ids: Collection[UUID]) -> set[UUID]:
    """Return those of the ids that a new reference may point at: there, and not deleted."""
    rows = InventoryItem.objects.present().filter(id__in=ids)
    return set(rows.values_list("id", flat=True))


def get_search_documents(*, ids: Collection[UUID]) -> dict[UUID, ItemDocument]:
    """Return what items can be found by; deleted ones can't. Two queries."""
    tag_ids: dict[UUID, list[UUID]] = {}
    tags = ItemTag.objects.filter(item_id__in=ids).order_by("id")
    for item_id, tag_id in tags.values_list("item_id", "tag_id"):
        tag_ids.setdefault(item_id, []).append(tag_id)
    rows = InventoryItem.objects.present().filter(id__in=ids)
    return {
        id_: ItemDocument(
            id=id_,
            title=name,
            keywords=" ".join(keywords),
            body=description,
            tag_ids=tuple(tag_ids.get(id_, ())),
            is_public=state == ItemState.ACTIVE,
        )
        for id_, name, keywords, description, state in rows.values_list(
            "id", "name", "keywords", "description", "state"
        )
    }


def get_series(*, ids: Collection[UUID]) -> dict[UUID, SeriesSummary]:
    """Return series of contents by id; an absent id is deleted, or not yours. One query."""
    rows = ContentSeries.objects.filter(id__in=ids, deleted_at=None).values("id", "name")
    return {row["id"]: SeriesSummary(**row) for row in rows}


def existing_series_ids(*, ids: Collection[UUID]) -> set[UUID]:
    """Return those of the ids that a new reference may point at: there, and not deleted."""
    rows = ContentSeries.objects.filter(id__in=ids, deleted_at=None)
    return set(rows.values_list("id", flat=True))


def get_plans(*, ids: Collection[UUID]) -> dict[UUID, PlanSummary]:
    """Return plans by id, those that can't be subscribed to any more among them. One query."""
    rows = SubscriptionPlan.objects.filter(id__in=ids)
    columns = ("id", "name", "price", "currency", "recurring_payment")
    return {row["id"]: PlanSummary(**row) for row in rows.values(*columns)}


def existing_plan_ids(*, ids: Collection[UUID]) -> set[UUID]:
    """Return those of the ids that a new reference may point at: there, and not deleted."""
    rows = SubscriptionPlan.objects.filter(id__in=ids, deleted_at=None)
    return set(rows.values_list("id", flat=True))


def currency_decimals(*, codes: Collection[str]) -> dict[str, int]:
    """Return how many decimals currencies have, the tenant's own among them; what is none is not in it."""
    return currencies.decimals(codes=codes)


def has_entitlements(
    *,
    user_ids: Collection[UUID],
    item_ids: Collection[UUID] = (),
    series_ids: Collection[UUID] = (),
) -> dict[UUID, set[UUID]]:
    """Return which of some items and series people may use now, by profile; who may use none is not in it.

    An item can be used by who bought it, was given it, or has a plan that makes buying it needless. Three
    queries, however many there are.
    """
    return entitlements.has(
        user_ids=user_ids, item_ids=item_ids, series_ids=series_ids, at=clock.now()
    )
