"""The purchases of the demo tenants, written down: each led through its states at the times it had them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connections
from django.db.models import F

from apps.commerce.demo import deliveries
from apps.commerce.demo.paying import DECIDED_AFTER, DISPUTED, dispute_id, key_of
from apps.commerce.demo.sales import EXPIRES_AFTER, Fate, Sale
from apps.commerce.models import (
    DiscountCode,
    DiscountCodeUsage,
    DisputeState,
    Payment,
    PaymentPurpose,
    PaymentState,
    Provider,
    ProviderRefund,
    Purchase,
    PurchaseLine,
    PurchaseState,
    Refund,
    RefundReason,
)

BATCH = 1_000
S = PurchaseState

# The triggers write the history of states; an update of many is one statement.
ADVANCE = """
UPDATE purchases p SET state = w.state, updated_at = w.at, expires_at = w.expires_at,
    completed_at = w.completed_at, captured = w.captured, refunded = w.refunded,
    transaction_id = w.transaction_id, hold_id = w.hold_id
FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[],
    %s::bigint[], %s::bigint[], %s::uuid[], %s::uuid[])
    AS w(id, state, at, expires_at, completed_at, captured, refunded, transaction_id, hold_id)
WHERE p.id = w.id
"""
ENDS: Mapping[Fate, PurchaseState] = {
    Fate.EXPIRED: S.EXPIRED,
    Fate.CANCELLED: S.CANCELLED,
    Fate.FAILED: S.FAILED,
}
PAYMENT_ENDS: Mapping[Fate, PaymentState] = {
    Fate.EXPIRED: PaymentState.CANCELLED,
    Fate.CANCELLED: PaymentState.CANCELLED,
    Fate.FAILED: PaymentState.FAILED,
}
DISPUTE_STATES: Mapping[Fate, DisputeState] = {
    Fate.DISPUTED: DisputeState.OPEN,
    Fate.WON: DisputeState.WON,
    Fate.LOST: DisputeState.LOST,
}


@dataclass(frozen=True, slots=True)
class Step:
    """A purchase comes into a state."""

    sale: Sale
    state: PurchaseState
    at: datetime


def write_orders(
    sales: Sequence[Sale],
    *,
    posted: Mapping[str, UUID],
    series_of_item: Mapping[UUID, Sequence[UUID]],
    currency: str,
) -> None:
    """Write purchases and all that hangs on them.

    :param posted: the ledger's transactions, by key.
    """
    paths = {sale.id: _path(sale) for sale in sales}
    for turn in _turns(sales):
        Purchase.objects.bulk_create((_cart(sale, currency) for sale in turn), batch_size=BATCH)
        _advance([step for sale in turn if (step := paths[sale.id][0])], posted)
    PurchaseLine.objects.bulk_create(
        (
            PurchaseLine(
                id=line_id,
                purchase_id=sale.id,
                item=item,
                quantity=quantity,
                unit_price=item.price,
                total=item.price * quantity,
                created_on=sale.begun_at,
            )
            for sale in sales
            for line_id, item, quantity in sale.lines
        ),
        batch_size=BATCH,
    )
    _use_codes(sales)
    for number in (1, 2, 3):
        _advance([step for path in paths.values() if (step := path[number])], posted)
    _payments(sales, posted)
    _refunds(sales, posted)
    deliveries.write_stock(sales)
    deliveries.write_entitlements(sales, series_of_item)


def _turns(sales: Iterable[Sale]) -> list[list[Sale]]:
    """Return each buyer's first purchases, then the second ones, …: of carts, nobody has two at once."""
    turns: list[list[Sale]] = []
    many: Counter[UUID] = Counter()
    for sale in sorted(sales, key=lambda each: each.fate == Fate.CART):
        number = many[sale.buyer.user_id]
        many[sale.buyer.user_id] += 1
        if number == len(turns):
            turns.append([])
        turns[number].append(sale)
    return turns


def _cart(sale: Sale, currency: str) -> Purchase:
    return Purchase(
        id=sale.id,
        user_id=sale.buyer.user_id,
        state=S.CART,
        currency=currency,
        subtotal=sale.subtotal,
        discount=sale.discount,
        total=sale.total,
        discount_code=sale.code,
        provider="" if sale.fate == Fate.CART else sale.provider,
        created_on=sale.begun_at,
        updated_at=sale.begun_at,
    )


