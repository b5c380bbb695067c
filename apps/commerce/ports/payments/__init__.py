"""Providers of payments: what is asked of them, and who they are."""

from apps.commerce.ports.payments.base import (
    BadSignature,
    DisputeOutcome,
    EventSeen,
    PaymentOutcome,
    PaymentProvider,
    PaymentRequest,
    ProviderKeys,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
    RefundOutcome,
    RefundRequest,
)
from apps.commerce.ports.payments.registry import (
    check_amount,
    check_refund,
    connect,
    is_asked,
    keys_needed,
)

__all__ = [
    "BadSignature",
    "DisputeOutcome",
    "EventSeen",
    "PaymentOutcome",
    "PaymentProvider",
    "PaymentRequest",
    "ProviderKeys",
    "ProviderMisconfigured",
    "ProviderRefused",
    "ProviderUnavailable",
    "RefundOutcome",
    "RefundRequest",
    "check_amount",
    "check_refund",
    "connect",
    "is_asked",
    "keys_needed",
]
