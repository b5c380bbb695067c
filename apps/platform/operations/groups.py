"""Groups: making, changing and deleting them."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.kernel import messages
from apps.kernel.errors import Invalid, NotFound
from apps.kernel.refusals import refusing
from apps.platform.contracts import GroupChanged
from apps.platform.models import Audience, GroupMember, RealtimeGroup
from apps.platform.operations import stream


def create_group(
    *, values: Mapping[str, Any], created_by_id: UUID, created_on: datetime
) -> RealtimeGroup:
    """Make a group, whose creator is in it as a moderator.

    :param values: by field name: name, group_type and what else it has.
    :raises Invalid: it is to stop before it starts, or the creator is nobody.
    """
    group = RealtimeGroup(
        **values, created_by_id=created_by_id, created_on=created_on, updated_at=created_on
    )
    with refusing(alias="platform", constraints=_refusals()):
        group.save(force_insert=True)
    GroupMember.objects.create(
        group=group, user_id=created_by_id, is_moderator=True, added_on=created_on
    )
    messages.record(GroupChanged(group_id=group.id, change="CREATED"))
    return group


def update_group(
    *, group_id: UUID, changes: Mapping[str, Any], updated_at: datetime
) -> RealtimeGroup:
    """Change what `changes` names.

    :raises NotFound: there is no such group.
    :raises Invalid: it would stop before it starts.
    """
    group = hold_alone(group_id)
    for name, value in changes.items():
        setattr(group, name, value)
    group.updated_at = updated_at
    with refusing(alias="platform", constraints=_refusals()):
        group.save(update_fields=[*changes, "updated_at"])
    messages.record(GroupChanged(group_id=group.id, change="CHANGED"))
    stream.tell(
        kind="group.changed",
        audience=Audience.GROUP,
        audience_id=group.id,
        payload={"group_id": str(group.id), "changed": sorted(changes)},
    )
    return group


def delete_group(*, group_id: UUID, deleted_at: datetime) -> None:
    """Delete a group softly: nobody sees it any more, and nobody says anything in it.

    :raises NotFound: there is no such group.
    """
    group = hold_alone(group_id)
    group.deleted_at = group.updated_at = deleted_at
    group.save(update_fields=["deleted_at", "updated_at"])
    messages.record(GroupChanged(group_id=group.id, change="DELETED"))
    stream.tell(
        kind="group.deleted",
        audience=Audience.GROUP,
        audience_id=group.id,
        payload={"group_id": str(group.id)},
    )


def hold(group_id: UUID) -> RealtimeGroup:
    """Return a group that stays as it is until the unit of work ends; many may hold it together.

    :raises NotFound: there is no such group.
    """
    # The ORM has no FOR SHARE, and FOR UPDATE would let people speak one after the other only.
    rows = RealtimeGroup.objects.raw(
        "SELECT * FROM realtime_groups WHERE id = %s AND deleted_at IS NULL FOR SHARE", [group_id]
    )
    for group in rows:
        return group
    raise NotFound


def hold_alone(group_id: UUID) -> RealtimeGroup:
    """Return a group that nothing else happens in until the unit of work ends.

    :raises NotFound: there is no such group.
    """
    group = RealtimeGroup.objects.present().select_for_update().filter(id=group_id).first()
    if group is None:
        raise NotFound
    return group


def hold_all_alone(group_ids: Collection[UUID]) -> None:
    """Have nothing else happen in some groups, deleted ones too; held in one order."""
    rows = RealtimeGroup.objects.select_for_update().filter(id__in=group_ids).order_by("id")
    list(rows.values_list("id", flat=True))


def _refusals() -> dict[str, Invalid]:
    return {
        "realtime_groups_span": Invalid(
            fields={"stops_on": ["It can't stop before it starts: give a later time."]}
        )
    }
