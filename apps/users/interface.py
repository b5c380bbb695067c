"""What other contexts may ask of users. Read-only, batched; call inside a binding."""

from collections.abc import Collection
from uuid import UUID

from apps.users.contracts import PersonProfiles, ProfileSummary
from apps.users.models import Profile, ProfileType


def get_profiles(*, ids: Collection[UUID]) -> dict[UUID, ProfileSummary]:
    """Return profiles by id, tombstones among them; an absent id is gone or not yours. One query."""
    rows = Profile.objects.filter(id__in=ids).values(
        "id", "profile_type", "display_name", "status", "is_deleted", "erased_at"
    )
    return {
        row["id"]: ProfileSummary(
            id=row["id"],
            profile_type=row["profile_type"],
            display_name=row["display_name"],
            status=row["status"],
            is_deleted=row["is_deleted"],
            is_tombstone=row["erased_at"] is not None,
        )
        for row in rows
    }


def existing_profile_ids(*, ids: Collection[UUID]) -> set[UUID]:
    """Return those of the ids that a new reference may point at: there, and not deleted."""
    return set(Profile.objects.present().filter(id__in=ids).values_list("id", flat=True))


def profiles_of_person(*, keycloak_ids: Collection[UUID]) -> dict[UUID, PersonProfiles]:
    """Return, by identity provider's id, which profiles a person has; nobody without is in it."""
    found: dict[UUID, dict[str, UUID]] = {}
    rows = Profile.objects.present().filter(keycloak_id__in=keycloak_ids)
    for id_, keycloak_id, kind in rows.values_list("id", "keycloak_id", "profile_type"):
        found.setdefault(keycloak_id, {})[kind] = id_
    return {
        keycloak_id: PersonProfiles(
            keycloak_id=keycloak_id,
            fan_id=kinds.get(ProfileType.FAN),
            celebrity_id=kinds.get(ProfileType.CELEBRITY),
        )
        for keycloak_id, kinds in found.items()
    }
