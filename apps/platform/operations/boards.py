"""Scores of boards: kept in the transaction of each message and like, so that they can't drift."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections

from apps.commerce.contracts import DonationMade
from apps.kernel.errors import NotFound
from apps.kernel.messages import Envelope
from apps.platform.models import BoardScore
from apps.platform.models.group import (
    POINTS_PER_LIKE,
    POINTS_PER_MESSAGE,
    POINTS_PER_UNIT_GIVEN,
)
from apps.platform.operations import groups
from apps.platform.queries import is_board
from apps.tenancy import locks
from apps.users import interface as users

# Two statements, since a proposed row with less than nothing would break the table's rules before
# it meets the row that is there.
ENTER = """
INSERT INTO board_scores (id, group_id, user_id, messages, likes, added, points, updated_at)
VALUES (%(id)s, %(group)s, %(user)s, 0, 0, 0, 0, %(at)s)
ON CONFLICT (tenant_id, group_id, user_id) DO NOTHING
"""
COUNT = """
UPDATE board_scores SET messages = messages + %(messages)s, likes = likes + %(likes)s,
    added = added + %(added)s, points = points + %(points)s, updated_at = %(at)s
WHERE group_id = %(group)s AND user_id = %(user)s
"""
# What the messages and likes themselves say; points that were added have no other source.
REBUILD = """
WITH told AS (
    SELECT m.author_id AS user_id, count(DISTINCT m.id) AS messages, count(l.id) AS likes
    FROM group_messages m
    LEFT JOIN likes l ON l.target_type = 'GROUP_MESSAGE' AND l.target_id = m.id
    WHERE m.group_id = %(group)s AND m.deleted_at IS NULL
    GROUP BY m.author_id
)
UPDATE board_scores s SET messages = now.messages, likes = now.likes,
    points = now.messages * %(per_message)s + now.likes * %(per_like)s + s.added
FROM (
    SELECT k.id, coalesce(t.messages, 0) AS messages, coalesce(t.likes, 0) AS likes
    FROM board_scores k LEFT JOIN told t ON t.user_id = k.user_id
    WHERE k.group_id = %(group)s
) now
WHERE s.id = now.id AND (s.messages, s.likes) IS DISTINCT FROM (now.messages, now.likes)
"""
MISSING = """
INSERT INTO board_scores (id, group_id, user_id, messages, likes, added, points, updated_at)
SELECT extensions.uuid7(), %(group)s, m.author_id, 0, 0, 0, 0, max(m.created_at)
FROM group_messages m
WHERE m.group_id = %(group)s AND m.deleted_at IS NULL
GROUP BY m.author_id
ON CONFLICT (tenant_id, group_id, user_id) DO NOTHING
"""


def count(
    *,
    group_id: UUID,
    user_id: UUID,
    at: datetime,
    messages: int = 0,
    likes: int = 0,
    added: int = 0,
) -> None:
    """Add to what somebody has on a board; call it while the group is held.

    :param messages: how many more they have, or fewer; likes of others for these, and points, too.
    """
    points = messages * POINTS_PER_MESSAGE + likes * POINTS_PER_LIKE + added
    values: dict[str, Any] = {
        "id": BoardScore().id,
        "group": group_id,
        "user": user_id,
        "messages": messages,
        "likes": likes,
        "added": added,
        "points": points,
        "at": at,
    }
    with connections["platform"].cursor() as cursor:
        cursor.execute(ENTER, values)
        cursor.execute(COUNT, values)


def add_points(*, group_id: UUID, user_id: UUID, points: int, added_at: datetime) -> None:
    """Give somebody points on a board for what is neither message nor like, such as a donation.

    :raises NotFound: there is no such board.
    """
    if not is_board(groups.hold(group_id)):
        raise NotFound
    count(group_id=group_id, user_id=user_id, added=points, at=added_at)


def count_donation(message: DonationMade, envelope: Envelope) -> None:
    """Give whoever gave on a board points for each whole unit of the currency.

    What was given anonymously gives none, as the board would tell of it. A board that is gone by
    now counts nothing, nor does it count for whom is.
    """
    units = message.amount // 10**message.decimals
    if message.is_anonymous or not units:
        return
    try:
        board = groups.hold(message.board_id)
    except NotFound:
        return
    hold_score_of(message.user_id)
    if is_board(board) and users.existing_profile_ids(ids={message.user_id}):
        count(
            group_id=board.id,
            user_id=message.user_id,
            added=units * POINTS_PER_UNIT_GIVEN,
            at=envelope.occurred_at,
        )


def hold_score_of(user_id: UUID) -> None:
    """Have nobody else give somebody a first score, or take the last, until the unit of work ends.

    Call it while the boards in question are held.
    """
    locks.hold("board-score", user_id)


def rebuild_board(*, group_id: UUID) -> int:
    """Count the messages and likes of a board anew; return how many scores were not as they were.

    :raises NotFound: there is no such board.
    """
    if not is_board(groups.hold_alone(group_id)):
        raise NotFound
    values: dict[str, Any] = {
        "group": group_id,
        "per_message": POINTS_PER_MESSAGE,
        "per_like": POINTS_PER_LIKE,
    }
    with connections["platform"].cursor() as cursor:
        cursor.execute(MISSING, values)
        cursor.execute(REBUILD, values)
        return int(cursor.rowcount)
