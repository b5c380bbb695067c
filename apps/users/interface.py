"""What other contexts may ask of users. Read-only, batched; call inside a binding."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from apps.users.contracts import (
    PersonProfiles,
    ProfileDocument,
    ProfilePreferences,
    ProfileSummary,
)
from apps.users.models import (
    Block,
    Preferences,
    Privacy,
    Profile,
    ProfileShortLink,
    ProfileStatus,
    ProfileTag,
    ProfileType,
)


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


def get_search_documents(*, ids: Collection[UUID]) -> dict[UUID, ProfileDocument]:
    """Return what profiles can be found by, without what is hidden; deleted ones can't. Two queries."""
    tag_ids: dict[UUID, list[UUID]] = {}
    tags = ProfileTag.objects.filter(profile_id__in=ids).order_by("id")
    for profile_id, tag_id in tags.values_list("profile_id", "tag_id"):
        tag_ids.setdefault(profile_id, []).append(tag_id)
    profiles = Profile.objects.present().filter(id__in=ids)
    return {each.id: _document(each, tag_ids.get(each.id, [])) for each in profiles}


def _document(profile: Profile, tag_ids: list[UUID]) -> ProfileDocument:
    levels = profile.field_privacy.items()
    hidden = {name for name, level in levels if level != Privacy.PUBLIC}
    title, company, bio = (
        "" if name in hidden else str(getattr(profile, name))
        for name in ("title", "company_name", "bio")
    )
    return ProfileDocument(
        id=profile.id,
        title=profile.display_name,
        keywords=f"{title} {company}".strip(),
        body=bio,
        tag_ids=() if "tag_ids" in hidden else tuple(tag_ids),
        weight=profile.display_weight,
        is_public=profile.status == ProfileStatus.ACTIVE,
    )


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


def every_profile_id_of(*, keycloak_id: UUID) -> set[UUID]:
    """Return the profiles of a person, deleted ones too; tombstones are nobody's. One query."""
    return set(Profile.objects.of_person(keycloak_id).values_list("id", flat=True))


def profiles_kept_apart(*, keycloak_id: UUID) -> set[UUID]:
    """Return the profiles of everybody who blocks a person, or whom the person blocks. One query."""
    blocking = Block.objects.filter(blocked__keycloak_id=keycloak_id)
    blocked = Block.objects.filter(blocker__keycloak_id=keycloak_id)
    apart = Q(keycloak_id__in=blocking.values("blocker__keycloak_id"))
    apart |= Q(keycloak_id__in=blocked.values("blocked__keycloak_id"))
    return set(Profile.objects.filter(apart).values_list("id", flat=True))


def profiles_kept_apart_of(*, keycloak_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """Return the same for many people; nobody without a block is in it. Two queries."""
    asked = set(keycloak_ids)
    rows = Block.objects.filter(
        Q(blocker__keycloak_id__in=asked) | Q(blocked__keycloak_id__in=asked)
    ).values_list("blocker__keycloak_id", "blocked__keycloak_id")
    apart: dict[UUID, set[UUID]] = {}
    for blocker, blocked in rows:
        for one, other in ((blocker, blocked), (blocked, blocker)):
            if one in asked and one and other:
                apart.setdefault(one, set()).add(other)
    theirs: dict[UUID, set[UUID]] = {}
    profiles = Profile.objects.filter(
        keycloak_id__in={id_ for ids in apart.values() for id_ in ids}
    )
    for id_, keycloak_id in profiles.values_list("id", "keycloak_id"):
        if keycloak_id:
            theirs.setdefault(keycloak_id, set()).add(id_)
    return {
        one: {id_ for other in others for id_ in theirs.get(other, ())}
        for one, others in apart.items()
    }


def profile_ids_by_slug(*, slugs: Collection[str]) -> dict[str, UUID]:
    """Return the profiles that short links lead to, by the link's slug. One query."""
    links = ProfileShortLink.objects.filter(slug__in=slugs)
    return dict(links.values_list("slug", "profile_id"))


def first_fan_ids(*, limit: int) -> list[UUID]:
    """Return the ids of at most `limit` fans, those who came first ahead. One query."""
    fans = Profile.objects.present().filter(profile_type=ProfileType.FAN)
    return list(fans.order_by("id").values_list("id", flat=True)[:limit])


def joined_at(*, ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return since when profiles are there, by profile. One query."""
    return dict(Profile.objects.filter(id__in=ids).values_list("id", "created_on"))


def people_of_profiles(*, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return the identity provider's ids of the people behind profiles, by profile. One query.

    Groups, and what is deleted or erased, have nobody behind them.
    """
    rows = Profile.objects.present().filter(id__in=ids, keycloak_id__isnull=False)
    return dict(rows.values_list("id", "keycloak_id"))


def get_preferences(*, ids: Collection[UUID]) -> dict[UUID, ProfilePreferences]:
    """Return how the people of profiles like to be served; who has said nothing is not in it. One query."""
    rows = Preferences.objects.filter(profile_id__in=ids)
    return {
        profile_id: ProfilePreferences(locale=locale, time_zone=time_zone)
        for profile_id, locale, time_zone in rows.values_list("profile_id", "locale", "time_zone")
    }
