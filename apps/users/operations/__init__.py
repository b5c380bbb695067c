"""What can be done in the users context; every function is one unit of change."""

from apps.users.operations.details import (
    create_short_link,
    delete_short_link,
    set_images,
    set_offer,
    set_preferences,
    set_tags,
    withdraw_offer,
)
from apps.users.operations.follows import block, follow, set_notifications, unblock, unfollow
from apps.users.operations.groups import set_group_celebrities
from apps.users.operations.people import (
    become_celebrity,
    ensure_fan_profile,
    erase_person,
    update_person,
)
from apps.users.operations.profiles import (
    approve_group,
    change_status,
    create_profile,
    delete_profile,
    reject_group,
    restore_profile,
    set_privacy,
    update_profile,
)
from apps.users.operations.referrals import create_referral_code, use_referral_code

__all__ = [
    "approve_group",
    "become_celebrity",
    "block",
    "change_status",
    "create_profile",
    "create_referral_code",
    "create_short_link",
    "delete_profile",
    "delete_short_link",
    "ensure_fan_profile",
    "erase_person",
    "follow",
    "reject_group",
    "restore_profile",
    "set_group_celebrities",
    "set_images",
    "set_notifications",
    "set_offer",
    "set_preferences",
    "set_privacy",
    "set_tags",
    "unblock",
    "unfollow",
    "update_person",
    "update_profile",
    "use_referral_code",
    "withdraw_offer",
]
