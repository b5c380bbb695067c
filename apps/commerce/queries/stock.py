"""Reading stock: what is set aside, sold and back, as its reservations tell."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Sum

from apps.commerce.models import StockReservation, StockResolution, StockReturn


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many of an item are set aside, and how many are sold and did not come back."""

    held: int
    sold: int


def counts_of(*, item_ids: Collection[UUID]) -> dict[UUID, Counts]:
    """Return what the reservations of items add up to; an item that nobody wanted is not in it. Three queries.

    These are the sums that `stock_levels` keeps.
    """
    reserved = StockReservation.objects.filter(item_id__in=item_ids)
    resolutions = StockResolution.objects.filter(id=OuterRef("id"))
    held = _sums(reserved.filter(~Exists(resolutions)))
    sold_ids = StockResolution.objects.filter(sold__gt=0).values("id")
    sold = _sums(reserved.filter(id__in=sold_ids))
    back = _sums(reserved.filter(id__in=StockReturn.objects.values("id")))
    return {
        item_id: Counts(held=held.get(item_id, 0), sold=sold.get(item_id, 0) - back.get(item_id, 0))
        for item_id in {*held, *sold}
    }


def _sums(rows: QuerySet[StockReservation]) -> dict[UUID, int]:
    summed = rows.values("item_id").annotate(total=Sum("quantity"))
    return dict(summed.values_list("item_id", "total"))
