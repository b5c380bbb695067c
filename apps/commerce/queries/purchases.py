"""Reads of carts and purchases."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from apps.commerce.models import (
    Purchase,
    PurchaseLine,
    PurchaseRecipient,
    PurchaseState,
    PurchaseTransition,
    Refund,
)
from apps.commerce.queries.viewers import Viewer
from apps.kernel.errors import NotFound


def carts(*, viewer: Viewer, token_hash: str) -> QuerySet[Purchase]:
    """Return the open carts of a caller, and the one that their token opens.

    :param token_hash: empty without a token.
    """
    whose = Q(user_id__in=viewer.profile_ids) if viewer.keycloak_id else Q(pk__in=())
    if token_hash:
        whose |= Q(user_id=None, token_hash=token_hash)
    return Purchase.objects.filter(whose, state=PurchaseState.CART)


def purchases(*, viewer: Viewer) -> QuerySet[Purchase]:
    """Return what a caller has bought, or is buying; to support, everybody's. Carts are not among it."""
    found = Purchase.objects.exclude(state=PurchaseState.CART).filter(user_id__isnull=False)
    # A cart that was dropped was never checked out.
    found = found.exclude(state=PurchaseState.CANCELLED, provider="")
    return found if viewer.is_support else found.of(viewer.profile_ids)


def open_purchase(*, purchase_id: UUID, viewer: Viewer) -> Purchase:
    """Return a purchase that a caller may see.

    :raises NotFound: there is none that they may.
    """
    found = purchases(viewer=viewer).filter(id=purchase_id).first()
    if found is None:
        raise NotFound
    return found


def with_item(rows: QuerySet[Purchase], *, item_id: UUID) -> QuerySet[Purchase]:
    """Keep purchases with a line of an item."""
    return rows.filter(
        Exists(PurchaseLine.objects.filter(purchase_id=OuterRef("id"), item_id=item_id))
    )


def lines(*, purchase_id: UUID) -> QuerySet[PurchaseLine]:
    """Return the lines of a purchase."""
    return PurchaseLine.objects.filter(purchase_id=purchase_id)


def lines_by_purchase(ids: Collection[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Return the lines of purchases as replies show them, by purchase. One query."""
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    rows = (
        PurchaseLine.objects.filter(purchase_id__in=ids)
        .order_by("id")
        .values(
            "purchase_id",
            "id",
            "item_id",
            "quantity",
            "unit_price",
            "total",
            "metadata",
            item_name=F("item__name"),
            item_type=F("item__item_type"),
        )
    )
    for row in rows:
        shown: dict[str, Any] = {**row}
        found[shown.pop("purchase_id")].append(shown)
    return dict(found)


def transitions(*, purchase_id: UUID) -> QuerySet[PurchaseTransition]:
    """Return each step that a purchase has taken."""
    return PurchaseTransition.objects.filter(purchase_id=purchase_id)


def refunds(*, purchase_id: UUID) -> QuerySet[Refund]:
    """Return what was given back of a purchase."""
    return Refund.objects.filter(purchase_id=purchase_id)


def recipients(*, purchase_id: UUID) -> QuerySet[PurchaseRecipient]:
    """Return for whom a purchase is; what is personal stays sealed."""
    return PurchaseRecipient.objects.filter(purchase_id=purchase_id)


def codes_by_purchase(ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the codes that carts and purchases were given, by purchase. One query."""
    given = Purchase.objects.filter(id__in=ids, discount_code__isnull=False)
    return dict(given.values_list("id", "discount_code__code"))
