"""Webhooks: what endpoints there are, what is queued for them, and sending it."""

from apps.platform.operations.webhooks.endpoints import (
    add_endpoint,
    change_endpoint,
    pause_endpoint,
    remove_endpoint,
    resume_endpoint,
    rotate_secret,
)
from apps.platform.operations.webhooks.queueing import (
    give_up_old_deliveries,
    queue_message,
    queue_ping,
    replay_deliveries,
)
from apps.platform.operations.webhooks.sending import send_due

__all__ = [
    "add_endpoint",
    "change_endpoint",
    "give_up_old_deliveries",
    "pause_endpoint",
    "queue_message",
    "queue_ping",
    "remove_endpoint",
    "replay_deliveries",
    "resume_endpoint",
    "rotate_secret",
    "send_due",
]
