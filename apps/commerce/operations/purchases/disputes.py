"""Disputes: a buyer's bank takes a payment back, until it is decided whose the money is."""

from datetime import datetime
from uuid import UUID

from apps.commerce.models import LedgerTransaction, Payment, Purchase, PurchaseState
from apps.commerce.operations import entitlements
from apps.commerce.operations.purchases import moving_money, states
from apps.kernel.errors import Conflict


class DisputeUnknown(Conflict):
    """A dispute was decided that was not opened."""

    slug = "dispute-unknown"
    title = "The dispute was not opened."


def open_dispute(
    *, purchase_id: UUID, payment: Payment, amount: int, opened_at: datetime
) -> Purchase:
    """Book what a bank has taken back of a payment. Once more changes nothing.

    A purchase that was refunded stays so: the ledger alone tells of the dispute.

    :param amount: in minor units: what the bank took.
    :raises WrongState: nothing was paid for it.
    """
    purchase = states.hold(purchase_id)
    if purchase.transaction_id is None:
        raise states.WrongState(f"It is {purchase.state}: nothing was paid that could be disputed.")
    if _opened(purchase, payment) is not None:
        return purchase
    moving_money.move_disputed(
        purchase,
        step=_step(payment, "opened"),
        amount=amount,
        source="clearing",
        target="disputed",
        at=opened_at,
    )
    if purchase.state == PurchaseState.COMPLETED:
        states.move(purchase, to=PurchaseState.DISPUTED, at=opened_at)
    return purchase


def close_dispute(
    *, purchase_id: UUID, payment: Payment, is_won: bool, closed_at: datetime
) -> Purchase:
    """Book how a dispute was decided. Once more changes nothing.

    :param is_won: whether the money comes back. If not, it is lost revenue, and so is what was bought.
    :raises DisputeUnknown: it was not opened.
    """
    purchase = states.hold(purchase_id)
    opened = _opened(purchase, payment)
    if opened is None:
        raise DisputeUnknown(f"Open the dispute of the payment {payment.id} first.")
    if _is_closed(purchase, payment):
        return purchase
    moving_money.move_disputed(
        purchase,
        step=_step(payment, "closed"),
        amount=opened.amount,
        source="disputed",
        target="clearing" if is_won else "revenue",
        at=closed_at,
    )
    if purchase.state == PurchaseState.DISPUTED:
        to = PurchaseState.COMPLETED if is_won else PurchaseState.CHARGED_BACK
        states.move(purchase, to=to, at=closed_at)
    if not is_won:
        entitlements.revoke_for_purchase(purchase_id=purchase.id, revoked_at=closed_at)
    return purchase


def _step(payment: Payment, what: str) -> str:
    return f"dispute:{payment.provider_dispute_id or payment.id}:{what}"


def _opened(purchase: Purchase, payment: Payment) -> LedgerTransaction | None:
    return _posted(purchase, payment, "opened")


def _is_closed(purchase: Purchase, payment: Payment) -> bool:
    return _posted(purchase, payment, "closed") is not None


def _posted(purchase: Purchase, payment: Payment, what: str) -> LedgerTransaction | None:
    key = f"purchase:{purchase.id}:{_step(payment, what)}"
    return LedgerTransaction.objects.filter(idempotency_key=key).first()
