"""People: their first profile in a tenant, becoming a celebrity, and being erased."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import F, Q
from django.db.models.functions import Greatest

from apps.kernel.errors import Conflict
from apps.kernel.ids import random_code
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
from apps.users.operations import details, profiles

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
        Profile.objects.bulk_create(
            [
                Profile(
                    profile_type=ProfileType.FAN,
                    keycloak_id=keycloak_id,
                    display_name=_storable(display_name) or NAMELESS_FAN,
                    status=ProfileStatus.ACTIVE,
                    created_on=created_on,
                    updated_at=created_on,
                )
            ],
            ignore_conflicts=True,
        )
        fan = existing.get()
    if fan.is_deleted:
        raise ProfileDeleted("Ask the tenant's staff to restore it.")
    return fan


def _storable(name: str) -> str:
    """Return a name as a token gives it, cut to what the column holds."""
    return name.replace("\x00", "").encode(errors="ignore").decode()[:255].strip()


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


def erase_person(*, keycloak_id: UUID, erased_at: datetime) -> int:
    """Erase what is personal of somebody in this tenant; return how many profiles became tombstones.

    Their profiles stay as tombstones, since histories and other contexts refer to them by id; their
    follows end, in both directions. Erasing again changes nothing.
    """
    own = Profile.objects.select_for_update().of_person(keycloak_id).order_by("id")
    ids = [profile.id for profile in own]
    if not ids:
        return 0
    FanFollow.objects.active().filter(Q(fan__in=ids) | Q(celebrity__in=ids)).update(
        unfollowed_on=Greatest(F("followed_on"), erased_at), notifications=[]
    )
    Block.objects.filter(Q(blocker__in=ids) | Q(blocked__in=ids)).delete()
    for detail in (ProfileImage, ProfileTag, ProfileShortLink, Offer, Preferences):
        detail.objects.filter(profile__in=ids).delete()
    GroupCelebrity.objects.filter(celebrity__in=ids).delete()
    Profile.objects.filter(owner__in=ids).update(owner=None)
    for code in ReferralCode.objects.filter(profile__in=ids):
        # A code may spell a name; who came by it stays known by id.
        code.code, code.note, code.expires_at = random_code(length=16), "", erased_at
        code.save(update_fields=["code", "note", "expires_at"])
    _forget_replies(keycloak_id=keycloak_id, profile_ids=ids)
    return _bury(ids, erased_at=erased_at)


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


def _forget_replies(*, keycloak_id: UUID, profile_ids: list[UUID]) -> None:
    """Drop the kept replies that the person asked for, or that show one of their profiles."""
    with connections["users"].cursor() as cursor:
        cursor.execute("DELETE FROM idempotency_keys WHERE actor_id = %s", [keycloak_id])
        for profile_id in profile_ids:
            cursor.execute(
                "DELETE FROM idempotency_keys WHERE position(%s::bytea IN reply) > 0",
                [str(profile_id).encode()],
            )
