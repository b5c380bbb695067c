"""Reading the users context, as somebody sees it."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import connections
from django.db.models import F, Func, IntegerField, Q, QuerySet, UUIDField, Value

from apps.kernel.errors import NotFound
from apps.platform import interface as platform
from apps.users.models import (
    Privacy,
    Profile,
    ProfileImage,
    ProfileShortLink,
    ProfileStatus,
    ProfileTag,
)
from apps.users.models.profile import HIDEABLE_FIELDS, PERSONAL_TEXTS

# Whoever looks for something looks at the first pages; what is ranked lower is not fetched.
SEARCH_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: nobody known, a person, or the tenant's staff."""

    keycloak_id: UUID | None = None
    is_staff: bool = False

    def sees_all_of(self, keycloak_id: UUID | None) -> bool:
        """Whether this is staff, or the person whose profile it is."""
        return self.is_staff or self.is_person(keycloak_id)

    def is_person(self, keycloak_id: UUID | None) -> bool:
        """Whether this is the person whose profile it is."""
        return keycloak_id is not None and keycloak_id == self.keycloak_id


def profiles(*, viewer: Viewer) -> QuerySet[Profile]:
    """Return the profiles a viewer can list: all that are not deleted to staff, active ones to others."""
    return Profile.objects.present() if viewer.is_staff else Profile.objects.visible_to_everybody()


def with_counts(rows: QuerySet[Profile]) -> QuerySet[Profile]:
    """Add `follower_count` and `following_count`."""
    return rows.annotate(
        follower_count=F("counters__follower_count"), following_count=F("counters__following_count")
    )


def profiles_to_open(*, viewer: Viewer) -> QuerySet[Profile]:
    """Return the profiles a viewer can open by id: those to list, and their own in any status."""
    if viewer.is_staff or viewer.keycloak_id is None:
        return profiles(viewer=viewer)
    own = Q(keycloak_id=viewer.keycloak_id) | Q(owner__keycloak_id=viewer.keycloak_id)
    return Profile.objects.present().filter(Q(status="ACTIVE") | own)


def open_profile(*, profile_id: UUID, viewer: Viewer) -> Profile:
    """Return one profile.

    :raises NotFound: there is none, or it is not for this viewer to see.
    """
    found = profiles_to_open(viewer=viewer).filter(id=profile_id).first()
    if found is None:
        raise NotFound
    return found


def is_own(*, profile: Profile, keycloak_id: UUID) -> bool:
    """Return whether a profile is a person's: theirs, or a group that they own."""
    if profile.keycloak_id is not None or profile.owner_id is None:
        return profile.keycloak_id == keycloak_id
    return Profile.objects.present().filter(id=profile.owner_id, keycloak_id=keycloak_id).exists()


def profile_of_person(*, keycloak_id: UUID, profile_type: str) -> Profile | None:
    """Return a person's profile of a type, or None."""
    own = Profile.objects.present().of_person(keycloak_id)
    return own.filter(profile_type=profile_type).first()


def search(*, text: str, viewer: Viewer) -> list[UUID]:
    """Return the ids of profiles that a text means, best first, at most SEARCH_LIMIT.

    Words find names that begin like them or are spelled alike, and profiles with a tag so named. A
    text without a word in it finds nothing.
    """
    names = {text.strip(), *re.findall(r"\w{3,}", text)}
    tag_ids = set().union(*platform.tag_ids_by_name(names=names).values())
    with connections["users"].cursor() as cursor:
        cursor.execute(
            "SELECT profile_id FROM search_profiles(%s, %s::uuid[], %s, %s)",
            [text, list(tag_ids), not viewer.is_staff, SEARCH_LIMIT],
        )
        return [id_ for (id_,) in cursor.fetchall()]


def ranked(rows: QuerySet[Profile], *, ids: Iterable[UUID]) -> QuerySet[Profile]:
    """Keep the profiles with these ids, and give each its place among them as `place`, from 1."""
    order = Value(list(ids), output_field=ArrayField(UUIDField()))
    place = Func(order, F("id"), function="array_position", output_field=IntegerField())
    return rows.filter(id__in=order.value).annotate(place=place)


def profile_id_of_slug(*, slug: str, viewer: Viewer) -> UUID:
    """Return the profile a short link leads to.

    :raises NotFound: it leads nowhere that the viewer can see.
    """
    visible = profiles_to_open(viewer=viewer)
    links = ProfileShortLink.objects.filter(slug=slug.lower(), profile__in=visible)
    profile_id = links.values_list("profile_id", flat=True).first()
    if profile_id is None:
        raise NotFound
    return profile_id


def tag_ids(profile_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return the tags of profiles, in a stable order. One query."""
    rows = ProfileTag.objects.filter(profile_id__in=profile_ids).order_by("id")
    return _grouped(rows.values_list("profile_id", "tag_id"))


def images(profile_ids: Collection[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Return the images of profiles, oldest first. One query."""
    rows = ProfileImage.objects.filter(profile_id__in=profile_ids).order_by("created_on", "id")
    return _grouped(
        (profile_id, {"id": id_, "image_type": kind, "url": url, "created_on": created_on})
        for profile_id, id_, kind, url, created_on in rows.values_list(
            "profile_id", "id", "image_type", "url", "created_on"
        )
    )


def hidden_fields(privacy: dict[str, str], *, viewer: Viewer, keycloak_id: UUID | None) -> set[str]:
    """Return the fields of a profile that are not for this viewer."""
    if not privacy or viewer.sees_all_of(keycloak_id):
        return set()
    if viewer.keycloak_id is None:
        return set(privacy)
    return {name for name, level in privacy.items() if level == Privacy.PRIVATE}


def not_public(row: Mapping[str, Any]) -> set[str]:
    """Return the names of what not everybody may see of a profile.

    :param row: has at least status, is_deleted and field_privacy.
    """
    if row["is_deleted"] or row["status"] != ProfileStatus.ACTIVE:
        return {*PERSONAL_TEXTS, *HIDEABLE_FIELDS, "store_code", "images"}
    return {name for name, level in row["field_privacy"].items() if level != Privacy.PUBLIC}


def _grouped(pairs: Iterable[tuple[UUID, Any]]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found
