"""Checkout: prices are fixed, everything is set aside, and the money is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from apps.commerce.models import (
    Payment,
    PaymentPurpose,
    PaymentState,
    Provider,
    Purchase,
    PurchaseLine,
    PurchaseState,
)
from apps.commerce.operations import wallets
from apps.commerce.operations.payments import creating
from apps.commerce.operations.purchases import (
    moving_money,
    quoting,
    setting_aside,
    settling,
    states,
)
from apps.commerce.operations.purchases.recipients import Recipient, replace_recipients
from apps.kernel.errors import Conflict, Invalid, NotFound

# A failed or cancelled payment is no longer that of a purchase: a new one may be made.
ALIVE = (PaymentState.CREATED, PaymentState.PENDING, PaymentState.SUCCEEDED)
REPEATABLE = frozenset({PurchaseState.PENDING, PurchaseState.COMPLETED})


class CartEmpty(Conflict):
    """There is nothing in the cart."""

    slug = "cart-empty"
    title = "There is nothing in the cart."


class PriceChanged(Conflict):
    """It costs something else than the buyer has seen; `extra` says what."""

    slug = "price-changed"
    title = "It costs something else by now."


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How a cart is to be paid, and for whom it is.

    :param expected_total: what the buyer has seen, in minor units; None if they buy at any price.
    :param is_captured_later: the wallet's money is held, and taken when the staff says so.
    """

    provider: str
    recipients: Sequence[Recipient] = ()
    expected_total: int | None = None
    is_captured_later: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedOut:
    """A purchase, and what a provider is to be asked for; no payment where none is asked."""

    purchase: Purchase
    payment: Payment | None = None


def check_out(
    *,
    cart_id: UUID,
    user_id: UUID,
    wishes: Wishes,
    checked_out_at: datetime,
    created_by_id: UUID | None = None,
) -> CheckedOut:
    """Check a cart of the buyer's out: from then on it is a purchase.

    With the wallet it is paid for at once, or the money is held; what costs nothing is completed at once. A
    provider is asked by whoever calls, after this unit of work. Once more with the same provider gives the
    same purchase and payment.

    :param user_id: the buyer's profile.
    :raises NotFound: the buyer has no such cart.
    :raises WrongState: it was checked out with another provider, or has ended.
    :raises CartEmpty: there is nothing in it.
    :raises NotForSale: an item is not for sale any more.
    :raises PriceChanged: it costs something else than expected.
    :raises TooExpensive: it costs more than one purchase can.
    :raises CodeRefused: its code can't be used for it.
    :raises Restricted: an item is not sold to the buyer.
    :raises LimitReached: the buyer would have more of an item than anybody may.
    :raises SoldOut: there is less left of an item.
    :raises InsufficientFunds: there is less in the wallet.
    :raises PersonGone, PersonShutOut: of a wallet whose owner may not move money.
    :raises Invalid: there is no such provider, only wallets are captured later, or a recipient's line is not in it.
    """
    _check_wishes(wishes)
    if wishes.provider == Provider.WALLET:
        wallets.check_people(ids=[user_id])
    purchase = states.hold(cart_id)
    if purchase.user_id != user_id:
        raise NotFound
    if not purchase.is_cart:
        return _again(purchase, wishes)
    lines = setting_aside.lines_of(purchase.id)
    _fix_prices(purchase, lines, wishes, at=checked_out_at)
    replace_recipients(
        purchase=purchase,
        line_ids={line.id for line in lines},
        recipients=wishes.recipients,
        created_on=checked_out_at,
    )
    wait = settings.PURCHASE_EXPIRES_AFTER
    if wishes.is_captured_later:
        wait = settings.PURCHASE_HOLD_EXPIRES_AFTER
    purchase.expires_at = checked_out_at + wait
    setting_aside.set_aside(purchase, lines, at=checked_out_at, expires_at=purchase.expires_at)
    return _ask_for_money(purchase, wishes, at=checked_out_at, created_by_id=created_by_id)


def payment_of(purchase: Purchase) -> Payment | None:
    """Return the payment that a purchase waits for, or was paid by."""
    payment: Payment | None = Payment.objects.filter(
        purchase_id=purchase.id, state__in=ALIVE
    ).first()
    return payment


def _check_wishes(wishes: Wishes) -> None:
    if wishes.provider not in Provider.values:
        raise Invalid(
            fields={"provider": [f"{wishes.provider} is none of {', '.join(Provider.values)}."]}
        )
    if wishes.is_captured_later and wishes.provider != Provider.WALLET:
        raise Invalid(fields={"capture": ["Only what a wallet pays is captured later."]})


def _again(purchase: Purchase, wishes: Wishes) -> CheckedOut:
    if purchase.state not in REPEATABLE or purchase.provider != wishes.provider:
        raise states.WrongState(
            f"It is {purchase.state}, checked out with {purchase.provider or 'no provider'}. "
            "To pay otherwise, cancel it and begin a new cart."
        )
    return CheckedOut(purchase=purchase, payment=payment_of(purchase))


def _fix_prices(
    purchase: Purchase, lines: Sequence[PurchaseLine], wishes: Wishes, *, at: datetime
) -> None:
    """Have lines and totals say what it costs now, as far as the buyer agrees."""
    if not lines:
        raise CartEmpty("Put something into it first.")
    setting_aside.check_lines(lines, currency=purchase.currency)
    quoted = quoting.quote_purchase(purchase, lines, at=at)
    if quoted.code_refused is not None:
        raise quoted.code_refused
    quoting.check_affordable(quoted, currency=purchase.currency)
    if wishes.expected_total not in {None, quoted.total}:
        raise PriceChanged(
            f"It costs {quoted.total} minor units of {purchase.currency}, not the "
            f"{wishes.expected_total} expected. Ask the buyer, then check out with the new total.",
            extra={"total": quoted.total, "currency": purchase.currency},
        )
    for line in lines:
        line.unit_price, line.total = line.item.price, line.item.price * line.quantity
    PurchaseLine.objects.bulk_update(lines, ["unit_price", "total"])
    purchase.subtotal, purchase.discount, purchase.total = (
        quoted.subtotal,
        quoted.discount,
        quoted.total,
    )
    purchase.provider = wishes.provider


PRICED = ("subtotal", "discount", "total", "provider", "hold_id", "expires_at")


def _ask_for_money(
    purchase: Purchase, wishes: Wishes, *, at: datetime, created_by_id: UUID | None
) -> CheckedOut:
    assert purchase.expires_at is not None
    by_wallet = wishes.provider == Provider.WALLET
    if by_wallet and purchase.total:
        purchase.hold_id = moving_money.hold_in_wallet(
            purchase, at=at, expires_at=purchase.expires_at, created_by_id=created_by_id
        )
    purchase.save(update_fields=PRICED)
    if not purchase.total or (by_wallet and not wishes.is_captured_later):
        settling.finish(purchase, payment=None, at=at, created_by_id=created_by_id)
        return CheckedOut(purchase=purchase)
    states.move(purchase, to=PurchaseState.PENDING, at=at)
    if by_wallet:
        return CheckedOut(purchase=purchase)
    payment = creating.create_payment(
        purpose=PaymentPurpose.PURCHASE,
        user_id=purchase.buyer_id,
        provider=wishes.provider,
        amount=purchase.total,
        currency=purchase.currency,
        created_at=at,
        purchase=purchase,
    )
    return CheckedOut(purchase=purchase, payment=payment)
