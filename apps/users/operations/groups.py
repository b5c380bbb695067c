"""Groups: nesting without cycles, and the celebrities in them."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connections

from apps.kernel import messages
from apps.kernel.errors import Invalid, NotFound
from apps.tenancy import locks
from apps.users.contracts import GroupMembershipChanged
from apps.users.models import GroupCelebrity, Profile, ProfileType

# UNION, not UNION ALL: it comes to an end even if somebody made a cycle by other means.
_ANCESTORS = """
    WITH RECURSIVE ancestors AS (
        SELECT id, parent_group_id FROM profiles WHERE id = %(parent)s
        UNION
        SELECT p.id, p.parent_group_id FROM profiles p JOIN ancestors a ON p.id = a.parent_group_id
    )
    SELECT EXISTS (SELECT FROM ancestors WHERE id = %(group)s)
"""


def check_parent(*, group_id: UUID, parent_group_id: UUID) -> None:
    """Hold the tenant's tree of groups, and refuse a parent that the group contains.

    The lock makes moves wait for each other: two that are harmless alone can close a circle together.

    :raises Invalid: the parent is no group, the group itself, or one of its descendants.
    """
    locks.hold("groups")
    parents = Profile.objects.present().filter(profile_type=ProfileType.GROUP)
    if not parents.filter(id=parent_group_id).exists():
        raise Invalid(fields={"parent_group_id": ["There is no group with this id."]})
    with connections["users"].cursor() as cursor:
        cursor.execute(_ANCESTORS, {"parent": parent_group_id, "group": group_id})
        (is_circular,) = cursor.fetchone()
    if is_circular:
        raise Invalid(
            fields={
                "parent_group_id": ["A group can't be inside itself or inside its own subgroup."]
            }
        )


def set_group_celebrities(
    *, group_id: UUID, celebrity_ids: Collection[UUID], joined_on: datetime
) -> None:
    """Have exactly these celebrities in a group; those who stay keep the day they joined.

    :raises NotFound: there is no such group.
    :raises Invalid: an id is no celebrity's.
    """
    groups = Profile.objects.present().filter(profile_type=ProfileType.GROUP)
    if not groups.select_for_update().filter(id=group_id).exists():
        raise NotFound
    wanted = set(celebrity_ids)
    celebrities = Profile.objects.present().filter(profile_type=ProfileType.CELEBRITY)
    missing = wanted - set(celebrities.filter(id__in=wanted).values_list("id", flat=True))
    if missing:
        listed = ", ".join(sorted(map(str, missing)))
        raise Invalid(fields={"celebrity_ids": [f"There is no celebrity with the id {listed}."]})

    rows = GroupCelebrity.objects.filter(group_id=group_id)
    present = set(rows.values_list("celebrity_id", flat=True))
    if present == wanted:
        return

    rows.exclude(celebrity_id__in=wanted).delete()
    GroupCelebrity.objects.bulk_create(
        GroupCelebrity(group_id=group_id, celebrity_id=id_, joined_on=joined_on)
        for id_ in sorted(wanted - present)
    )
    messages.record(
        GroupMembershipChanged(
            group_id=group_id,
            joined_ids=tuple(sorted(wanted - present)),
            left_ids=tuple(sorted(present - wanted)),
        )
    )
