"""Reading groups: who sees which, who is in them, and what is said there."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from apps.kernel.errors import Forbidden, NotFound
from apps.platform.models import (
    GroupMember,
    GroupMessage,
    GroupType,
    Joining,
    Like,
    RealtimeGroup,
    TargetType,
)
from apps.platform.queries.people import Viewer, kept_apart


class NotAMember(Forbidden):
    """The group is there to be seen, and what goes on in it is for its members."""

    slug = "not-a-member"
    title = "You are not in this group."


def visible_groups(*, viewer: Viewer) -> QuerySet:
    """Return the groups a viewer can see: open ones and their own; to editors all of them.

    Each has `is_member` and `is_moderator`, which say what the viewer is there.
    """
    own = GroupMember.objects.active().filter(
        group_id=OuterRef("id"), user_id__in=viewer.profile_ids
    )
    rows: QuerySet = RealtimeGroup.objects.present().annotate(
        is_member=Exists(own), is_moderator=Exists(own.filter(is_moderator=True))
    )
    return rows if viewer.is_editor else rows.filter(Q(joining=Joining.OPEN) | Q(is_member=True))


def open_group(*, group_id: UUID, viewer: Viewer) -> RealtimeGroup:
    """Return one group, with `is_member` and `is_moderator`.

    :raises NotFound: there is none, or it is not for this viewer to see.
    """
    found = visible_groups(viewer=viewer).filter(id=group_id).first()
    if found is None:
        raise NotFound
    return found


def membership(*, group_id: UUID, viewer: Viewer) -> GroupMember:
    """Return how a viewer is in a group; of two memberships of one person the first.

    :raises NotFound: the group is not for them to see.
    :raises NotAMember: they are not in it, or not any more.
    """
    active = GroupMember.objects.active().filter(group__deleted_at=None)
    own = active.filter(group_id=group_id, user_id__in=viewer.profile_ids)
    found = own.select_related("group").order_by("id").first()
    if found is None:
        open_group(group_id=group_id, viewer=viewer)
        raise NotAMember("Join it to read and to write there: POST /api/v1/groups/{id}/join.")
    return found


def members(*, group_id: UUID) -> QuerySet[GroupMember]:
    """Return who is in a group."""
    return GroupMember.objects.active().filter(group_id=group_id)


def member_counts(group_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many are in each group. One query."""
    rows = GroupMember.objects.active().filter(group_id__in=group_ids).values("group_id")
    return dict(rows.annotate(many=Count("id")).values_list("group_id", "many"))


def heard_since(member: GroupMember) -> datetime | None:
    """Return from when on a member sees what is said: in a group by invitation since they came."""
    return member.added_on if member.group.joining == Joining.INVITED else None


def messages(*, member: GroupMember, viewer: Viewer) -> QuerySet[GroupMessage]:
    """Return what a member sees of what is said, with `liked_by_me`; nothing of people kept apart."""
    rows = GroupMessage.objects.filter(group_id=member.group_id)
    if since := heard_since(member):
        rows = rows.filter(created_at__gte=since)
    return liked(rows, target_type=TargetType.GROUP_MESSAGE, viewer=viewer).exclude(
        author_id__in=kept_apart(viewer=viewer)
    )


def liked(rows: QuerySet, *, target_type: TargetType, viewer: Viewer) -> QuerySet:
    """Add `liked_by_me` to rows that can be liked."""
    own = Like.objects.filter(
        target_type=target_type, target_id=OuterRef("id"), user_id__in=viewer.profile_ids
    )
    return rows.annotate(liked_by_me=Exists(own))


def is_board(group: RealtimeGroup) -> bool:
    """Return whether a group keeps scores."""
    return group.group_type == GroupType.MESSAGE_BOARD
