"""Comments and likes, on whatever somebody can see."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from apps.kernel import messages
from apps.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from apps.platform.contracts import CommentChanged, LikeChanged
from apps.platform.models import Comment, GroupMessage, Like, TargetType
from apps.platform.operations import boards, groups
from apps.platform.operations.posts import TakenBack
from apps.platform.queries import Target, is_board


class AnswersEndHere(Conflict):
    """A comment is answered; an answer is not."""

    slug = "answers-end-here"
    title = "An answer can't be answered."


class KeptApart(Forbidden):
    """One of the two has blocked the other; which one is not told."""

    slug = "blocked"
    title = "You can't do this with this profile."


def add_comment(
    *,
    target: Target,
    author_id: UUID,
    apart_from: Collection[UUID],
    body: str,
    created_at: datetime,
) -> Comment:
    """Comment on something.

    :param target: what the author can see.
    :param apart_from: profiles of people with whom there is a block.
    :raises TakenBack: it was taken back.
    :raises AnswersEndHere: it is an answer to a comment itself.
    :raises KeptApart: it is somebody's with whom there is a block.
    """
    _check(target, apart_from=apart_from)
    if target.is_answer:
        raise AnswersEndHere("Answer the comment that it answers.")
    comment = Comment.objects.create(
        target_type=target.type,
        target_id=target.id,
        author_id=author_id,
        body=body,
        created_at=created_at,
    )
    _tell(comment, change="POSTED", owner_id=target.owner_id)
    return comment


def edit_comment(*, comment_id: UUID, body: str, edited_at: datetime) -> Comment:
    """Give a comment another text.

    :raises NotFound: there is no such comment.
    :raises TakenBack: it was taken back.
    """
    comment = _held(comment_id)
    if comment.deleted_at is not None:
        raise TakenBack("Write a new comment.")
    comment.body, comment.edited_at = body, edited_at
    comment.save(update_fields=["body", "edited_at"])
    _tell(comment, change="EDITED")
    return comment


def delete_comment(*, comment_id: UUID, deleted_at: datetime) -> None:
    """Take a comment back: its text goes, its place stays. Once more changes nothing.

    :raises NotFound: there is no such comment.
    """
    comment = _held(comment_id)
    if comment.deleted_at is not None:
        return
    comment.body, comment.deleted_at = "", deleted_at
    comment.save(update_fields=["body", "deleted_at"])
    _tell(comment, change="DELETED")


def like(
    *,
    target: Target,
    user_id: UUID,
    own_ids: Collection[UUID],
    apart_from: Collection[UUID],
    liked_at: datetime,
) -> None:
    """Like something; once more changes nothing.

    :param own_ids: all profiles of the person, of whom one is enough.
    :raises Invalid: it is the person's own.
    :raises TakenBack: it was taken back.
    :raises KeptApart: it is somebody's with whom there is a block.
    """
    if target.owner_id in own_ids:
        raise Invalid(fields={"target_id": ["Nobody likes what is their own."]})
    board_id = _hold_board(target)
    _check(target, apart_from=apart_from)
    likes = Like.objects.filter(target_type=target.type, target_id=target.id)
    if likes.filter(user_id__in=own_ids).exists():
        return
    _, is_new = likes.get_or_create(
        target_type=target.type,
        target_id=target.id,
        user_id=user_id,
        defaults={"created_at": liked_at},
    )
    if is_new and board_id:
        boards.count(group_id=board_id, user_id=target.owner_id, likes=1, at=liked_at)
    if is_new:
        _tell_like(target, user_id=user_id, is_liked=True)


def unlike(*, target: Target, own_ids: Collection[UUID], unliked_at: datetime) -> None:
    """Like something no more; where it is not liked, nothing changes."""
    board_id = _hold_board(target)
    likes = Like.objects.filter(
        target_type=target.type, target_id=target.id, user_id__in=own_ids
    ).select_for_update()
    for each in likes.order_by("id"):
        each.delete()
        if board_id:
            boards.count(group_id=board_id, user_id=target.owner_id, likes=-1, at=unliked_at)
        _tell_like(target, user_id=each.user_id, is_liked=False)


def _check(target: Target, *, apart_from: Collection[UUID]) -> None:
    if target.is_taken_back:
        raise TakenBack("There is nothing left to react to.")
    if target.owner_id in apart_from:
        raise KeptApart("It is not open to you.")


def _hold_board(target: Target) -> UUID | None:
    """Hold a message on a board as it is; return the board that a like of it counts on.

    What was taken back counts no more, and is not taken back while somebody holds it.
    """
    if target.type != TargetType.GROUP_MESSAGE or target.group_id is None:
        return None
    group = groups.hold(target.group_id)
    held = GroupMessage.objects.raw(
        "SELECT * FROM group_messages WHERE id = %s FOR SHARE", [target.id]
    )
    counts = [message for message in held if message.deleted_at is None]
    return group.id if counts and is_board(group) else None


def _held(comment_id: UUID) -> Comment:
    comment = Comment.objects.select_for_update().filter(id=comment_id).first()
    if comment is None:
        raise NotFound
    return comment


def _tell(comment: Comment, *, change: str, owner_id: UUID | None = None) -> None:
    messages.record(
        CommentChanged(
            comment_id=comment.id,
            change=change,
            target_type=comment.target_type,
            target_id=comment.target_id,
            target_owner_id=owner_id,
            author_id=comment.author_id,
        )
    )


def _tell_like(target: Target, *, user_id: UUID, is_liked: bool) -> None:
    messages.record(
        LikeChanged(
            target_type=target.type,
            target_id=target.id,
            target_owner_id=target.owner_id,
            user_id=user_id,
            is_liked=is_liked,
        )
    )