def _path(sale: Sale) -> tuple[Step | None, Step | None, Step | None, Step | None]:
    """Return the steps of a purchase after it was a cart; all have as many, some of them none."""
    if sale.fate == Fate.CART:
        return None, None, None, None
    begun = Step(sale, S.PENDING, sale.checked_out_at)
    if not sale.is_paid:
        return begun, Step(sale, ENDS[sale.fate], sale.done_at), None, None
    paid, then, last = Step(sale, S.COMPLETED, sale.done_at), None, None
    if sale.fate == Fate.REFUNDED:
        then = Step(sale, S.REFUNDED, sale.later_at)
    elif sale.fate in DISPUTED:
        then = Step(sale, S.DISPUTED, sale.later_at)
    if sale.fate in {Fate.WON, Fate.LOST}:
        end = S.COMPLETED if sale.fate == Fate.WON else S.CHARGED_BACK
        last = Step(sale, end, sale.later_at + DECIDED_AFTER)
    return begun, paid, then, last


def _advance(steps: Sequence[Step], posted: Mapping[str, UUID]) -> None:
    rows = [_values(step, posted) for step in steps]
    if rows:
        with connections["commerce"].cursor() as cursor:
            cursor.execute(ADVANCE, [list(column) for column in zip(*rows, strict=True)])


def _values(step: Step, posted: Mapping[str, UUID]) -> tuple[object, ...]:
    sale = step.sale
    is_paid = step.state not in {S.PENDING, *ENDS.values()}
    return (
        sale.id,
        step.state.value,
        step.at,
        sale.checked_out_at + EXPIRES_AFTER,
        sale.done_at if is_paid else None,
        sale.total if is_paid else 0,
        # What is given back in part leaves the state as it is.
        sale.refunded if is_paid else 0,
        posted.get(key_of(sale, "capture")) if is_paid else None,
        posted.get(key_of(sale, "hold")),
    )


def _use_codes(sales: Iterable[Sale]) -> None:
    used = [(sale, sale.code) for sale in sales if sale.code]
    DiscountCodeUsage.objects.bulk_create(
        DiscountCodeUsage(
            code=code,
            user_id=sale.buyer.user_id,
            turn=1,
            purchase_id=sale.id,
            amount=sale.discount,
            used_on=sale.checked_out_at,
        )
        for sale, code in used
    )
    for code_id, many in Counter(code.id for _, code in used).items():
        DiscountCode.objects.filter(id=code_id).update(used=F("used") + many)


def _payments(sales: Iterable[Sale], posted: Mapping[str, UUID]) -> None:
    Payment.objects.bulk_create(
        (
            Payment(
                id=sale.payment_id,
                purpose=PaymentPurpose.PURCHASE,
                purchase_id=sale.id,
                user_id=sale.buyer.user_id,
                provider=sale.provider,
                provider_payment_id=f"local_{sale.payment_id}_{sale.total}",
                provider_dispute_id=dispute_id(sale) if sale.fate in DISPUTED else "",
                dispute_state=DISPUTE_STATES.get(sale.fate, DisputeState.NONE),
                amount=sale.total,
                currency=sale.lines[0][1].currency,
                state=PAYMENT_ENDS.get(sale.fate, PaymentState.SUCCEEDED),
                failure="card_declined" if sale.fate == Fate.FAILED else "",
                transaction_id=posted.get(key_of(sale, "capture")),
                due_at=None,
                created_on=sale.checked_out_at,
                updated_at=sale.done_at,
            )
            for sale in sales
            if sale.provider == Provider.LOCAL and sale.fate != Fate.CART
        ),
        batch_size=BATCH,
    )


def _refunds(sales: Iterable[Sale], posted: Mapping[str, UUID]) -> None:
    given = [sale for sale in sales if sale.refunded]
    refunds = Refund.objects.bulk_create(
        Refund(
            purchase_id=sale.id,
            seq=1,
            amount=sale.refunded,
            cumulative=sale.refunded,
            captured=sale.total,
            reason=RefundReason.REQUESTED,
            transaction_id=posted[key_of(sale, "refund:1")],
            created_on=sale.later_at,
        )
        for sale in given
    )
    ProviderRefund.objects.bulk_create(
        ProviderRefund(
            refund=refund,
            payment_id=sale.payment_id,
            provider_refund_id=f"local_refund_{refund.id}",
            state=PaymentState.SUCCEEDED,
            due_at=None,
            created_on=sale.later_at,
            updated_at=sale.later_at,
        )
        for sale, refund in zip(given, refunds, strict=True)
        if sale.provider == Provider.LOCAL
    )
