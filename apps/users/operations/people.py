"""People: their first profile in a tenant, becoming a celebrity, and being erased."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest

from apps.kernel import idempotency, messages
from apps.kernel.errors import Conflict
from apps.kernel.ids import random_code
from apps.tenancy import salts
from apps.tenancy.origin import storable
from apps.users.contracts import GroupMembershipChanged, PersonErased
from apps.users.models import (
    Block,
    FanFollow,
    GroupCelebrity,
    Offer,
    Preferences,
    Profile,
    ProfileImage,
    ProfileShortLink,
    ProfileStatus,
    ProfileTag,
    ProfileType,
    ReferralCode,
)
from apps.users.models.profile import PERSONAL_TEXTS
from apps.users.operations import details, profiles, telling

NAMELESS_FAN = "Fan"


class ProfileDeleted(Conflict):
    """The person's profile was deleted here, and is not made anew behind anybody's back."""

    slug = "profile-deleted"
    title = "Your profile here was deleted."


def ensure_fan_profile(*, keycloak_id: UUID, display_name: str, created_on: datetime) -> Profile:
    """Return a person's fan profile, made now if they have none; two at once make one.

    :raises ProfileDeleted: it was deleted.
    """
    existing = Profile.objects.filter(keycloak_id=keycloak_id, profile_type=ProfileType.FAN)
    fan = existing.first()
    if fan is None:
        made = Profile(
            profile_type=ProfileType.FAN,
            keycloak_id=keycloak_id,
            display_name=_storable(display_name) or NAMELESS_FAN,
            status=ProfileStatus.ACTIVE,
            created_on=created_on,
            updated_at=created_on,
        )
        Profile.objects.bulk_create([made], ignore_conflicts=True)
        fan = existing.get()
        if fan.id == made.id:
            telling.profile_changed(fan, change=telling.CREATED)
    if fan.is_deleted:
        raise ProfileDeleted("Ask the tenant's staff to restore it.")
    return fan


def _storable(name: str) -> str:
    """Return a name as a token gives it, cut to what the column holds."""
    return storable(name, length=255).strip()


def become_celebrity(
    *, keycloak_id: UUID, values: Mapping[str, Any], created_on: datetime
) -> Profile:
    """Give a person a celebrity profile, pending until staff make it active.

    Their fan profile stays, and with it everything they follow.

    :raises ProfileExists: they have one.
    """
    return profiles.create_profile(
        profile_type=ProfileType.CELEBRITY,
        values={**values, "keycloak_id": keycloak_id, "status": ProfileStatus.PENDING},
        created_on=created_on,
    )


def update_person(
    *,
    fan_id: UUID,
    changes: Mapping[str, Any],
    preferences: Mapping[str, Any],
    updated_at: datetime,
) -> None:
    """Change a person's fan profile, and how they like to be served; empty mappings change nothing.

    :raises Invalid: the locale or the time zone is none.
    """
    if changes:
        profiles.update_profile(profile_id=fan_id, changes=changes, updated_at=updated_at)
    if preferences:
        details.set_preferences(profile_id=fan_id, changes=preferences, updated_at=updated_at)


def erase_person(*, keycloak_id: UUID, erased_at: datetime) -> dict[str, int]:
    """Erase what is personal of somebody in this tenant; return how many rows of which table it took.

    Their profiles stay as tombstones, since histories and other contexts refer to them by id; their
    follows end, in both directions. The salts of their profiles go last: what the audit log says of
    them can be opened by nobody from then on. Erasing again changes nothing.
    """
    own = Profile.objects.select_for_update().of_person(keycloak_id).order_by("id")
    ids = [profile.id for profile in own]
    removed = {
        "idempotency_keys": idempotency.forget_replies(
            alias="users", actor_id=keycloak_id, showing=ids
        )
    }
    if not ids:
        return removed
    removed["fan_follows"] = _end_follows(ids, erased_at=erased_at)
    removed["blocks"] = _delete(Block.objects.filter(Q(blocker__in=ids) | Q(blocked__in=ids)))
    for detail in (ProfileImage, ProfileTag, ProfileShortLink, Offer, Preferences):
        removed[detail._meta.db_table] = _delete(detail.objects.filter(profile__in=ids))
    removed["group_celebrities"] = _leave_groups(ids)
    Profile.objects.filter(owner__in=ids).update(owner=None)
    removed["referral_codes"] = _blank_codes(ids, erased_at=erased_at)
    removed["profiles"] = _bury(ids, erased_at=erased_at)
    removed["audit_salts"] = salts.forget_subjects(alias="users", ids=ids)
    telling.profiles_changed(Profile.objects.filter(id__in=ids), change=telling.ERASED)
    messages.record(PersonErased(profile_ids=tuple(ids)))
    return removed


def _end_follows(ids: list[UUID], *, erased_at: datetime) -> int:
    active = FanFollow.objects.active().filter(Q(fan__in=ids) | Q(celebrity__in=ids))
    ending = list(active.select_for_update().values_list("id", flat=True))
    follows = FanFollow.objects.filter(id__in=ending)
    ended = follows.update(unfollowed_on=Greatest(F("followed_on"), erased_at), notifications=[])
    telling.follows_ended(follows)
    return ended


def _leave_groups(ids: list[UUID]) -> int:
    rows = GroupCelebrity.objects.filter(celebrity__in=ids)
    left = list(rows.values_list("group_id", "celebrity_id"))
    messages.record_all(
        GroupMembershipChanged(group_id=group_id, joined_ids=(), left_ids=(celebrity_id,))
        for group_id, celebrity_id in left
    )
    return _delete(rows)


def _delete(rows: QuerySet) -> int:
    """Delete rows; return how many."""
    return rows.delete()[0]


def _blank_codes(ids: list[UUID], *, erased_at: datetime) -> int:
    codes = ReferralCode.objects.filter(profile__in=ids)
    for code in codes:
        # A code may spell a name; who came by it stays known by id.
        code.code, code.note, code.expires_at = random_code(length=16), "", erased_at
        code.save(update_fields=["code", "note", "expires_at"])
    return len(codes)


def _bury(ids: list[UUID], *, erased_at: datetime) -> int:
    return Profile.objects.filter(id__in=ids).update(
        **dict.fromkeys(PERSONAL_TEXTS, ""),
        keycloak_id=None,
        store_code="",
        display_weight=0,
        meta_data={},
        field_privacy={},
        status=ProfileStatus.INACTIVE,
        is_deleted=True,
        deleted_on=erased_at,
        updated_at=erased_at,
        erased_at=erased_at,
    )
