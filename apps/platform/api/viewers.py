"""Who is calling, and what of a group is theirs to change."""

from typing import Any
from uuid import UUID

from apps.kernel.errors import Forbidden, Invalid, NotFound
from apps.platform import queries
from apps.platform.models import RealtimeGroup, TargetType
from apps.platform.operations.comments import KeptApart
from apps.tenancy.api.permissions import Rank, has_rank, rank_of
from apps.tenancy.reads import note_read


def viewer_of(request: Any) -> queries.Viewer:
    """Return who looks or acts; nobody, where no request is."""
    user = getattr(request, "user", None)
    if request is None or not user:
        return queries.Viewer()
    return queries.viewer_of_person(
        keycloak_id=user.id,
        is_staff=rank_of(request) is not None,
        is_editor=has_rank(request, Rank.EDITOR),
        is_admin=has_rank(request, Rank.ADMIN),
    )


def check_may_manage(viewer: queries.Viewer, *, group_id: UUID) -> RealtimeGroup:
    """Return a group that the caller may change: as its creator, its moderator or an editor.

    :raises NotFound: there is none that they can see.
    :raises Forbidden: it is for others to change.
    """
    group = queries.open_group(group_id=group_id, viewer=viewer)
    is_moderator = bool(getattr(group, "is_moderator", False))
    if not (is_moderator or viewer.is_editor or viewer.is_person(group.created_by_id)):
        raise Forbidden("Its moderators and the editors of the tenant can do this.")
    return group


def check_may_add(viewer: queries.Viewer, *, profile_id: UUID) -> None:
    """Let the caller put into a group whom they can see, and is not kept apart from them.

    :raises Invalid: there is no such profile, or it is not for them to see.
    :raises KeptApart: one of the two has blocked the other.
    """
    try:
        queries.open_target(target_type=TargetType.PROFILE, target_id=profile_id, viewer=viewer)
    except NotFound:
        fault = f"There is no profile with the id {profile_id}."
        raise Invalid(fields={"user_id": [fault]}) from None
    if profile_id in queries.kept_apart(viewer=viewer):
        raise KeptApart("It is not open to you.")


def check_may_decide(viewer: queries.Viewer, *, group_id: UUID) -> RealtimeGroup:
    """Return a group that the caller may delete, open or close: as its creator or an admin.

    Who opens a group by invitation shows everybody what was said in it before they came.

    :raises NotFound: there is none that they can see.
    :raises Forbidden: it is for others to decide.
    """
    group = queries.open_group(group_id=group_id, viewer=viewer)
    if not (viewer.is_admin or viewer.is_person(group.created_by_id)):
        raise Forbidden("Its creator and the admins of the tenant can do this.")
    return group


def check_may_list_members(request: Any, viewer: queries.Viewer, *, group_id: UUID) -> None:
    """Let members see who else is in a group; editors too, which is noted.

    :raises NotFound: there is no group that they can see.
    :raises NotAMember: they are not in it.
    """
    group = queries.open_group(group_id=group_id, viewer=viewer)
    if getattr(group, "is_member", False):
        return
    if not viewer.is_editor:
        raise queries.NotAMember("Join it to see who is there: POST /api/v1/groups/{id}/join.")
    table = RealtimeGroup._meta.db_table
    note_read(request, alias="platform", entity_type=table, id=group.id, fields=["members"])
