"""Entitlements: who may use what, because they bought it, subscribe to it, or were given it."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connections
from django.db.models import QuerySet

from apps.commerce.models import (
    ContentSeries,
    Entitlement,
    EntitlementSource,
    InventoryItem,
    ItemSeries,
    PlanSeries,
    Purchase,
    PurchaseLine,
    Subscription,
)
from apps.kernel.errors import Conflict, Invalid, NotFound
from apps.kernel.ids import uuid7

# Of one statement: plans may have many subscribers.
CHUNK = 1_000


class NotRevocable(Conflict):
    """What a purchase or a subscription brought goes when that does."""

    slug = "entitlement-not-revocable"
    title = "Only what the staff has given can be taken back by itself."


def grant_for_purchase(*, purchase: Purchase, granted_at: datetime) -> None:
    """Let the buyer use the items of a paid purchase, and the series that these open.

    An item that expires by itself can be used for so many days from `granted_at`. Granting again changes
    nothing.
    """
    lines = list(PurchaseLine.objects.filter(purchase_id=purchase.id).select_related("item"))
    opened: dict[UUID, list[UUID]] = {}
    rows = ItemSeries.objects.filter(item_id__in={line.item_id for line in lines})
    for item_id, series_id in rows.values_list("item_id", "series_id"):
        opened.setdefault(item_id, []).append(series_id)
    granted = []
    for line in lines:
        days = line.item.auto_expires
        common = {
            "user_id": purchase.user_id,
            "source": EntitlementSource.PURCHASE,
            "source_id": line.id,
            "starts_at": granted_at,
            "ends_at": granted_at + timedelta(days=days) if days else None,
            "created_on": granted_at,
        }
        granted.append(Entitlement(item_id=line.item_id, quantity=line.quantity, **common))
        granted += [
            Entitlement(series_id=series_id, **common) for series_id in opened.get(line.item_id, ())
        ]
    _insert(granted)


def revoke_for_purchase(*, purchase_id: UUID, revoked_at: datetime) -> int:
    """Take back what a purchase brought; return how much that was."""
    lines = PurchaseLine.objects.filter(purchase_id=purchase_id).values_list("id", flat=True)
    return _revoke(source_ids=list(lines), revoked_at=revoked_at)


def grant_for_subscription(*, subscription: Subscription, granted_at: datetime) -> None:
    """Let somebody use the series of the plan they have, and no others of this subscription."""
    # A series that is being added meanwhile: either it is seen here, or the subscription is seen there.
    with connections["commerce"].cursor() as cursor:
        cursor.execute(
            "SELECT FROM subscription_plans WHERE id = %s FOR SHARE", [subscription.plan_id]
        )
    wanted = set(
        PlanSeries.objects.filter(plan_id=subscription.plan_id).values_list("series_id", flat=True)
    )
    had = Entitlement.objects.filter(source_id=subscription.id)
    had.filter(revoked_at=None).exclude(series_id__in=wanted).update(revoked_at=granted_at)
    # Of a series and a subscription there is one: going back to a plan opens it again.
    had.filter(series_id__in=wanted, revoked_at__isnull=False).update(
        revoked_at=None, starts_at=granted_at
    )
    _grant_series([subscription], wanted, granted_at=granted_at)


def grant_series_to_subscribers(
    *, plan_id: UUID, series_ids: Collection[UUID], granted_at: datetime
) -> None:
    """Let everybody who has a plan use series that were added to it."""
    had = Entitlement.objects.filter(
        series_id__in=series_ids,
        source_id__in=Subscription.objects.live().filter(plan_id=plan_id).values("id"),
        revoked_at__isnull=False,
    )
    had.update(revoked_at=None, starts_at=granted_at)
    subscribers = Subscription.objects.live().filter(plan_id=plan_id).only("id", "user_id")
    _grant_series(subscribers.iterator(CHUNK), series_ids, granted_at=granted_at)


def revoke_for_subscription(*, subscription_id: UUID, revoked_at: datetime) -> int:
    """Take back what a subscription brought; return how much that was."""
    return _revoke(source_ids=[subscription_id], revoked_at=revoked_at)


def grant_entitlement(
    *,
    user_id: UUID,
    item_id: UUID | None = None,
    series_id: UUID | None = None,
    quantity: int = 1,
    ends_at: datetime | None = None,
    granted_at: datetime,
) -> Entitlement:
    """Let somebody use an item or a series without paying for it.

    :param user_id: their profile.
    :raises Invalid: it names none, or both; they are not there; or it would end before it begins.
    """
    if (item_id is None) == (series_id is None):
        raise Invalid(fields={"item_id": ["Name either an item or a series."]})
    if ends_at is not None and ends_at <= granted_at:
        raise Invalid(fields={"ends_at": [f"{ends_at.isoformat()} is in the past."]})
    if item_id and not InventoryItem.objects.filter(id=item_id, deleted_at=None).exists():
        raise Invalid(fields={"item_id": [f"There is no item {item_id}."]})
    if series_id and not ContentSeries.objects.filter(id=series_id, deleted_at=None).exists():
        raise Invalid(fields={"series_id": [f"There is no series {series_id}."]})
    id_ = uuid7()
    entitlement = Entitlement(
        id=id_,
        user_id=user_id,
        item_id=item_id,
        series_id=series_id,
        source=EntitlementSource.GRANT,
        source_id=id_,
        quantity=quantity,
        starts_at=granted_at,
        ends_at=ends_at,
        created_on=granted_at,
    )
    entitlement.save(force_insert=True)
    return entitlement


def revoke_entitlement(*, entitlement_id: UUID, revoked_at: datetime) -> Entitlement:
    """Take back what the staff has given. Again changes nothing.

    :raises NotFound: there is none.
    :raises NotRevocable: a purchase or a subscription brought it.
    """
    entitlement = Entitlement.objects.select_for_update().filter(id=entitlement_id).first()
    if entitlement is None:
        raise NotFound
    if entitlement.source != EntitlementSource.GRANT:
        raise NotRevocable(
            f"It comes from {EntitlementSource(entitlement.source).label}: refund or end that."
        )
    if entitlement.revoked_at is None:
        entitlement.revoked_at = revoked_at
        entitlement.save(update_fields=["revoked_at"])
    return entitlement


def _revoke(*, source_ids: Collection[UUID], revoked_at: datetime) -> int:
    return Entitlement.objects.filter(source_id__in=source_ids, revoked_at=None).update(
        revoked_at=revoked_at
    )


def _grant_series(
    subscriptions: Iterable[Subscription], series_ids: Collection[UUID], *, granted_at: datetime
) -> None:
    rows = (
        Entitlement(
            user_id=subscription.user_id,
            series_id=series_id,
            source=EntitlementSource.SUBSCRIPTION,
            source_id=subscription.id,
            starts_at=granted_at,
            created_on=granted_at,
        )
        for subscription in subscriptions
        for series_id in series_ids
    )
    _insert(rows)


def _insert(rows: Iterable[Entitlement]) -> None:
    # Whoever bought or subscribed was checked then; that they have left since must not refuse a payment.
    QuerySet.bulk_create(Entitlement.objects.all(), rows, batch_size=CHUNK, ignore_conflicts=True)
