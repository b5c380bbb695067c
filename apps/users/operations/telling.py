"""What the users context records for the others."""

from collections.abc import Iterable

from apps.kernel import messages
from apps.users.contracts import FollowEnded, FollowStarted, ProfileChanged
from apps.users.models import FanFollow, Profile

CREATED, UPDATED, DELETED, RESTORED, ERASED = "CREATED", "UPDATED", "DELETED", "RESTORED", "ERASED"


def profile_changed(profile: Profile, *, change: str = UPDATED) -> None:
    """Record that a profile has changed to what it is now."""
    profiles_changed([profile], change=change)


def profiles_changed(profiles: Iterable[Profile], *, change: str) -> None:
    """Record that profiles have changed to what they are now."""
    messages.record_all(
        ProfileChanged(
            profile_id=profile.id,
            profile_type=profile.profile_type,
            change=change,
            status=profile.status,
            is_deleted=profile.is_deleted,
        )
        for profile in profiles
    )


def follow_started(follow: FanFollow) -> None:
    """Record that a fan follows."""
    messages.record(
        FollowStarted(
            follow_id=follow.id,
            fan_id=follow.fan_id,
            celebrity_id=follow.celebrity_id,
            followed_on=follow.followed_on,
        )
    )


def follows_ended(follows: Iterable[FanFollow]) -> None:
    """Record that follows have ended."""
    messages.record_all(
        FollowEnded(
            follow_id=follow.id,
            fan_id=follow.fan_id,
            celebrity_id=follow.celebrity_id,
            unfollowed_on=follow.unfollowed_on,
        )
        for follow in follows
        if follow.unfollowed_on is not None
    )
