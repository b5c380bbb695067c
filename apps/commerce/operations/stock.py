"""Stock: set aside for a purchase, then sold or given free again; and what was sold comes back.

Everything takes its locks in one order: items, then what fans have, then stock, each by item; so
those who buy the same things at once wait for each other, and never in a circle. The database keeps
count itself: `stock_levels` can't hold more than there is, and a reservation has one resolution.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import connections, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from apps.commerce.models import (
    FanQuantity,
    InventoryItem,
    Resolution,
    RestrictedUser,
    StockLevel,
    StockReservation,
    StockResolution,
    StockReturn,
)
from apps.kernel.errors import Conflict, Forbidden, NotFound
from apps.kernel.ids import uuid7
from apps.kernel.refusals import refusing

# Whoever comes second waits for the row here, and adds to what the first has left.
TAKE = """
INSERT INTO fan_quantities AS f (id, item_id, user_id, quantity)
SELECT w.id, w.item_id, %s, w.quantity
FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS w(id, item_id, quantity)
JOIN inventory_items i ON i.id = w.item_id
WHERE i.limit_per_fan IS NULL OR w.quantity <= i.limit_per_fan
ORDER BY w.item_id
ON CONFLICT (tenant_id, item_id, user_id) DO UPDATE SET quantity = f.quantity + excluded.quantity
WHERE f.quantity + excluded.quantity <= coalesce(
    (SELECT i.limit_per_fan FROM inventory_items i WHERE i.id = f.item_id),
    f.quantity + excluded.quantity)
