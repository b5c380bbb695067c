"""Carts: filled by whoever holds the token or has signed in, and adopted when they sign in."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.commerce.models import DiscountCode, InventoryItem, Purchase, PurchaseLine, PurchaseState
from apps.commerce.operations.purchases import quoting, setting_aside, states
from apps.commerce.queries import currencies
from apps.kernel.errors import Conflict, Invalid, NotFound
from apps.tenancy import locks

MAX_LINES = 100
MAX_QUANTITY = 1_000


class CartClosed(Conflict):
    """What was checked out is changed no more."""

    slug = "cart-closed"
    title = "It is no cart any more."


class CartFull(Conflict):
    """A cart holds so many lines."""

    slug = "cart-full"
    title = "The cart holds no more lines."


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A cart, and for one of nobody's the token that opens it: it is kept nowhere else."""

    cart: Purchase
    token: str = ""
    is_new: bool = True


def hash_of(token: str) -> str:
    """Return what is kept of a cart's token."""
    return sha256(token.encode()).hexdigest()


def open_cart(*, user_id: UUID | None, currency: str, opened_at: datetime) -> Opened:
    """Return the buyer's cart of a currency, made if they have none; or a new one for whoever gets its token.

    :param user_id: the buyer's profile; None if nobody has signed in.
    :raises Invalid: there is no such currency.
    """
    if currency not in currencies.decimals(codes=[currency]):
        raise Invalid(fields={"currency": [f"{currency} is no currency here."]})
    values = {"currency": currency, "created_on": opened_at, "updated_at": opened_at}
    if user_id is None:
        token = secrets.token_urlsafe(32)
        return Opened(
            cart=Purchase.objects.create(token_hash=hash_of(token), **values), token=token
        )
    found = own_cart(user_id=user_id, currency=currency)
    if found is not None:
        return Opened(cart=found, is_new=False)
    return Opened(cart=Purchase.objects.create(user_id=user_id, **values))


def own_cart(*, user_id: UUID, currency: str) -> Purchase | None:
    """Return the open cart that somebody has of a currency; nobody opens another until this block ends."""
    locks.hold("cart", user_id, currency)
    cart: Purchase | None = Purchase.objects.filter(
        user_id=user_id, currency=currency, state=PurchaseState.CART
    ).first()
    return cart


def add_line(
    *, cart_id: UUID, item_id: UUID, quantity: int, metadata: Mapping[str, Any], added_at: datetime
) -> PurchaseLine:
    """Put so many of an item into a cart, as a line of its own.

    :raises NotFound: there is no such cart.
    :raises CartClosed: it was checked out or dropped.
    :raises CartFull: it has as many lines as there can be.
    :raises Invalid: the item is not for sale, or in another currency; or the quantity is too much.
    """
    cart = hold_cart(cart_id)
    check_quantity(quantity)
    item = InventoryItem.objects.for_sale().filter(id=item_id).first()
    if item is None:
        raise Invalid(fields={"item_id": [f"There is nothing for sale with the id {item_id}."]})
    if item.currency != cart.currency:
        raise Invalid(
            fields={
                "item_id": [
                    f"{item.name} is sold in {item.currency}, and this cart is in {cart.currency}."
                ]
            }
        )
    _check_room(PurchaseLine.objects.filter(purchase_id=cart.id).count() + 1)
    line = PurchaseLine.objects.create(
        purchase=cart,
        item=item,
        quantity=quantity,
        unit_price=item.price,
        total=item.price * quantity,
        metadata=dict(metadata),
        created_on=added_at,
    )
    _sum_up(cart, at=added_at)
    return line


def change_line(
    *, cart_id: UUID, line_id: UUID, changes: Mapping[str, Any], changed_at: datetime
) -> PurchaseLine:
    """Change how many there are of a line, or what is noted on it.

    :param changes: some of quantity and metadata.
    :raises NotFound: there is no such line in the cart.
    :raises CartClosed: it was checked out or dropped.
    :raises Invalid: the quantity is too much.
    """
    cart = hold_cart(cart_id)
    line = PurchaseLine.objects.filter(id=line_id, purchase_id=cart.id).first()
    if line is None:
        raise NotFound
    line.quantity = changes.get("quantity", line.quantity)
    check_quantity(line.quantity)
    line.metadata = changes.get("metadata", line.metadata)
    line.total = line.unit_price * line.quantity
    line.save(update_fields=["quantity", "metadata", "total"])
    _sum_up(cart, at=changed_at)
    return line


def remove_line(*, cart_id: UUID, line_id: UUID, removed_at: datetime) -> None:
    """Take a line out of a cart.

    :raises NotFound: there is no such line in it.
    :raises CartClosed: it was checked out or dropped.
    """
    cart = hold_cart(cart_id)
    removed, _ = PurchaseLine.objects.filter(id=line_id, purchase_id=cart.id).delete()
    if not removed:
        raise NotFound
    _sum_up(cart, at=removed_at)


