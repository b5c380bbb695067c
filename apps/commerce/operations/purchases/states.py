"""The one place where a purchase comes from one state into another, and tells."""

from datetime import datetime
from typing import Any
from uuid import UUID

from apps.commerce.contracts import PurchaseCompleted, PurchaseDisputed, PurchaseEnded
from apps.commerce.models import Purchase, PurchaseLine, PurchaseState
from apps.commerce.models.purchase import TRANSITIONS
from apps.kernel import messages
from apps.kernel.errors import Conflict, NotFound

ENDED = frozenset({PurchaseState.CANCELLED, PurchaseState.EXPIRED, PurchaseState.FAILED})
DECIDED = frozenset({PurchaseState.DISPUTED, PurchaseState.CHARGED_BACK})


class WrongState(Conflict):
    """Where the purchase stands does not allow it."""

    slug = "purchase-state"
    title = "The purchase does not stand where this could be done."


def hold(purchase_id: UUID) -> Purchase:
    """Return a purchase, locked until the unit of work ends: whoever is second sees what the first did.

    :raises NotFound: there is none.
    """
    purchase = Purchase.objects.select_for_update().filter(id=purchase_id).first()
    if purchase is None:
        raise NotFound
    return purchase


def move(purchase: Purchase, *, to: PurchaseState, at: datetime, **values: Any) -> None:
    """Bring a held purchase into another state, set `values` of it with that, and record the message.

    A refund tells of itself. A cart that is dropped was nothing yet, and is not told of.

    :raises WrongState: there is no way from where it stands.
    """
    before = PurchaseState(purchase.state)
    if to not in TRANSITIONS[before]:
        raise WrongState(f"It is {before}, and can't become {to} from there.")
    purchase.state, purchase.updated_at = to, at
    for name, value in values.items():
        setattr(purchase, name, value)
    purchase.save(update_fields=["state", "updated_at", *values])
    if to in DECIDED or before == PurchaseState.DISPUTED:
        messages.record(
            PurchaseDisputed(
                purchase_id=purchase.id, user_id=purchase.buyer_id, state=purchase.state
            )
        )
    elif to == PurchaseState.COMPLETED:
        messages.record(_completed(purchase, at=at))
    elif to in ENDED and before != PurchaseState.CART:
        messages.record(
            PurchaseEnded(purchase_id=purchase.id, user_id=purchase.buyer_id, state=purchase.state)
        )


def _completed(purchase: Purchase, *, at: datetime) -> PurchaseCompleted:
    lines = list(
        PurchaseLine.objects.filter(purchase_id=purchase.id)
        .order_by("id")
        .values_list("id", "item_id", "item__item_type", "quantity")
    )
    return PurchaseCompleted(
        purchase_id=purchase.id,
        user_id=purchase.buyer_id,
        total=purchase.total,
        currency=purchase.currency,
        line_ids=tuple(line[0] for line in lines),
        item_ids=tuple(line[1] for line in lines),
        item_types=tuple(line[2] for line in lines),
        quantities=tuple(line[3] for line in lines),
        completed_at=at,
    )
