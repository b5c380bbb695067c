"""What can be done in the platform context; every function is one unit of change."""

from apps.platform.operations.boards import add_points, rebuild_board
from apps.platform.operations.comments import (
    add_comment,
    delete_comment,
    edit_comment,
    like,
    unlike,
)
from apps.platform.operations.flags import reset_flag, set_flag
from apps.platform.operations.groups import create_group, delete_group, update_group
from apps.platform.operations.members import (
    add_member,
    join_group,
    leave_group,
    remove_member,
    update_member,
)
from apps.platform.operations.people import erase_person
from apps.platform.operations.posts import delete_message, edit_message, post_message
from apps.platform.operations.tags import create_tag, delete_tag, merge_tags, update_tag

__all__ = [
    "add_comment",
    "add_member",
    "add_points",
    "create_group",
    "create_tag",
    "delete_comment",
    "delete_group",
    "delete_message",
    "delete_tag",
    "edit_comment",
    "edit_message",
    "erase_person",
    "join_group",
    "leave_group",
    "like",
    "merge_tags",
    "post_message",
    "rebuild_board",
    "remove_member",
    "reset_flag",
    "set_flag",
    "unlike",
    "update_group",
    "update_member",
    "update_tag",
]
