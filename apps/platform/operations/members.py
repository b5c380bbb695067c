"""Who is in a group: joining, leaving, being added and removed, moderating."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.kernel import messages
from apps.kernel.errors import Conflict, NotFound
from apps.platform.contracts import GroupMemberChanged
from apps.platform.models import Audience, GroupMember, Joining
from apps.platform.operations import groups, stream


class GroupIsOpen(Conflict):
    """Nobody is put into a group that everybody can join by themselves."""

    slug = "group-is-open"
    title = "People join this group by themselves."


def join_group(
    *, group_id: UUID, profile_id: UUID, own_ids: Collection[UUID], joined_on: datetime
) -> GroupMember:
    """Have a person come into an open group; who is in it already stays as they are.

    :param profile_id: the profile they come with.
    :param own_ids: all profiles of the person, of whom one is enough in a group.
    :raises NotFound: there is no such group, or one comes into it by invitation only.
    """
    group = groups.hold(group_id)
    own = GroupMember.objects.active().filter(group=group, user_id__in={*own_ids, profile_id})
    if existing := own.order_by("id").first():
        return existing
    if group.joining != Joining.OPEN:
        raise NotFound
    return _enter(group_id, profile_id, at=joined_on, change="JOINED")


def add_member(*, group_id: UUID, profile_id: UUID, added_on: datetime) -> GroupMember:
    """Put somebody into a group by invitation; who is in it already stays as they are.

    :raises NotFound: there is no such group.
    :raises GroupIsOpen: everybody can join it.
    :raises Invalid: there is no such profile.
    """
    group = groups.hold(group_id)
    if group.joining != Joining.INVITED:
        raise GroupIsOpen("Ask them to join: POST /api/v1/groups/{id}/join.")
    return _enter(group_id, profile_id, at=added_on, change="ADDED")


def leave_group(*, group_id: UUID, own_ids: Collection[UUID], left_on: datetime) -> None:
    """Have a person leave a group with all their profiles; who is not in it stays out.

    :raises NotFound: there is no such group.
    """
    groups.hold(group_id)
    for member in _held(group_id, own_ids):
        _end(member, at=left_on, change="LEFT")


def remove_member(*, group_id: UUID, profile_id: UUID, removed_on: datetime) -> None:
    """Put somebody out of a group.

    :raises NotFound: there is no such group, or they are not in it.
    """
    groups.hold(group_id)
    _end(_one(group_id, profile_id), at=removed_on, change="REMOVED")


def update_member(*, group_id: UUID, profile_id: UUID, changes: Mapping[str, Any]) -> GroupMember:
    """Change how somebody is called in a group, or whether they moderate it.

    :raises NotFound: there is no such group, or they are not in it.
    """
    groups.hold(group_id)
    member = _one(group_id, profile_id)
    for name, value in changes.items():
        setattr(member, name, value)
    member.save(update_fields=list(changes))
    _tell(member, change="CHANGED")
    return member


def _enter(group_id: UUID, profile_id: UUID, *, at: datetime, change: str) -> GroupMember:
    member, is_new = GroupMember.objects.get_or_create(
        group_id=group_id, user_id=profile_id, removed_on=None, defaults={"added_on": at}
    )
    if is_new:
        _tell(member, change=change)
    return member


def _held(group_id: UUID, profile_ids: Collection[UUID]) -> list[GroupMember]:
    rows = GroupMember.objects.active().select_for_update()
    return list(rows.filter(group_id=group_id, user_id__in=profile_ids).order_by("id"))


def _one(group_id: UUID, profile_id: UUID) -> GroupMember:
    for member in _held(group_id, [profile_id]):
        return member
    raise NotFound


def _end(member: GroupMember, *, at: datetime, change: str) -> None:
    member.removed_on = max(at, member.added_on)
    member.save(update_fields=["removed_on"])
    _tell(member, change=change)


def _tell(member: GroupMember, *, change: str) -> None:
    messages.record(
        GroupMemberChanged(
            group_id=member.group_id,
            user_id=member.user_id,
            change=change,
            is_moderator=member.is_moderator,
        )
    )
    stream.tell(
        kind=f"group_member.{change.lower()}",
        audience=Audience.GROUP,
        audience_id=member.group_id,
        payload={
            "group_id": str(member.group_id),
            "user_id": str(member.user_id),
            "is_moderator": member.is_moderator,
        },
    )
