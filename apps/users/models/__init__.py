"""The users context's tables."""

from apps.users.models.details import (
    ImageType,
    Offer,
    OfferType,
    Preferences,
    ProfileImage,
    ProfileShortLink,
    ProfileTag,
)
from apps.users.models.follow import Block, Channel, FanFollow, FanFollowChange
from apps.users.models.group import GroupCelebrity
from apps.users.models.idempotency import IdempotencyKey
from apps.users.models.messages import DomainEvent, InboxEntry, OutboxEntry
from apps.users.models.profile import (
    Privacy,
    Profile,
    ProfileCounters,
    ProfileStatus,
    ProfileStatusHistory,
    ProfileType,
)
from apps.users.models.referral import ReferralCode, ReferralUse

__all__ = [
    "Block",
    "Channel",
    "DomainEvent",
    "FanFollow",
    "FanFollowChange",
    "GroupCelebrity",
    "IdempotencyKey",
    "ImageType",
    "InboxEntry",
    "Offer",
    "OfferType",
    "OutboxEntry",
    "Preferences",
    "Privacy",
    "Profile",
    "ProfileCounters",
    "ProfileImage",
    "ProfileShortLink",
    "ProfileStatus",
    "ProfileStatusHistory",
    "ProfileTag",
    "ProfileType",
    "ReferralCode",
    "ReferralUse",
]
