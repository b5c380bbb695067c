"""Occasions: what happens in the product that somebody is told of."""

from typing import Any
from uuid import UUID, uuid5

from apps.kernel.messages import Envelope
from apps.platform.contracts import CommentChanged, LikeChanged
from apps.platform.operations.notifications.making import notify
from apps.users import interface as users
from apps.users.contracts import FollowStarted

# Names what can be done again and again, such as liking, so that it is told of once.
_ONCE = UUID("0198d6a0-6f4e-7000-8000-6e6f74696679")


def tell_of_follow(message: FollowStarted, envelope: Envelope) -> None:
    """Tell a celebrity of a follower, the first time."""
    _tell(
        who=message.fan_id,
        whom=message.celebrity_id,
        kind="new_follower",
        name="follower_name",
        about={"follower_id": message.fan_id},
        cause_id=uuid5(_ONCE, f"follow {message.follow_id}"),
        envelope=envelope,
    )


def tell_of_comment(message: CommentChanged, envelope: Envelope) -> None:
    """Tell somebody of a comment on what is theirs."""
    if message.change != "POSTED" or message.target_owner_id is None:
        return
    _tell(
        who=message.author_id,
        whom=message.target_owner_id,
        kind="new_comment",
        name="author_name",
        about={"comment_id": message.comment_id, "author_id": message.author_id},
        cause_id=envelope.id,
        envelope=envelope,
    )


def tell_of_like(message: LikeChanged, envelope: Envelope) -> None:
    """Tell somebody that what is theirs is liked, the first time."""
    if not message.is_liked:
        return
    _tell(
        who=message.user_id,
        whom=message.target_owner_id,
        kind="new_like",
        name="liker_name",
        about={"target_id": message.target_id, "liker_id": message.user_id},
        cause_id=uuid5(_ONCE, f"like {message.target_id} {message.user_id}"),
        envelope=envelope,
    )


def _tell(
    *,
    who: UUID,
    whom: UUID,
    kind: str,
    name: str,
    about: dict[str, Any],
    cause_id: UUID,
    envelope: Envelope,
) -> None:
    people = users.people_of_profiles(ids={who, whom})
    if who not in people or whom not in people or people[who] == people[whom]:
        return
    display_name = users.get_profiles(ids={who})[who].display_name
    notify(
        user_ids={whom},
        topic=kind,
        template_key=kind,
        context={**about, name: display_name},
        cause_id=cause_id,
        made_at=envelope.occurred_at,
    )
