"""Who is told: the people behind profiles, their language and clock, and where they are reached."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from allauth.account.models import EmailAddress

from apps.platform.models import Channel, ContactPoint
from apps.tenancy import binding
from apps.tenancy.models import Account
from apps.users import interface as users


@dataclass(frozen=True, slots=True)
class Recipient:
    """A profile with a person behind it.

    What a person has set holds for all of their profiles; it is kept under `settings_id`, which is
    their fan profile, or their celebrity profile where they have no other.
    """

    profile_id: UUID
    person_id: UUID
    settings_id: UUID
    locale: str
    time_zone: str


def recipients_of(profile_ids: Collection[UUID]) -> dict[UUID, Recipient]:
    """Return the people behind profiles, by profile; groups and whoever is gone are left out."""
    people = users.people_of_profiles(ids=profile_ids)
    profiles = users.profiles_of_person(keycloak_ids=set(people.values()))
    homes = {}
    for profile_id, person_id in people.items():
        own = profiles.get(person_id)
        homes[profile_id] = (own and (own.fan_id or own.celebrity_id)) or profile_id
    said = users.get_preferences(ids=set(homes.values()))
    return {
        profile_id: Recipient(
            profile_id=profile_id,
            person_id=people[profile_id],
            settings_id=home,
            locale=said[home].locale if home in said else "en",
            time_zone=said[home].time_zone if home in said else "UTC",
        )
        for profile_id, home in homes.items()
    }


def email_addresses(person_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the confirmed email addresses of people's accounts; who has none is not in it.

    An account of another issuer has the address that the issuer vouches for.
    """
    found = dict(
        Account.objects.filter(id__in=person_ids, is_active=True)
        .exclude(asserted_email="")
        .values_list("id", "asserted_email")
    )
    confirmed = EmailAddress.objects.filter(
        user_id__in=person_ids, verified=True, primary=True, user__is_active=True
    )
    return found | dict(confirmed.values_list("user_id", "email"))


def contact_points(
    settings_ids: Collection[UUID],
) -> Mapping[UUID, Mapping[str, list[ContactPoint]]]:
    """Return where people are reached besides, by settings id and channel, the newest first."""
    found: dict[UUID, dict[str, list[ContactPoint]]] = {}
    rows = ContactPoint.objects.filter(user_id__in=settings_ids, verified_at__isnull=False)
    for point in rows.order_by("-verified_at", "-id"):
        found.setdefault(point.user_id, {}).setdefault(point.channel, []).append(point)
    return found


def address_hash(*, channel: str, address: str) -> str:
    """Return an address as the list of suppressions keeps it, in the bound tenant."""
    tenant_id = binding.require().tenant_id
    text = address.strip().lower() if channel == Channel.EMAIL else address.strip()
    return sha256(f"{tenant_id}:{channel}:{text}".encode()).hexdigest()
