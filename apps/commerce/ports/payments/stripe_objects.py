"""Stripe's objects, read and written."""

from datetime import UTC, datetime
from typing import Any

from apps.commerce.models import DisputeState, PaymentState, RefundReason
from apps.commerce.ports.payments.base import (
    DisputeOutcome,
    EventSeen,
    PaymentOutcome,
    PaymentRequest,
    RefundOutcome,
    RefundRequest,
)
from apps.commerce.ports.payments.stripe_amounts import from_stripe, to_stripe

_ENDED = {"succeeded": PaymentState.SUCCEEDED, "canceled": PaymentState.CANCELLED}
# Where the buyer must do something. With nobody there, it has failed.
_WAITS_FOR_BUYER = frozenset(
    {"requires_payment_method", "requires_confirmation", "requires_action"}
)
_REFUNDS = {
    "succeeded": PaymentState.SUCCEEDED,
    "failed": PaymentState.FAILED,
    "canceled": PaymentState.CANCELLED,
}
# Of an inquiry, which Stripe calls a warning, no money is taken back.
_DISPUTES = {
    "needs_response": DisputeState.OPEN,
    "under_review": DisputeState.OPEN,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
}
_REASONS = {RefundReason.DUPLICATE: "duplicate", RefundReason.FRAUD: "fraudulent"}
_OUR_REASONS = {theirs: ours for ours, theirs in _REASONS.items()}


def intent_params(request: PaymentRequest) -> dict[str, Any]:
    """Return what a payment intent is made with.

    :raises ProviderRefused: the amount can't be written in its currency.
    """
    params: dict[str, Any] = {
        "amount": to_stripe(request.amount, request.currency),
        "currency": request.currency.lower(),
        "customer": request.customer_id,
        "automatic_payment_methods": {"enabled": True},
        "metadata": {
            "tenant_id": str(request.tenant_id),
            "payment_id": str(request.payment_id),
            "off_session": "true" if request.is_off_session else "false",
        },
    }
    if request.is_off_session:
        params |= {"payment_method": request.method_id, "confirm": True, "off_session": True}
    elif request.keeps_method:
        params["setup_future_usage"] = "off_session"
    return params


def payment(intent: Any) -> PaymentOutcome:
    """Return where a payment intent stands.

    A card that was declined leaves it open: its buyer may try another, as long as it is not cancelled.
    """
    metadata = _metadata(intent)
    error = _value(intent, "last_payment_error")
    failure = _value(error, "decline_code") or _value(error, "code") or ""
    state = _ENDED.get(intent.status, PaymentState.PENDING)
    if metadata.get("off_session") == "true" and intent.status in _WAITS_FOR_BUYER:
        state, failure = PaymentState.FAILED, failure or "authentication_required"
    action = _value(_value(intent, "next_action"), "redirect_to_url")
    return PaymentOutcome(
        state=state,
        provider_payment_id=intent.id,
        client_secret=_value(intent, "client_secret") or "",
        redirect_url=_value(action, "url") or "",
        failure=str(failure)[:255],
        method_id=_id(_value(intent, "payment_method")),
        tenant_id=metadata.get("tenant_id", ""),
        payment_id=metadata.get("payment_id", ""),
    )


def refund_params(request: RefundRequest) -> dict[str, Any]:
    """Return what a refund is made with."""
    return {
        "payment_intent": request.provider_payment_id,
        "amount": to_stripe(request.amount, request.currency),
        "reason": _REASONS.get(RefundReason(request.reason), "requested_by_customer"),
        "metadata": {"tenant_id": str(request.tenant_id), "refund_id": str(request.refund_id)},
    }


def refund(said: Any) -> RefundOutcome:
    """Return where a refund stands."""
    metadata = _metadata(said)
    return RefundOutcome(
        state=_REFUNDS.get(said.status, PaymentState.PENDING),
        provider_refund_id=said.id,
        provider_payment_id=_id(_value(said, "payment_intent")),
        amount=from_stripe(said.amount, said.currency.upper()),
        failure=str(_value(said, "failure_reason") or "")[:255],
        tenant_id=metadata.get("tenant_id", ""),
        refund_id=metadata.get("refund_id", ""),
        reason=_OUR_REASONS.get(_value(said, "reason") or "", RefundReason.REQUESTED),
    )


def dispute(said: Any) -> DisputeOutcome:
    """Return where a dispute stands."""
    return DisputeOutcome(
        state=_DISPUTES.get(said.status, DisputeState.NONE),
        provider_dispute_id=said.id,
        amount=from_stripe(said.amount, said.currency.upper()),
    )


def event(said: Any) -> EventSeen:
    """Return what an event is about.

    :raises AttributeError, KeyError, TypeError, ValueError, OverflowError: it is no event.
    """
    about = said.data.object
    is_intent = _value(about, "object") == "payment_intent"
    payment_id = _value(about, "id") if is_intent else _id(_value(about, "payment_intent"))
    for text in (said.id, said.type, payment_id or ""):
        if not isinstance(text, str) or len(text) > 255 or "\x00" in text:
            raise ValueError("an id or a type is not a text of 255 characters at most")
    return EventSeen(
        event_id=said.id,
        kind=said.type,
        provider_payment_id=payment_id or "",
        occurred_at=datetime.fromtimestamp(said.created, UTC),
    )


def _metadata(said: Any) -> dict[str, str]:
    metadata = _value(said, "metadata")
    return {} if metadata is None else metadata.to_dict()


def _value(said: Any, name: str) -> Any:
    return getattr(said, name, None) if said is not None else None


def _id(said: Any) -> str:
    """Return the id of what is named by it, or was expanded."""
    if said is None:
        return ""
    return said if isinstance(said, str) else str(said.id)
