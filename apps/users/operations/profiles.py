"""Writing profiles: making, changing, deleting, and what status they have."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.kernel.errors import Conflict, Invalid, NotFound
from apps.kernel.refusals import refusing
from apps.users.models import Profile, ProfileStatus, ProfileType
from apps.users.models.profile import HIDEABLE_FIELDS, Privacy
from apps.users.operations import groups, telling

# What each type of profile does not have; the table's CHECKs say the same.
ABSENT_FIELDS: dict[str, frozenset[str]] = {
    ProfileType.FAN: frozenset(
        {
            "bio",
            "company_name",
            "title",
            "store_code",
            "display_weight",
            "parent_group_id",
            "owner_id",
        }
    ),
    ProfileType.CELEBRITY: frozenset({"parent_group_id", "owner_id"}),
    ProfileType.GROUP: frozenset(
        {"keycloak_id", "first_name", "last_name", "company_name", "title", "store_code"}
    ),
}


class ProfileExists(Conflict):
    """A person has one profile of each type."""

    slug = "profile-exists"
    title = "This person has such a profile already."


class ProfileErased(Conflict):
    """A tombstone can't be changed."""

    slug = "profile-erased"
    title = "The person behind this profile was erased."


class GroupNotApproved(Conflict):
    """A group is approved before it is active."""

    slug = "group-not-approved"
    title = "This group has not been approved."


class NotAGroup(Conflict):
    """Only groups are approved, nested and filled."""

    slug = "not-a-group"
    title = "This profile is not a group."


def create_profile(
    *, profile_type: str, values: Mapping[str, Any], created_on: datetime
) -> Profile:
    """Make a profile; its counters and the first line of its history make themselves.

    :param values: by field name; what it leaves out has its default.
    :raises Invalid: a field does not go with the type, or refers to nothing.
    :raises ProfileExists: the person has a profile of this type, maybe a deleted one.
    """
    values = dict(values)
    _check_fields(profile_type, values)
    if profile_type != ProfileType.GROUP and values.get("keycloak_id") is None:
        raise Invalid(fields={"keycloak_id": ["Say whose profile it is."]})
    profile = Profile(
        profile_type=profile_type, created_on=created_on, updated_at=created_on, **values
    )
    if profile.status == ProfileStatus.ACTIVE and profile.is_group:
        profile.is_approved = True
    _check_places(profile, values)
    exists = ProfileExists(
        "Change the one there is, or restore it.",
        fields={"keycloak_id": [f"This person has a {profile_type} profile already."]},
    )
    with refusing(alias="users", constraints={"profiles_one_per_person_and_type": exists}):
        profile.save(force_insert=True)
    telling.profile_changed(profile, change=telling.CREATED)
    return profile


def update_profile(
    *, profile_id: UUID, changes: Mapping[str, Any], updated_at: datetime
) -> Profile:
    """Change the fields that `changes` names.

    :raises NotFound: there is no such profile, or it is deleted.
    :raises Invalid: a field does not go with the type, or refers to nothing, or makes a group its
        own ancestor.
    """
    profile = lock_profile(profile_id=profile_id)
    _check_fields(profile.profile_type, changes)
    status = changes.get("status", profile.status)
    if profile.is_group and status == ProfileStatus.ACTIVE and not profile.is_approved:
        raise GroupNotApproved("Approve it; that makes it active.")

    _check_places(profile, changes)
    for name, value in changes.items():
        setattr(profile, name, value)
    profile.touch(at=updated_at)
    profile.save(update_fields=[*changes, "updated_at"])
    telling.profile_changed(profile)
    return profile


def change_status(*, profile_id: UUID, status: str, updated_at: datetime) -> Profile:
    """Give a profile another status; the history notes it.

    :raises GroupNotApproved: an unapproved group can't become active.
    """
    return update_profile(profile_id=profile_id, changes={"status": status}, updated_at=updated_at)


def approve_group(*, profile_id: UUID, approved_at: datetime) -> Profile:
    """Let a group be seen. Approving it again changes nothing.

    :raises NotAGroup: it is a person's profile.
    """
    return _decide(
        profile_id=profile_id, is_approved=True, status=ProfileStatus.ACTIVE, at=approved_at
    )


