"""Writing what hangs on a profile: images, tags, short links, offers, preferences."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from apps.kernel.errors import Conflict, Invalid, NotFound
from apps.kernel.ids import random_code
from apps.kernel.refusals import refusing
from apps.platform import interface as platform
from apps.users.models import (
    Offer,
    Preferences,
    ProfileImage,
    ProfileShortLink,
    ProfileTag,
    ProfileType,
)
from apps.users.models.details import SLUG_PATTERN
from apps.users.operations import telling
from apps.users.operations.profiles import lock_profile

MAX_IMAGES = 20
MAX_TAGS = 50
MAX_SHORT_LINKS = 20
LOCALE_PATTERN = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$"


class SlugTaken(Conflict):
    """A slug leads to one profile."""

    slug = "slug-taken"
    title = "This slug is taken."


class NoOffers(Conflict):
    """Only celebrities make offers."""

    slug = "no-offers"
    title = "Only a celebrity makes offers."


def set_images(
    *, profile_id: UUID, images: Sequence[Mapping[str, str]], created_on: datetime
) -> None:
    """Give a profile exactly these images; those that stay keep their id and date.

    :param images: `image_type` and `url` each.
    :raises Invalid: there are too many.
    """
    if len(images) > MAX_IMAGES:
        raise Invalid(fields={"images": [f"A profile has at most {MAX_IMAGES} images."]})
    profile = lock_profile(profile_id=profile_id)
    wanted = list(dict.fromkeys((image["image_type"], image["url"]) for image in images))
    kept = set()
    for image in ProfileImage.objects.filter(profile=profile):
        if (image.image_type, image.url) in wanted:
            kept.add((image.image_type, image.url))
        else:
            image.delete()
    ProfileImage.objects.bulk_create(
        ProfileImage(profile=profile, image_type=kind, url=url, created_on=created_on)
        for kind, url in wanted
        if (kind, url) not in kept
    )
    telling.profile_changed(profile)


def set_tags(*, profile_id: UUID, tag_ids: Collection[UUID]) -> None:
    """Give a profile exactly these tags; a merged tag's id counts as the tag that stands for it.

    :raises Invalid: there are too many, or an id is no tag's.
    """
    wanted = set(tag_ids)
    if len(wanted) > MAX_TAGS:
        raise Invalid(fields={"tag_ids": [f"A profile has at most {MAX_TAGS} tags."]})
    profile = lock_profile(profile_id=profile_id)
    meant = platform.canonical_tag_ids(ids=wanted) if wanted else {}
    if missing := wanted - set(meant):
        listed = ", ".join(sorted(map(str, missing)))
        raise Invalid(fields={"tag_ids": [f"There is no tag with the id {listed}."]})

    targets = set(meant.values())
    rows = ProfileTag.objects.filter(profile=profile)
    rows.exclude(tag_id__in=targets).delete()
    present = set(rows.values_list("tag_id", flat=True))
    ProfileTag.objects.bulk_create(
        ProfileTag(profile=profile, tag_id=id_) for id_ in sorted(targets - present)
    )
    telling.profile_changed(profile)


def create_short_link(*, profile_id: UUID, slug: str, created_on: datetime) -> ProfileShortLink:
    """Have a slug lead to a profile; capital letters become small ones.

    :param slug: empty to have one made.
    :raises SlugTaken: it leads to a profile already, maybe to this one.
    :raises Invalid: it is not made of letters, digits and single hyphens, or there are too many.
    """
    slug = slug.lower() or random_code(length=8).lower()
    if not re.fullmatch(SLUG_PATTERN, slug) or slug.endswith("\n"):
        raise Invalid(
            fields={"slug": ["Use letters a to z, digits, and single hyphens between them."]}
        )
    profile = lock_profile(profile_id=profile_id)
    links = ProfileShortLink.objects.filter(profile=profile)
    if links.count() >= MAX_SHORT_LINKS:
        raise Invalid(fields={"slug": [f"A profile has at most {MAX_SHORT_LINKS} short links."]})
    taken = SlugTaken("Choose another.", fields={"slug": [f"{slug} leads to a profile already."]})
    with refusing(alias="users", constraints={"profile_short_links_slug": taken}):
        return ProfileShortLink.objects.create(profile=profile, slug=slug, created_on=created_on)


def delete_short_link(*, profile_id: UUID, slug: str) -> None:
    """Free a slug.

    :raises NotFound: it does not lead to this profile.
    """
    deleted, _ = ProfileShortLink.objects.filter(profile_id=profile_id, slug=slug.lower()).delete()
    if not deleted:
        raise NotFound


def set_offer(
    *, profile_id: UUID, offer_type: str, terms: Mapping[str, Any], updated_at: datetime
) -> Offer:
    """Make or change a celebrity's offer of one type.

    :param terms: price (minor units), currency, is_available, delivery_days, description.
    :raises NoOffers: the profile is no celebrity.
    """
    profile = lock_profile(profile_id=profile_id)
    if profile.profile_type != ProfileType.CELEBRITY:
        raise NoOffers("This profile is not a celebrity.")
    offer, _ = Offer.objects.update_or_create(
        profile=profile,
        offer_type=offer_type,
        defaults={**terms, "updated_at": updated_at},
        create_defaults={**terms, "created_on": updated_at, "updated_at": updated_at},
    )
    return offer


def withdraw_offer(*, profile_id: UUID, offer_type: str) -> None:
    """Take an offer away.

    :raises NotFound: there is none.
    """
    deleted, _ = Offer.objects.filter(profile_id=profile_id, offer_type=offer_type).delete()
    if not deleted:
        raise NotFound


@cache
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def set_preferences(
    *, profile_id: UUID, changes: Mapping[str, Any], updated_at: datetime
) -> Preferences:
    """Change how a person likes to be served; what `changes` leaves out stays.

    :param changes: locale (BCP 47), time_zone (IANA), preferences (an object).
    :raises Invalid: the locale or the time zone is none.
    """
    locale, time_zone = changes.get("locale"), changes.get("time_zone")
    faults = {}
    if locale is not None and not re.fullmatch(LOCALE_PATTERN, locale):
        faults["locale"] = ["Give a language tag, such as en or pt-BR."]
    if time_zone is not None and time_zone not in _time_zones():
        faults["time_zone"] = ["Give an IANA time zone, such as Europe/Lisbon."]
    if faults:
        raise Invalid(fields=faults)
    profile = lock_profile(profile_id=profile_id)
    preferences, _ = Preferences.objects.update_or_create(
        profile=profile, defaults={**changes, "updated_at": updated_at}
    )
    return preferences
