"""Sales: what buyers and subscribers are told of, and their open pages with them."""

from uuid import UUID

from apps.commerce import interface as commerce
from apps.commerce.contracts import PurchaseCompleted, PurchaseRefunded, SubscriptionChanged
from apps.kernel import money
from apps.kernel.messages import Envelope
from apps.platform.models import Audience
from apps.platform.operations import stream
from apps.platform.operations.notifications.making import notify

# Of what happens to a subscription; the rest the subscriber has done by themselves just now.
TEMPLATES = {
    "PAST_DUE": "subscription_past_due",
    "RECOVERED": "subscription_recovered",
    "CANCELLED": "subscription_cancelled",
    "EXPIRED": "subscription_expired",
}


def tell_of_purchase(message: PurchaseCompleted, envelope: Envelope) -> None:
    """Thank a buyer, unless what they got costs nothing."""
    if message.total:
        notify(
            user_ids={message.user_id},
            topic="purchases",
            template_key="purchase_completed",
            context={
                "purchase_id": message.purchase_id,
                "amount": _amount(message.total, message.currency),
            },
            cause_id=envelope.id,
            made_at=envelope.occurred_at,
        )
    _tell_stream(
        "purchase.completed", message.user_id, purchase_id=message.purchase_id, state="COMPLETED"
    )


def tell_of_refund(message: PurchaseRefunded, envelope: Envelope) -> None:
    """Tell a buyer what was given back, if they had paid anything."""
    if message.amount:
        notify(
            user_ids={message.user_id},
            topic="purchases",
            template_key="purchase_refunded",
            context={
                "purchase_id": message.purchase_id,
                "refund_id": message.refund_id,
                "amount": _amount(message.amount, message.currency),
            },
            cause_id=envelope.id,
            made_at=envelope.occurred_at,
        )
    _tell_stream(
        "purchase.refunded",
        message.user_id,
        purchase_id=message.purchase_id,
        state="REFUNDED" if message.is_full else "COMPLETED",
    )


def tell_of_subscription(message: SubscriptionChanged, envelope: Envelope) -> None:
    """Tell a subscriber what the clock, or somebody else, did to their subscription."""
    plan = commerce.get_plans(ids={message.plan_id}).get(message.plan_id)
    if plan is not None and message.change in TEMPLATES:
        notify(
            user_ids={message.user_id},
            topic="subscriptions",
            template_key=TEMPLATES[message.change],
            context={"subscription_id": message.subscription_id, "plan_name": plan.name},
            cause_id=envelope.id,
            made_at=envelope.occurred_at,
        )
    _tell_stream(
        "subscription.changed",
        message.user_id,
        subscription_id=message.subscription_id,
        change=message.change,
        state=message.state,
    )


def _amount(amount: int, currency: str) -> str:
    """Return an amount as people read it: "12.50 USD"."""
    decimals = commerce.currency_decimals(codes=[currency]).get(currency, 0)
    return f"{money.in_units(amount, decimals=decimals)} {currency}"


def _tell_stream(kind: str, user_id: UUID, **payload: object) -> None:
    stream.tell(
        kind=kind,
        audience=Audience.PERSON,
        audience_id=user_id,
        payload={name: str(value) for name, value in payload.items()},
    )