def change_cart(*, cart_id: UUID, changes: Mapping[str, Any], changed_at: datetime) -> Purchase:
    """Set the code of a cart, or what is noted on it.

    What the code takes off is quoted from then on; it is used up at checkout.

    :param changes: some of discount_code, as somebody has written it and empty for none, and metadata.
    :raises CodeRefused: there is no such code, or it can't be used for what is in the cart.
    :raises CartClosed: it was checked out or dropped.
    """
    cart = hold_cart(cart_id)
    if "metadata" in changes:
        cart.metadata = changes["metadata"]
    if "discount_code" in changes:
        cart.discount_code = _code_for(cart, changes["discount_code"], at=changed_at)
    cart.updated_at = changed_at
    cart.save(update_fields=["metadata", "discount_code", "updated_at"])
    return cart


def adopt_cart(*, cart_id: UUID, user_id: UUID, adopted_at: datetime) -> Purchase:
    """Make a cart of nobody's the buyer's; what they have in one already comes together with it.

    Lines of the same item with the same notes add up. Its token opens nothing from then on. A cart of the
    buyer's stays as it is.

    :param user_id: the buyer's profile.
    :raises CartClosed: it was checked out or dropped.
    :raises CartFull: together they have too many lines.
    :raises Invalid: together there would be too many of an item.
    """
    cart = hold_cart(cart_id)
    if cart.user_id is not None:
        return cart
    own = own_cart(user_id=user_id, currency=cart.currency)
    if own is None:
        cart.user_id, cart.token_hash, cart.updated_at = user_id, "", adopted_at
        cart.save(update_fields=["user_id", "token_hash", "updated_at"])
        return cart
    own = hold_cart(own.id)
    _merge(cart, into=own)
    if own.discount_code_id is None:
        own.discount_code_id = cart.discount_code_id
        own.save(update_fields=["discount_code"])
    _sum_up(own, at=adopted_at)
    _drop(cart, at=adopted_at)
    return own


def expire_carts(*, now: datetime) -> int:
    """Drop carts that nobody has signed in for, nor changed for long; return how many these were."""
    old = Purchase.objects.filter(
        state=PurchaseState.CART,
        user_id=None,
        updated_at__lte=now - settings.CART_EXPIRES_AFTER,
    )
    found = list(old.order_by("id").select_for_update(skip_locked=True))
    for cart in found:
        _drop(cart, at=now)
    return len(found)


def hold_cart(cart_id: UUID) -> Purchase:
    """Return a cart, locked until the unit of work ends.

    :raises NotFound: there is none.
    :raises CartClosed: it was checked out or dropped.
    """
    cart = states.hold(cart_id)
    if not cart.is_cart:
        raise CartClosed(f"It is {cart.state}. Begin a new cart.")
    return cart


def check_quantity(quantity: int) -> None:
    """Refuse what no line may be of.

    :raises Invalid: the quantity is not from 1 to MAX_QUANTITY.
    """
    if not 1 <= quantity <= MAX_QUANTITY:
        raise Invalid(fields={"quantity": [f"{quantity} is not from 1 to {MAX_QUANTITY}."]})


def _check_room(count: int) -> None:
    if count > MAX_LINES:
        raise CartFull(f"{count} lines are more than {MAX_LINES}. Check out what is in it first.")


def _code_for(cart: Purchase, code: str, *, at: datetime) -> DiscountCode | None:
    if not code.strip():
        return None
    quoted = quoting.quote(
        setting_aside.lines_of(cart.id),
        currency=cart.currency,
        code=code,
        user_id=cart.user_id,
        at=at,
    )
    if quoted.code_refused is not None:
        raise quoted.code_refused
    return DiscountCode.objects.filter(id__in=[quoted.code_id]).first()


def _merge(cart: Purchase, *, into: Purchase) -> None:
    own = list(PurchaseLine.objects.filter(purchase_id=into.id))
    added = list(PurchaseLine.objects.filter(purchase_id=cart.id).order_by("id"))
    moved = 0
    for line in added:
        same = next(
            (
                each
                for each in own
                if each.item_id == line.item_id and each.metadata == line.metadata
            ),
            None,
        )
        if same is None:
            line.purchase_id = into.id
            line.save(update_fields=["purchase"])
            own.append(line)
            moved += 1
            continue
        same.quantity += line.quantity
        check_quantity(same.quantity)
        same.unit_price, same.total = line.unit_price, line.unit_price * same.quantity
        same.save(update_fields=["quantity", "unit_price", "total"])
    if moved:
        _check_room(len(own))


def _drop(cart: Purchase, *, at: datetime) -> None:
    """Drop a held cart with all that is in it."""
    PurchaseLine.objects.filter(purchase_id=cart.id).delete()
    states.move(
        cart,
        to=PurchaseState.CANCELLED,
        at=at,
        token_hash="",
        metadata={},
        subtotal=0,
        total=0,
    )


def drop_cart(*, cart_id: UUID, dropped_at: datetime) -> None:
    """Drop a cart with all that is in it.

    :raises CartClosed: it was checked out, or dropped before.
    """
    _drop(hold_cart(cart_id), at=dropped_at)


def _sum_up(cart: Purchase, *, at: datetime) -> None:
    totals = PurchaseLine.objects.filter(purchase_id=cart.id).values_list("total", flat=True)
    cart.subtotal = cart.total = sum(totals)
    cart.updated_at = at
    cart.save(update_fields=["subtotal", "total", "updated_at"])
