"""Subscriptions: plans and series; subscribing, renewing, cancelling, changing the plan."""

from apps.commerce.operations.subscriptions.cancelling import (
    NotCancelling,
    cancel_subscription,
    payment_taken_back,
    resume_subscription,
)
from apps.commerce.operations.subscriptions.changing import UnableToChange, change_plan
from apps.commerce.operations.subscriptions.lifecycle import SubscriptionEnded
from apps.commerce.operations.subscriptions.plans import create_plan, delete_plan, update_plan
from apps.commerce.operations.subscriptions.renewing import (
    NothingToPay,
    request_payment,
    retry_now,
    work_off,
    work_off_due,
)
from apps.commerce.operations.subscriptions.series import (
    create_series,
    delete_series,
    update_series,
)
from apps.commerce.operations.subscriptions.settling import payment_failed, receive_payment
from apps.commerce.operations.subscriptions.subscribing import (
    AlreadySubscribed,
    Subscribed,
    subscribe,
)

__all__ = [
    "AlreadySubscribed",
    "NotCancelling",
    "NothingToPay",
    "Subscribed",
    "SubscriptionEnded",
    "UnableToChange",
    "cancel_subscription",
    "change_plan",
    "create_plan",
    "create_series",
    "delete_plan",
    "delete_series",
    "payment_failed",
    "payment_taken_back",
    "receive_payment",
    "request_payment",
    "resume_subscription",
    "retry_now",
    "subscribe",
    "update_plan",
    "update_series",
    "work_off",
    "work_off_due",
]
