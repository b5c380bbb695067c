"""What a person said, liked and joined, when they are erased."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connections
from django.db.models import F, Q
from django.db.models.functions import Greatest

from apps.platform.models import (
    Audience,
    BoardScore,
    Comment,
    GroupMember,
    GroupMessage,
    GroupType,
    Like,
    RealtimeGroup,
    TargetType,
)
from apps.platform.operations import boards, groups, stream, told

LIKED_ON_BOARDS = """
SELECT m.group_id, m.author_id, count(*) FROM likes l
JOIN group_messages m ON m.id = l.target_id
JOIN realtime_groups g ON g.id = m.group_id
WHERE l.user_id = ANY(%(ids)s::uuid[]) AND l.target_type = 'GROUP_MESSAGE'
    AND m.deleted_at IS NULL AND m.author_id <> ALL(%(ids)s::uuid[])
    AND g.group_type = 'MESSAGE_BOARD'
GROUP BY m.group_id, m.author_id ORDER BY m.group_id, m.author_id
"""


def forget_people(*, ids: Collection[UUID], erased_at: datetime) -> dict[str, int]:
    """Empty what some profiles said, and drop their likes, scores and names in groups.

    Places stay where something was said, since others have answered; memberships end. Boards are
    held meanwhile, so that nobody's score counts a like that is gone. Once more changes nothing.

    :returns: how many rows of which table changed or went.
    """
    if not ids:
        return {}
    _hold_boards(ids)
    for id_ in sorted(ids):
        boards.hold_score_of(id_)
    changed = {"likes": _unlike(ids, erased_at=erased_at)}
    own_messages = GroupMessage.objects.filter(author_id__in=ids, deleted_at=None)
    changed["group_messages"] = own_messages.update(
        message_content="", meta_data={}, deleted_at=erased_at
    )
    own_comments = Comment.objects.filter(author_id__in=ids, deleted_at=None)
    changed["comments"] = own_comments.update(body="", deleted_at=erased_at)
    changed["board_scores"] = BoardScore.objects.filter(user_id__in=ids).delete()[0]
    changed["group_members"] = _end_memberships(ids, erased_at=erased_at)
    changed["stream_events"] = told.forget_people(ids=ids)
    stream.tell(
        kind="profile.erased",
        audience=Audience.EVERYBODY,
        payload={"user_ids": sorted(str(id_) for id_ in ids)},
    )
    return changed


def _hold_boards(ids: Collection[UUID]) -> None:
    likes = Like.objects.filter(user_id__in=ids, target_type=TargetType.GROUP_MESSAGE)
    said = GroupMessage.objects.filter(Q(author_id__in=ids) | Q(id__in=likes.values("target_id")))
    rows = RealtimeGroup.objects.filter(
        group_type=GroupType.MESSAGE_BOARD, id__in=said.values("group_id")
    )
    groups.hold_all_alone(set(rows.values_list("id", flat=True)))


def _unlike(ids: Collection[UUID], *, erased_at: datetime) -> int:
    with connections["platform"].cursor() as cursor:
        cursor.execute(LIKED_ON_BOARDS, {"ids": list(ids)})
        lost = cursor.fetchall()
    for group_id, author_id, many in lost:
        boards.count(group_id=group_id, user_id=author_id, likes=-many, at=erased_at)
    return int(Like.objects.filter(user_id__in=ids).delete()[0])


def _end_memberships(ids: Collection[UUID], *, erased_at: datetime) -> int:
    rows = GroupMember.objects.filter(user_id__in=ids)
    rows.active().update(removed_on=Greatest(F("added_on"), erased_at))
    return rows.exclude(name="", meta_data={}, is_moderator=False).update(
        name="", meta_data={}, is_moderator=False
    )
