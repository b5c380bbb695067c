"""People: what this context keeps of one that is erased."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from apps.commerce.contracts import ItemChanged
from apps.commerce.models import (
    InventoryItem,
    ItemState,
    ProviderCustomer,
    Purchase,
    PurchaseLine,
    PurchaseRecipient,
    PurchaseState,
    RestrictedUser,
    Subscription,
    SubscriptionState,
)
from apps.commerce.models.subscription import LIVE
from apps.commerce.operations import purchases
from apps.commerce.operations.subscriptions import cancelling
from apps.kernel import idempotency, messages
from apps.kernel.messages import Envelope
from apps.tenancy import salts
from apps.users import interface as users
from apps.users.contracts import PersonErased


def erase_person(*, keycloak_id: UUID, erased_at: datetime) -> dict[str, int]:
    """Erase what is personal of somebody, and end what they have begun; return how many rows it took.

    The books stay: what was bought, sold and given refers to their profiles by id, and names nobody.
    What they sold is for sale no more. The salts of their profiles go last: what the audit log says
    of them can be opened by nobody from then on. Erasing again changes nothing.
    """
    ids = users.every_profile_id_of(keycloak_id=keycloak_id)
    return _forget(ids, keycloak_id=keycloak_id, erased_at=erased_at)


def forget_erased(message: PersonErased, envelope: Envelope) -> None:
    """Do the same for somebody who was erased in the users context, as who erases themselves is."""
    _forget(set(message.profile_ids), keycloak_id=None, erased_at=envelope.occurred_at)


def _forget(
    ids: Collection[UUID], *, keycloak_id: UUID | None, erased_at: datetime
) -> dict[str, int]:
    recipients = PurchaseRecipient.objects.filter(purchase__user_id__in=ids)
    removed = {
        "checkout_purchase_recipients": recipients.delete()[0],
        "provider_customers": ProviderCustomer.objects.filter(user_id__in=ids).delete()[0],
        "purchase_lines": PurchaseLine.objects.filter(purchase__user_id__in=ids)
        .exclude(metadata={})
        .update(metadata={}),
        "purchases": _empty_purchases(ids, erased_at=erased_at),
        # There is nobody left to refuse.
        "inventory_restricted_users": RestrictedUser.objects.filter(user_id__in=ids).delete()[0],
        "subscriptions": _cancel_subscriptions(ids, erased_at=erased_at),
        "inventory_items": _take_off_sale(ids, erased_at=erased_at),
    }
    removed["idempotency_keys"] = idempotency.forget_replies(
        alias="commerce", actor_id=keycloak_id, showing=ids
    )
    removed["audit_salts"] = salts.forget_subjects(alias="commerce", ids=ids)
    return removed


def _empty_purchases(ids: Collection[UUID], *, erased_at: datetime) -> int:
    """Take out what buyers have noted on purchases, drop their carts, and cancel what waits for payment.

    What was set aside is free again, also the money in a wallet. What a provider takes all the same is
    refunded.
    """
    own = Purchase.objects.of(ids)
    emptied = own.exclude(metadata={}).update(metadata={})
    carts, waiting = (
        list(own.filter(state=state).order_by("id").values_list("id", flat=True))
        for state in (PurchaseState.CART, PurchaseState.PENDING)
    )
    for cart_id in carts:
        purchases.carts.drop_cart(cart_id=cart_id, dropped_at=erased_at)
    for purchase_id in waiting:
        purchases.cancel_purchase(purchase_id=purchase_id, cancelled_at=erased_at)
    return emptied + len(carts) + len(waiting)


def _cancel_subscriptions(ids: Collection[UUID], *, erased_at: datetime) -> int:
    """End what would be charged again; what is in their wallets stays for the staff to pay out."""
    states = (SubscriptionState.INCOMPLETE, *LIVE)
    own = Subscription.objects.filter(user_id__in=ids, state__in=states).order_by("id")
    ending = list(own.values_list("id", flat=True))
    for subscription_id in ending:
        cancelling.cancel_subscription(subscription_id=subscription_id, cancelled_at=erased_at)
    return len(ending)


def _take_off_sale(ids: Collection[UUID], *, erased_at: datetime) -> int:
    own = InventoryItem.objects.present().filter(created_by_id__in=ids)
    item_ids = list(own.select_for_update().order_by("id").values_list("id", flat=True))
    InventoryItem.objects.filter(id__in=item_ids).update(
        state=ItemState.ARCHIVED, deleted_at=erased_at, updated_at=erased_at
    )
    messages.record_all(
        ItemChanged(item_id=id_, change="DELETED", state=ItemState.ARCHIVED.value)
        for id_ in item_ids
    )
    return len(item_ids)
