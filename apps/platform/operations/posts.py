"""What is said in groups: posting, editing, taking back."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.kernel import messages
from apps.kernel.errors import Conflict, Forbidden, NotFound
from apps.platform.contracts import GroupMessageDeleted, GroupMessageEdited, GroupMessagePosted
from apps.platform.models import (
    Audience,
    GroupMember,
    GroupMessage,
    GroupType,
    Like,
    RealtimeGroup,
    TargetType,
)
from apps.platform.operations import boards, contents, groups, stream, told
from apps.platform.queries import NotAMember, is_board


class NotAModerator(Forbidden):
    """In a group for announcements, only moderators speak."""

    slug = "not-a-moderator"
    title = "Only moderators write in this group."


class GroupClosed(Conflict):
    """The group has not started, or has stopped."""

    slug = "group-closed"
    title = "Nothing can be posted in this group now."


class TakenBack(Conflict):
    """It was taken back: it can't be changed, liked or commented on any more."""

    slug = "taken-back"
    title = "It was taken back."


def post_message(
    *, group_id: UUID, own_ids: Collection[UUID], values: Mapping[str, Any], posted_at: datetime
) -> GroupMessage:
    """Say something in a group, as the profile that the person is in it with.

    :param own_ids: the profiles of the person who speaks.
    :param values: message_content, message_content_type, meta_data.
    :raises NotFound: there is no such group.
    :raises NotAMember: they are not in it, or have left.
    :raises NotAModerator: it is for announcements.
    :raises GroupClosed: it has not started, or has stopped.
    :raises Invalid: the content is not what its type says.
    """
    group = groups.hold(group_id)
    member = _member(group, own_ids)
    if group.group_type == GroupType.SSE and not member.is_moderator:
        raise NotAModerator("Ask one of its moderators to announce it.")
    _check_open(group, at=posted_at)
    message = GroupMessage(
        group=group, member=member, author_id=member.user_id, created_at=posted_at, **values
    )
    contents.check(content=message.message_content, content_type=message.message_content_type)
    message.save(force_insert=True)
    if is_board(group):
        boards.count(group_id=group.id, user_id=message.author_id, messages=1, at=posted_at)
    messages.record(
        GroupMessagePosted(
            message_id=message.id,
            group_id=group.id,
            author_id=message.author_id,
            content_type=message.message_content_type,
        )
    )
    _tell("group_message.posted", message)
    return message


def edit_message(
    *, message_id: UUID, changes: Mapping[str, Any], edited_at: datetime
) -> GroupMessage:
    """Give a message another content.

    :raises NotFound: there is no such message, or its group is gone.
    :raises TakenBack: it was taken back.
    :raises Invalid: the content is not what its type says.
    """
    _, message = _held(message_id)
    if message.deleted_at is not None:
        raise TakenBack("Post a new message.")
    for name, value in changes.items():
        setattr(message, name, value)
    contents.check(content=message.message_content, content_type=message.message_content_type)
    message.edited_at = edited_at
    message.save(update_fields=[*changes, "edited_at"])
    told.forget_message(message_id=message.id, since=message.created_at)
    messages.record(
        GroupMessageEdited(
            message_id=message.id, group_id=message.group_id, author_id=message.author_id
        )
    )
    _tell("group_message.edited", message)
    return message


def delete_message(*, message_id: UUID, deleted_at: datetime) -> None:
    """Take a message back: its content goes, its place stays. Once more changes nothing.

    :raises NotFound: there is no such message, or its group is gone.
    """
    group, message = _held(message_id)
    if message.deleted_at is not None:
        return
    if is_board(group):
        likes = Like.objects.filter(target_type=TargetType.GROUP_MESSAGE, target_id=message.id)
        boards.count(
            group_id=group.id,
            user_id=message.author_id,
            messages=-1,
            likes=-likes.count(),
            at=deleted_at,
        )
    message.message_content, message.meta_data, message.deleted_at = "", {}, deleted_at
    message.save(update_fields=["message_content", "meta_data", "deleted_at"])
    told.forget_message(message_id=message.id, since=message.created_at)
    messages.record(
        GroupMessageDeleted(
            message_id=message.id, group_id=message.group_id, author_id=message.author_id
        )
    )
    _tell("group_message.deleted", message)


def _member(group: RealtimeGroup, own_ids: Collection[UUID]) -> GroupMember:
    # Held, so that who is being put out has either spoken before or does not speak.
    rows = GroupMember.objects.active().select_for_update()
    member = rows.filter(group=group, user_id__in=own_ids).order_by("id").first()
    if member is None:
        raise NotAMember("You are not in this group, or have left it. Join it to write there.")
    return member


def _check_open(group: RealtimeGroup, *, at: datetime) -> None:
    if group.starts_on is not None and at < group.starts_on:
        raise GroupClosed(f"It starts on {group.starts_on.isoformat()}.")
    if group.stops_on is not None and at >= group.stops_on:
        raise GroupClosed(f"It stopped on {group.stops_on.isoformat()}.")


def _held(message_id: UUID) -> tuple[RealtimeGroup, GroupMessage]:
    """Return a message with its group, both held; the group first, as everywhere."""
    found = GroupMessage.objects.filter(id=message_id).values_list("group_id", flat=True).first()
    if found is None:
        raise NotFound
    group = groups.hold(found)
    return group, GroupMessage.objects.select_for_update().get(id=message_id)


def _tell(kind: str, message: GroupMessage) -> None:
    stream.tell(
        kind=kind,
        audience=Audience.GROUP,
        audience_id=message.group_id,
        payload={
            "id": str(message.id),
            "group_id": str(message.group_id),
            "author_id": str(message.author_id),
            "message_content": message.message_content,
            "message_content_type": message.message_content_type,
            "meta_data": message.meta_data,
            "created_at": message.created_at.isoformat(),
            "edited_at": message.edited_at.isoformat() if message.edited_at else None,
        },
    )
