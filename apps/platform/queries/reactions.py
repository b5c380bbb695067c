"""Reading comments and likes: on what, by whom, how many."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.db.models import Count, QuerySet

from apps.kernel.errors import NotFound
from apps.platform.models import Comment, GroupMessage, Like, TargetType
from apps.platform.queries import groups
from apps.platform.queries.people import Viewer, kept_apart
from apps.users import interface as users


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something a viewer can see, and so comment on and like."""

    type: TargetType
    id: UUID
    owner_id: UUID
    """The profile that said it, or is it."""
    is_taken_back: bool = False
    is_answer: bool = False
    """A comment on a comment."""
    group_id: UUID | None = None
    """The group where it was said, if any."""
    is_moderated: bool = False
    """The viewer may take back what others say about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reactions:
    """What people think of something."""

    target_type: str
    target_id: UUID
    like_count: int
    comment_count: int
    liked_by_me: bool


def open_target(*, target_type: TargetType, target_id: UUID, viewer: Viewer) -> Target:
    """Return something that can be commented on and liked.

    :raises NotFound: there is no such thing, or it is not for this viewer to see.
    :raises NotAMember: it was said in an open group that the viewer is not in.
    """
    return _OPENERS[target_type](target_id, viewer)


def comments(*, target: Target, viewer: Viewer) -> QuerySet[Comment]:
    """Return the comments on something, with `liked_by_me`; nothing of people kept apart."""
    rows = Comment.objects.filter(target_type=target.type, target_id=target.id)
    return groups.liked(rows, target_type=TargetType.COMMENT, viewer=viewer).exclude(
        author_id__in=kept_apart(viewer=viewer)
    )


def like_counts(target_type: TargetType, ids: Collection[UUID]) -> Mapping[UUID, int]:
    """Return how many like each of some things; what nobody likes is not in it. One query."""
    rows = Like.objects.filter(target_type=target_type, target_id__in=ids).values("target_id")
    return dict(rows.annotate(many=Count("id")).values_list("target_id", "many"))


def comment_counts(target_type: TargetType, ids: Collection[UUID]) -> Mapping[UUID, int]:
    """Return how many comments each of some things has, without what was taken back. One query."""
    rows = Comment.objects.filter(target_type=target_type, target_id__in=ids, deleted_at=None)
    counted = rows.values("target_id").annotate(many=Count("id"))
    return dict(counted.values_list("target_id", "many"))


def reactions_to(*, target: Target, viewer: Viewer) -> Reactions:
    """Return what people think of one thing."""
    likes = Like.objects.filter(target_type=target.type, target_id=target.id)
    return Reactions(
        target_type=target.type,
        target_id=target.id,
        like_count=likes.count(),
        comment_count=comment_counts(target.type, [target.id]).get(target.id, 0),
        liked_by_me=likes.filter(user_id__in=viewer.profile_ids).exists(),
    )


def _open_message(message_id: UUID, viewer: Viewer) -> Target:
    said = GroupMessage.objects.filter(id=message_id).values_list("group_id", flat=True).first()
    if said is None:
        raise NotFound
    member = groups.membership(group_id=said, viewer=viewer)
    message = groups.messages(member=member, viewer=viewer).filter(id=message_id).first()
    if message is None:
        raise NotFound
    return Target(
        type=TargetType.GROUP_MESSAGE,
        id=message.id,
        owner_id=message.author_id,
        is_taken_back=message.deleted_at is not None,
        group_id=said,
        is_moderated=viewer.is_editor or member.is_moderator,
    )


def _open_profile(profile_id: UUID, viewer: Viewer) -> Target:
    profile = users.get_profiles(ids={profile_id}).get(profile_id)
    is_own = viewer.is_person(profile_id)
    if profile is None or profile.is_deleted:
        raise NotFound
    if profile.status != "ACTIVE" and not (is_own or viewer.is_staff):
        raise NotFound
    return Target(
        type=TargetType.PROFILE,
        id=profile_id,
        owner_id=profile_id,
        is_moderated=viewer.is_editor or is_own,
    )


def _open_comment(comment_id: UUID, viewer: Viewer) -> Target:
    comment = Comment.objects.filter(id=comment_id).first()
    if comment is None or comment.author_id in kept_apart(viewer=viewer):
        raise NotFound
    kind = TargetType(comment.target_type)
    about = open_target(target_type=kind, target_id=comment.target_id, viewer=viewer)
    return Target(
        type=TargetType.COMMENT,
        id=comment.id,
        owner_id=comment.author_id,
        is_taken_back=comment.deleted_at is not None,
        is_answer=kind == TargetType.COMMENT,
        group_id=about.group_id,
        is_moderated=about.is_moderated,
    )


_OPENERS: Mapping[TargetType, Callable[[UUID, Viewer], Target]] = {
    TargetType.GROUP_MESSAGE: _open_message,
    TargetType.PROFILE: _open_profile,
    TargetType.COMMENT: _open_comment,
}

# For the stitches of rows: ids of one kind -> numbers by id.
message_likes = partial(like_counts, TargetType.GROUP_MESSAGE)
message_comments = partial(comment_counts, TargetType.GROUP_MESSAGE)
comment_likes = partial(like_counts, TargetType.COMMENT)
comment_comments = partial(comment_counts, TargetType.COMMENT)