RETURNING item_id
"""


class SoldOut(Conflict):
    """There are fewer of an item left than are wanted; `items` says of which, and how many there are."""

    slug = "sold-out"
    title = "There are not enough left."


class LimitReached(Conflict):
    """Nobody may have more of an item than its limit; `items` says of which, and how many one has."""

    slug = "limit-per-fan-reached"
    title = "You can't have more of it."


class Restricted(Forbidden):
    """An item is not sold to this person; `items` says which."""

    slug = "not-sold-to-you"
    title = "It is not sold to you."


class ReservationEnded(Conflict):
    """What was set aside was sold or given free before."""

    slug = "reservation-ended"
    title = "What was set aside has ended before."


def reserve(
    *,
    purchase_id: UUID,
    user_id: UUID,
    quantities: Mapping[UUID, int],
    reserved_at: datetime,
    expires_at: datetime,
) -> None:
    """Set aside so many of each item for a purchase, all or nothing.

    Whether the items are for sale is for the caller to ask.

    :param quantities: by item, at least 1; the sum, where several lines are of one item.
    :raises NotFound: there is no such item.
    :raises Restricted: one of them is not sold to this person.
    :raises LimitReached: they would have more of one than anybody may.
    :raises SoldOut: there are fewer left.
    """
    wanted = dict(sorted(quantities.items()))
    # A caller may go on after a refusal: nothing of it is left.
    with transaction.atomic(using="commerce"):
        items = _hold_items(wanted)
        _refuse_restricted(items, user_id=user_id)
        _take_for_fan(items, wanted, user_id=user_id)
        StockReservation.objects.bulk_create(
            StockReservation(
                item_id=item_id,
                user_id=user_id,
                purchase_id=purchase_id,
                quantity=quantity,
                expires_at=expires_at,
                created_on=reserved_at,
            )
            for item_id, quantity in wanted.items()
        )
        # Last, since everybody waits for these rows.
        _hold_stock(items, wanted, held_at=reserved_at)


def sell_reserved(*, purchase_id: UUID, sold_at: datetime) -> None:
    """Sell what is set aside for a purchase.

    :raises ReservationEnded: nothing is set aside for it any more.
    """
    reservations = _open_reservations(purchase_id)
    if not reservations:
        raise ReservationEnded(
            f"Nothing is set aside for the purchase {purchase_id} any more: reserve it again."
        )
    _resolve(reservations, Resolution.CAPTURED, at=sold_at)
    for each in reservations:
        _levels(each.item_id).update(
            held=F("held") - each.quantity, sold=F("sold") + each.quantity, updated_at=sold_at
        )


def release_reserved(
    *,
    purchase_id: UUID,
    released_at: datetime,
    resolution: Resolution = Resolution.RELEASED,
) -> int:
    """Give free what is set aside for a purchase; return of how many items, 0 if nothing was.

    :param resolution: RELEASED, or EXPIRED where it is the clock that ends it.
    :raises ReservationEnded: somebody else has just sold it, or given it free.
    """
    reservations = _open_reservations(purchase_id)
    _resolve(reservations, resolution, at=released_at)
    _give_up(reservations)
    for each in reservations:
        _levels(each.item_id).update(held=F("held") - each.quantity, updated_at=released_at)
    return len(reservations)


def give_back(*, purchase_id: UUID, given_back_at: datetime) -> int:
    """Take back what was sold with a purchase, to be sold again; return of how many items.

    What came back before is not counted again.

    :raises ReservationEnded: somebody else takes it back at this moment.
    """
    sold = _held_with_items(
        StockReservation.objects.filter(
            Exists(StockResolution.objects.filter(id=OuterRef("id"), sold__gt=0)),
            ~Exists(StockReturn.objects.filter(id=OuterRef("id"))),
            purchase_id=purchase_id,
        )
    )
    with refusing(alias="commerce", constraints={"stock_returns_pkey": _ended()}):
        StockReturn.objects.bulk_create(
            StockReturn(id=each.id, quantity=each.quantity, returned_at=given_back_at)
            for each in sold
        )
    _give_up(sold)
    for each in sold:
        _levels(each.item_id).update(sold=F("sold") - each.quantity, updated_at=given_back_at)
    return len(sold)


def _hold_items(item_ids: Collection[UUID]) -> dict[UUID, InventoryItem]:
    """Have items keep the kind of stock they have until the unit of work ends; many may hold them together.

    :return: by id, with their names and limits.
    :raises NotFound: one is not there.
    """
    # The ORM has no FOR KEY SHARE, which is all that a foreign key to the item takes.
    rows = InventoryItem.objects.raw(
        "SELECT id, name, limit_per_fan FROM inventory_items WHERE id = ANY(%s) "
        "ORDER BY id FOR KEY SHARE",
        [list(item_ids)],
    )
    items = {item.id: item for item in rows}
    if missing := set(item_ids) - items.keys():
        raise NotFound(f"There is no item with the id {', '.join(sorted(map(str, missing)))}.")
    return items


def _refuse_restricted(items: Mapping[UUID, InventoryItem], *, user_id: UUID) -> None:
    rows = RestrictedUser.objects.filter(item_id__in=items, user_id=user_id).order_by("item_id")
    if refused := list(rows.values_list("item_id", flat=True)):
        names = ", ".join(items[item_id].name for item_id in refused)
        raise Restricted(
            f"This can't be sold to you: {names}. Take it out of the purchase.",
            extra={"items": [{"item_id": str(item_id)} for item_id in refused]},
        )


def _take_for_fan(
    items: Mapping[UUID, InventoryItem], wanted: Mapping[UUID, int], *, user_id: UUID
) -> None:
    ids = [uuid7() for _ in wanted]
    with connections["commerce"].cursor() as cursor:
        cursor.execute(TAKE, [user_id, ids, list(wanted), list(wanted.values())])
        taken = {item_id for (item_id,) in cursor.fetchall()}
    refused = [item for item_id, item in items.items() if item_id not in taken]
    if not refused:
        return
    rows = FanQuantity.objects.filter(item__in=refused, user_id=user_id)
    has = dict(rows.values_list("item_id", "quantity"))
    listed = [
        f"at most {item.limit_per_fan} of {item.name}, of which you have {has.get(item.id, 0)}"
        for item in refused
    ]
    raise LimitReached(
        f"Nobody may have more than this: {'; '.join(listed)}. Take fewer.",
        extra={
            "items": [
                {
                    "item_id": str(item.id),
                    "limit_per_fan": item.limit_per_fan,
                    "has": has.get(item.id, 0),
                }
                for item in refused
            ]
        },
    )


def _hold_stock(
    items: Mapping[UUID, InventoryItem], wanted: Mapping[UUID, int], *, held_at: datetime
) -> None:
    limited = set(StockLevel.objects.filter(item_id__in=wanted).values_list("item_id", flat=True))
    refused = [
        item_id
        for item_id, quantity in wanted.items()
        if item_id in limited
        and not _levels(item_id)
        .filter(quantity__gte=F("held") + F("sold") + quantity)
        .update(held=F("held") + quantity, updated_at=held_at)
    ]
    if not refused:
        return
    levels = StockLevel.objects.filter(item_id__in=refused)
    left = {level.item_id: level.quantity - level.held - level.sold for level in levels}
    listed = [f"{left[item_id]} of {items[item_id].name}" for item_id in refused]
    raise SoldOut(
        f"There are only so many left: {', '.join(listed)}. Take fewer.",
        extra={
            "items": [{"item_id": str(item_id), "available": left[item_id]} for item_id in refused]
        },
    )


def _open_reservations(purchase_id: UUID) -> list[StockReservation]:
    """Return what is set aside for a purchase, in the order in which its stock is locked."""
    resolutions = StockResolution.objects.filter(id=OuterRef("id"))
    return _held_with_items(
        StockReservation.objects.filter(~Exists(resolutions), purchase_id=purchase_id)
    )


def _held_with_items(rows: Iterable[StockReservation]) -> list[StockReservation]:
    reservations = sorted(rows, key=lambda each: each.item_id)
    _hold_items({each.item_id for each in reservations})
    return reservations


def _resolve(
    reservations: Iterable[StockReservation], resolution: Resolution, *, at: datetime
) -> None:
    """Write how reservations ended. Their keys are what those who race for them race for."""
    is_sold = resolution == Resolution.CAPTURED
    keys = ("stock_resolutions_pkey", "stock_resolutions_key")
    with refusing(alias="commerce", constraints=dict.fromkeys(keys, _ended())):
        StockResolution.objects.bulk_create(
            StockResolution(
                id=each.id,
                quantity=each.quantity,
                sold=each.quantity if is_sold else 0,
                released=0 if is_sold else each.quantity,
                resolution=resolution,
                resolved_at=at,
            )
            for each in reservations
        )


def _give_up(reservations: Iterable[StockReservation]) -> None:
    for each in reservations:
        FanQuantity.objects.filter(item_id=each.item_id, user_id=each.user_id).update(
            quantity=F("quantity") - each.quantity
        )


def _levels(item_id: UUID) -> QuerySet[StockLevel]:
    return StockLevel.objects.filter(item_id=item_id)


def _ended() -> ReservationEnded:
    return ReservationEnded("Somebody else has just ended it. Read the purchase again.")
