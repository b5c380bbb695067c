"""Setting aside what a purchase is of: stock and a turn of its code. And letting go of it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from apps.commerce.models import ItemState, Purchase, PurchaseLine, Resolution
from apps.commerce.operations import discounts, ledger, stock
from apps.kernel.errors import Conflict


class NotForSale(Conflict):
    """Something in the purchase can't be bought, or not any more."""

    slug = "not-for-sale"
    title = "Something in it is not for sale."


def lines_of(purchase_id: UUID) -> list[PurchaseLine]:
    """Return the lines of a purchase with their items. One query."""
    lines = PurchaseLine.objects.filter(purchase_id=purchase_id)
    return list(lines.select_related("item").order_by("id"))


def check_lines(lines: Sequence[PurchaseLine], *, currency: str) -> None:
    """Refuse what can't be bought.

    :raises NotForSale: an item is not for sale, or in another currency by now.
    """
    gone = {line.item_id for line in lines if not is_for_sale(line, currency=currency)}
    if gone:
        ids = sorted(str(id_) for id_ in gone)
        raise NotForSale(
            f"{', '.join(ids)} can't be bought any more: take it out of the cart.",
            extra={"items": [{"item_id": id_} for id_ in ids]},
        )


def is_for_sale(line: PurchaseLine, *, currency: str) -> bool:
    """Return whether the item of a line can be bought now, in a currency."""
    item = line.item
    is_there = item.state == ItemState.ACTIVE and item.deleted_at is None
    return is_there and item.currency == currency


def set_aside(
    purchase: Purchase, lines: Sequence[PurchaseLine], *, at: datetime, expires_at: datetime
) -> None:
    """Reserve what a held purchase is of, summed up over its lines, and take a turn of its code.

    :raises Restricted: an item is not sold to the buyer.
    :raises LimitReached: the buyer would have more of an item than anybody may.
    :raises SoldOut: there is less of an item than that.
    :raises CodeRefused: the code is used up.
    """
    quantities: dict[UUID, int] = defaultdict(int)
    for line in lines:
        quantities[line.item_id] += line.quantity
    stock.reserve(
        purchase_id=purchase.id,
        user_id=purchase.buyer_id,
        quantities=quantities,
        reserved_at=at,
        expires_at=expires_at,
    )
    if purchase.discount_code_id and purchase.discount:
        discounts.claim(
            code_id=purchase.discount_code_id,
            user_id=purchase.buyer_id,
            purchase_id=purchase.id,
            amount=purchase.discount,
            used_at=at,
        )


def let_go(
    purchase: Purchase,
    *,
    at: datetime,
    resolution: Resolution = Resolution.RELEASED,
    created_by_id: UUID | None = None,
) -> None:
    """Give back all that is set aside for a held purchase: stock, code and money.

    :param resolution: RELEASED or EXPIRED.
    """
    stock.release_reserved(purchase_id=purchase.id, released_at=at, resolution=resolution)
    if purchase.discount_code_id:
        discounts.release(purchase_id=purchase.id)
    if purchase.hold_id:
        cause = ledger.Cause(
            key=f"purchase:{purchase.id}:release",
            at=at,
            created_by_id=created_by_id,
            purchase_id=purchase.id,
        )
        ledger.holds.release_hold(hold_id=purchase.hold_id, cause=cause, resolution=resolution)
