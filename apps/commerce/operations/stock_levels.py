"""How many there are of an item: said by whoever keeps the stock."""

from datetime import datetime
from uuid import UUID

from apps.commerce.models import InventoryItem, StockLevel
from apps.commerce.queries.stock import Counts, counts_of
from apps.kernel.errors import Conflict, NotFound


class QuantityTooLow(Conflict):
    """There can't be fewer of an item than are set aside or sold."""

    slug = "quantity-too-low"
    title = "More of it are set aside or sold."


def set_quantity(*, item_id: UUID, quantity: int | None, set_at: datetime) -> None:
    """Say how many there are of an item in all, those that are set aside or sold among them.

    :param quantity: None for without end.
    :raises NotFound: there is no such item.
    :raises QuantityTooLow: more than that are set aside or sold.
    """
    # Whoever reserves holds the item too: while its kind of stock changes, nobody does.
    items = InventoryItem.objects.present().select_for_update()
    if items.filter(id=item_id).values_list("id", flat=True).first() is None:
        raise NotFound
    level = StockLevel.objects.select_for_update().filter(item_id=item_id).first()
    if quantity is None:
        if level is not None:
            level.delete()
        return
    if level is None:
        counts = counts_of(item_ids=[item_id]).get(item_id, Counts(held=0, sold=0))
        level = StockLevel(item_id=item_id, held=counts.held, sold=counts.sold)
    if quantity < level.held + level.sold:
        raise QuantityTooLow(
            f"{level.held} are set aside and {level.sold} sold: there are at least "
            f"{level.held + level.sold}, not {quantity}.",
            fields={"quantity": [f"Give {level.held + level.sold} at least."]},
            extra={"held": level.held, "sold": level.sold},
        )
    level.quantity, level.updated_at = quantity, set_at
    level.save()