def reject_group(*, profile_id: UUID, rejected_at: datetime) -> Profile:
    """Keep a group from being seen. Rejecting it again changes nothing.

    :raises NotAGroup: it is a person's profile.
    """
    return _decide(
        profile_id=profile_id, is_approved=False, status=ProfileStatus.REJECTED, at=rejected_at
    )


def _decide(*, profile_id: UUID, is_approved: bool, status: str, at: datetime) -> Profile:
    group = lock_profile(profile_id=profile_id)
    if not group.is_group:
        raise NotAGroup("Only groups are approved or rejected.")
    if group.is_approved is is_approved and group.status == status:
        return group

    group.is_approved, group.status = is_approved, status
    group.touch(at=at)
    group.save(update_fields=["is_approved", "status", "updated_at"])
    telling.profile_changed(group)
    return group


def delete_profile(*, profile_id: UUID, deleted_on: datetime) -> None:
    """Take a profile out of sight. Everything that belongs to it is kept for `restore_profile`.

    :raises NotFound: there is no such profile, or it is deleted already.
    """
    profile = lock_profile(profile_id=profile_id)
    profile.is_deleted, profile.deleted_on = True, deleted_on
    profile.touch(at=deleted_on)
    profile.save(update_fields=["is_deleted", "deleted_on", "updated_at"])
    telling.profile_changed(profile, change=telling.DELETED)


def restore_profile(*, profile_id: UUID, restored_at: datetime) -> Profile:
    """Bring a deleted profile back; one that is there stays as it is.

    :raises NotFound: there is no such profile.
    :raises ProfileErased: the person was erased, and there is nothing to bring back.
    """
    profile = lock_profile(profile_id=profile_id, deleted=True)
    if profile.is_tombstone:
        raise ProfileErased("What was erased can't be restored.")
    if not profile.is_deleted:
        return profile

    profile.is_deleted, profile.deleted_on = False, None
    profile.touch(at=restored_at)
    profile.save(update_fields=["is_deleted", "deleted_on", "updated_at"])
    telling.profile_changed(profile, change=telling.RESTORED)
    return profile


def set_privacy(*, profile_id: UUID, privacy: Mapping[str, str], updated_at: datetime) -> Profile:
    """Say who sees which fields; fields that are not named become public.

    :raises Invalid: a field can't be hidden, or the value is none of public, members, private.
    """
    faults = {
        name: [f"There is nothing to hide here; there is {', '.join(sorted(HIDEABLE_FIELDS))}."]
        for name in privacy
        if name not in HIDEABLE_FIELDS
    }
    faults |= {
        name: [f"Say {', '.join(Privacy.values)}."]
        for name, value in privacy.items()
        if name not in faults and value not in Privacy.values
    }
    if faults:
        raise Invalid(fields=faults)
    kept = {name: value for name, value in privacy.items() if value != Privacy.PUBLIC}
    profile = lock_profile(profile_id=profile_id)
    profile.field_privacy = kept
    profile.touch(at=updated_at)
    profile.save(update_fields=["field_privacy", "updated_at"])
    telling.profile_changed(profile)
    return profile


def lock_profile(*, profile_id: UUID, deleted: bool = False) -> Profile:
    """Return a profile, held until the unit of work ends.

    :param deleted: deleted ones, too.
    :raises NotFound: there is none.
    """
    rows = Profile.objects.select_for_update()
    found = (rows if deleted else rows.present()).filter(id=profile_id).first()
    if found is None:
        raise NotFound
    return found


def _check_fields(profile_type: str, values: Mapping[str, Any]) -> None:
    """Refuse values of fields that the type does not have; empty ones mean nothing and may stay."""
    faults = {
        name: [f"A {profile_type.lower()} has no such field."]
        for name in ABSENT_FIELDS[profile_type]
        if values.get(name)
    }
    if faults:
        raise Invalid(fields=faults)


def _check_places(profile: Profile, values: Mapping[str, Any]) -> None:
    if owner_id := values.get("owner_id"):
        people = Profile.objects.present().exclude(profile_type=ProfileType.GROUP)
        if not people.filter(id=owner_id).exists():
            raise Invalid(fields={"owner_id": ["There is no person's profile with this id."]})
    if parent_id := values.get("parent_group_id"):
        groups.check_parent(group_id=profile.id, parent_group_id=parent_id)
