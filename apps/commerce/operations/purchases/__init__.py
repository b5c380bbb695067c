"""Purchases: carts, checkout, settling, refunds, disputes."""

from apps.commerce.operations.purchases import (
    carts,
    checkout,
    disputes,
    quoting,
    recipients,
    refunds,
    settling,
    states,
)
from apps.commerce.operations.purchases.checkout import check_out
from apps.commerce.operations.purchases.disputes import close_dispute, open_dispute
from apps.commerce.operations.purchases.refunds import left_to_refund, refund_purchase
from apps.commerce.operations.purchases.settling import (
    cancel_purchase,
    capture_purchase,
    complete_purchase,
    expire_due,
    expire_each_due,
    fail_purchase,
    void_purchase,
)

__all__ = [
    "cancel_purchase",
    "capture_purchase",
    "carts",
    "check_out",
    "checkout",
    "close_dispute",
    "complete_purchase",
    "disputes",
    "expire_due",
    "expire_each_due",
    "fail_purchase",
    "left_to_refund",
    "open_dispute",
    "quoting",
    "recipients",
    "refund_purchase",
    "refunds",
    "settling",
    "states",
    "void_purchase",
]
