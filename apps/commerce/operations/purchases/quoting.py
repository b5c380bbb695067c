"""What a cart costs now: prices are live until it is checked out."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.commerce.models import Purchase, PurchaseLine
from apps.commerce.operations import discounts
from apps.commerce.operations.purchases import setting_aside
from apps.kernel.errors import Problem
from apps.kernel.money import MAX_AMOUNT


class TooExpensive(Problem):
    """A purchase costs more than any amount may be."""

    status = 409
    slug = "purchase-too-expensive"
    title = "It costs more than one purchase can."


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What a purchase would cost, in minor units. Lines that can't be bought count for nothing.

    `code_refused` says why its code takes nothing off; None where it does, or there is none.
    """

    subtotal: int
    discount: int
    code_id: UUID | None
    code_refused: discounts.CodeRefused | None = None

    @property
    def total(self) -> int:
        """What is to be paid."""
        return self.subtotal - self.discount


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedCart:
    """The lines of a cart, the oldest first, and what they would cost."""

    lines: list[PurchaseLine]
    quote: Quote


def quote(
    lines: Sequence[PurchaseLine], *, currency: str, code: str, user_id: UUID | None, at: datetime
) -> Quote:
    """Return what lines would cost now, with their items. Nothing is set aside.

    :param code: a discount code; empty for none.
    :param user_id: the buyer's profile; None while nobody has signed in.
    """
    totals: dict[UUID, int] = defaultdict(int)
    for line in lines:
        if setting_aside.is_for_sale(line, currency=currency):
            totals[line.item_id] += line.item.price * line.quantity
    subtotal = sum(totals.values())
    if not code:
        return Quote(subtotal=subtotal, discount=0, code_id=None)
    try:
        quoted = discounts.quote(code=code, user_id=user_id, currency=currency, lines=totals, at=at)
    except discounts.CodeRefused as refused:
        return Quote(subtotal=subtotal, discount=0, code_id=None, code_refused=refused)
    return Quote(subtotal=subtotal, discount=quoted.discount, code_id=quoted.code_id)


def quote_purchase(purchase: Purchase, lines: Sequence[PurchaseLine], *, at: datetime) -> Quote:
    """Return what a purchase with these lines would cost now."""
    return quote(
        lines,
        currency=purchase.currency,
        code=purchase.discount_code.code if purchase.discount_code else "",
        user_id=purchase.user_id,
        at=at,
    )


def quote_carts(*, ids: Collection[UUID], at: datetime) -> dict[UUID, QuotedCart]:
    """Return what carts would cost now, by their ids. Two queries, and a few for each that has a code."""
    carts = Purchase.objects.filter(id__in=ids).select_related("discount_code")
    lines: dict[UUID, list[PurchaseLine]] = {cart_id: [] for cart_id in ids}
    for line in (
        PurchaseLine.objects.filter(purchase_id__in=ids).select_related("item").order_by("id")
    ):
        lines[line.purchase_id].append(line)
    return {
        cart.id: QuotedCart(lines=lines[cart.id], quote=quote_purchase(cart, lines[cart.id], at=at))
        for cart in carts
    }


def check_affordable(quoted: Quote, *, currency: str) -> None:
    """Refuse what costs more than an amount may be.

    :raises TooExpensive: it does.
    """
    if quoted.subtotal > MAX_AMOUNT:
        raise TooExpensive(
            f"{quoted.subtotal} minor units of {currency} is more than {MAX_AMOUNT}: buy less at once."
        )
