"""Items: made, changed, put up for sale, and deleted."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.commerce.contracts import ItemChanged
from apps.commerce.models import InventoryItem, ItemState
from apps.commerce.models.inventory import TRANSITIONS
from apps.commerce.operations import item_lists, stock_levels
from apps.commerce.queries import currencies
from apps.kernel import messages
from apps.kernel.errors import Conflict, NotFound
from apps.kernel.refusals import refusing

# What was said once it was for sale: a price of 1,000 yen is not to become one of 1,000 dollars.
FIXED_ONCE_FOR_SALE = ("currency", "item_type")


class ItemExists(Conflict):
    """An `item_id` names one item, a deleted one too."""

    slug = "item-exists"
    title = "There is such an item already."


class ItemStateRefused(Conflict):
    """An item goes from one state into some others only; what is archived stays so."""

    slug = "item-state-refused"
    title = "The item can't go into this state now."


class FixedOnceForSale(Conflict):
    """Currency and type of an item can be changed while it is a draft."""

    slug = "item-was-for-sale"
    title = "This can't be changed once it was for sale."


def create_item(
    *,
    values: Mapping[str, Any],
    lists: Mapping[str, Collection[UUID]] | None = None,
    quantity: int | None = None,
    created_by_id: UUID,
    created_on: datetime,
) -> InventoryItem:
    """Make an item.

    :param values: by field name: name, item_type, price, currency and what else it has; ACTIVE as its
        state puts it up for sale at once.
    :param lists: see `item_lists.LISTS`.
    :param quantity: how many there are; without end when None.
    :param created_by_id: the profile of who makes what is sold.
    :raises ItemExists: there is one of this `item_id`.
    :raises ItemStateRefused: it would begin as something else than DRAFT or ACTIVE.
    :raises Invalid: the currency, the maker or something in a list is none.
    """
    item = InventoryItem(
        **values, created_by_id=created_by_id, created_on=created_on, updated_at=created_on
    )
    item.item_id = item.item_id or str(item.id)
    currencies.check_currency(code=item.currency)
    if item.state not in (ItemState.DRAFT, ItemState.ACTIVE):
        raise ItemStateRefused(f"An item begins as DRAFT or ACTIVE, not as {item.state}.")
    with refusing(alias="commerce", constraints=_refusals(item)):
        item.save(force_insert=True)
    item_lists.replace_lists(item, lists or {})
    if quantity is not None:
        stock_levels.set_quantity(item_id=item.id, quantity=quantity, set_at=created_on)
    messages.record(ItemChanged(item_id=item.id, change="CREATED", state=item.state))
    return item


def update_item(
    *,
    item_id: UUID,
    changes: Mapping[str, Any],
    lists: Mapping[str, Collection[UUID]] | None = None,
    updated_at: datetime,
) -> InventoryItem:
    """Change what `changes` names: `quantity` too, where it is, with None for without end.

    :param lists: exactly these afterwards; those that are not named stay as they are.
    :raises NotFound: there is no such item.
    :raises ItemStateRefused: its state does not lead to the one that is asked for.
    :raises FixedOnceForSale: it is no draft any more, and its currency or type was to change.
    :raises QuantityTooLow: more of it are set aside or sold.
    :raises ItemExists: there is another of this `item_id`.
    :raises Invalid: the currency, the maker or something in a list is none.
    """
    item = _hold(item_id)
    values = {name: value for name, value in changes.items() if name != "quantity"}
    _refuse_fixed(item, values)
    _refuse_state(item, values.get("state", item.state))
    if values.get("currency", item.currency) != item.currency:
        currencies.check_currency(code=values["currency"])
    for name, value in values.items():
        setattr(item, name, value)
    item.updated_at = updated_at
    with refusing(alias="commerce", constraints=_refusals(item)):
        item.save(update_fields=[*values, "updated_at"])
    item_lists.replace_lists(item, lists or {})
    if "quantity" in changes:
        stock_levels.set_quantity(item_id=item.id, quantity=changes["quantity"], set_at=updated_at)
    messages.record(ItemChanged(item_id=item.id, change="CHANGED", state=item.state))
    return item


def delete_item(*, item_id: UUID, deleted_at: datetime) -> None:
    """Delete an item softly: nobody sees or buys it any more; what was bought of it stays bought.

    :raises NotFound: there is no such item.
    """
    item = _hold(item_id)
    item.deleted_at = item.updated_at = deleted_at
    item.save(update_fields=["deleted_at", "updated_at"])
    messages.record(ItemChanged(item_id=item.id, change="DELETED", state=item.state))


def _hold(item_id: UUID) -> InventoryItem:
    item = InventoryItem.objects.present().select_for_update().filter(id=item_id).first()
    if item is None:
        raise NotFound
    return item


def _refuse_fixed(item: InventoryItem, values: Mapping[str, Any]) -> None:
    changed = [
        name
        for name in FIXED_ONCE_FOR_SALE
        if values.get(name, getattr(item, name)) != getattr(item, name)
    ]
    if changed and item.state != ItemState.DRAFT:
        raise FixedOnceForSale(
            "Archive the item and make another.",
            fields={
                name: [f"It is {getattr(item, name)}, and stays so: the item is {item.state}."]
                for name in changed
            },
        )


def _refuse_state(item: InventoryItem, state: str) -> None:
    before = ItemState(item.state)
    if state == before or state in TRANSITIONS[before]:
        return
    after = " or ".join(TRANSITIONS[before]) or "nothing else"
    raise ItemStateRefused(
        f"The item is {before}; it can become {after}.",
        fields={"state": [f"{before} does not lead to {state}."]},
    )


def _refusals(item: InventoryItem) -> dict[str, Conflict]:
    return {
        "inventory_items_item_id": ItemExists(
            "Use that one, or choose another item_id.",
            fields={"item_id": [f"There is an item {item.item_id} already."]},
        ),
    }
