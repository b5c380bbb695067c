"""Notifications: making them, sending them, and what people and tenants have a say in."""

from apps.platform.operations.notifications.choices import (
    end_quiet_hours,
    preferences_of,
    set_preferences,
    set_quiet_hours,
)
from apps.platform.operations.notifications.contacts import (
    add_browser,
    add_telephone,
    remove,
    send_code,
    verify,
)
from apps.platform.operations.notifications.digests import make_digests
from apps.platform.operations.notifications.forgetting import forget_people
from apps.platform.operations.notifications.making import notify
from apps.platform.operations.notifications.occasions import (
    tell_of_comment,
    tell_of_follow,
    tell_of_like,
)
from apps.platform.operations.notifications.reading import forget_old, mark, mark_all_read
from apps.platform.operations.notifications.sales import (
    tell_of_purchase,
    tell_of_refund,
    tell_of_subscription,
)
from apps.platform.operations.notifications.sending import send_due
from apps.platform.operations.notifications.suppressing import allow_again, note_report
from apps.platform.operations.notifications.templates import (
    change_template,
    create_template,
    preview,
    remove_template,
)

__all__ = [
    "add_browser",
    "add_telephone",
    "allow_again",
    "change_template",
    "create_template",
    "end_quiet_hours",
    "forget_old",
    "forget_people",
    "make_digests",
    "mark",
    "mark_all_read",
    "note_report",
    "notify",
    "preferences_of",
    "preview",
    "remove",
    "remove_template",
    "send_code",
    "send_due",
    "set_preferences",
    "set_quiet_hours",
    "tell_of_comment",
    "tell_of_follow",
    "tell_of_like",
    "tell_of_purchase",
    "tell_of_refund",
    "tell_of_subscription",
    "verify",
]
