"""What the demo purchases take out of stock, and what their buyers may use: written down."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from apps.commerce.demo.paying import DECIDED_AFTER
from apps.commerce.demo.sales import EXPIRES_AFTER, Fate, Sale
from apps.commerce.models import (
    Entitlement,
    EntitlementSource,
    FanQuantity,
    Resolution,
    StockLevel,
    StockReservation,
    StockResolution,
    StockReturn,
)

BATCH = 1_000
DAY = timedelta(days=1)
RESOLUTIONS: Mapping[Fate, Resolution] = {
    Fate.EXPIRED: Resolution.EXPIRED,
    Fate.CANCELLED: Resolution.RELEASED,
    Fate.FAILED: Resolution.RELEASED,
}


def write_stock(sales: Iterable[Sale]) -> None:
    """Write what was set aside for each purchase, how that ended, and what it all adds up to."""
    kept = [
        (sale, reservation)
        for sale in sales
        if sale.fate != Fate.CART
        for reservation in _reservations(sale)
    ]
    StockReservation.objects.bulk_create((row for _, row in kept), batch_size=BATCH)
    StockResolution.objects.bulk_create(
        (_resolution(sale, row) for sale, row in kept), batch_size=BATCH
    )
    StockReturn.objects.bulk_create(
        StockReturn(id=row.id, quantity=row.quantity, returned_at=sale.later_at)
        for sale, row in kept
        if sale.fate == Fate.REFUNDED
    )
    _add_up(kept)


def _add_up(kept: Iterable[tuple[Sale, StockReservation]]) -> None:
    had: dict[tuple[UUID, UUID], int] = defaultdict(int)
    sold: dict[UUID, int] = defaultdict(int)
    for sale, row in kept:
        quantity = row.quantity if sale.keeps_stock else 0
        had[row.item_id, row.user_id] += quantity
        sold[row.item_id] += quantity
    FanQuantity.objects.bulk_create(
        (
            FanQuantity(item_id=item_id, user_id=user_id, quantity=quantity)
            for (item_id, user_id), quantity in had.items()
        ),
        batch_size=BATCH,
    )
    levels = list(StockLevel.objects.filter(item_id__in=sold))
    for level in levels:
        level.sold = sold[level.item_id]
    StockLevel.objects.bulk_update(levels, ["sold"])


def _reservations(sale: Sale) -> list[StockReservation]:
    quantities: dict[UUID, int] = defaultdict(int)
    for _, item, quantity in sale.lines:
        quantities[item.id] += quantity
    return [
        StockReservation(
            item_id=item_id,
            user_id=sale.buyer.user_id,
            purchase_id=sale.id,
            quantity=quantity,
            expires_at=sale.checked_out_at + EXPIRES_AFTER,
            created_on=sale.checked_out_at,
        )
        for item_id, quantity in sorted(quantities.items())
    ]


def _resolution(sale: Sale, row: StockReservation) -> StockResolution:
    return StockResolution(
        id=row.id,
        quantity=row.quantity,
        sold=row.quantity if sale.is_paid else 0,
        released=0 if sale.is_paid else row.quantity,
        resolution=RESOLUTIONS.get(sale.fate, Resolution.CAPTURED),
        resolved_at=sale.done_at,
    )


def write_entitlements(
    sales: Iterable[Sale], series_of_item: Mapping[UUID, Sequence[UUID]]
) -> None:
    """Write what buyers may use, and no longer may."""
    rows = []
    for sale in sales:
        if not sale.is_paid:
            continue
        for line_id, item, quantity in sale.lines:
            common = _common(sale, line_id, item.auto_expires)
            rows.append(Entitlement(item=item, quantity=quantity, **common))
            rows += [
                Entitlement(series_id=series_id, **common)
                for series_id in series_of_item.get(item.id, ())
            ]
    Entitlement.objects.bulk_create(rows, batch_size=BATCH)


def _common(sale: Sale, line_id: UUID, days: int | None) -> dict[str, object]:
    revoked_at = sale.later_at if sale.fate == Fate.REFUNDED else None
    if sale.fate == Fate.LOST:
        revoked_at = sale.later_at + DECIDED_AFTER
    return {
        "user_id": sale.buyer.user_id,
        "source": EntitlementSource.PURCHASE,
        "source_id": line_id,
        "starts_at": sale.done_at,
        "ends_at": sale.done_at + DAY * days if days else None,
        "revoked_at": revoked_at,
        "created_on": sale.done_at,
    }
