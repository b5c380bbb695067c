"""Reading who somebody is in the tenant, and whom they are kept apart from."""

from dataclasses import dataclass
from uuid import UUID

from apps.kernel.errors import Conflict
from apps.users import interface as users


class NoProfile(Conflict):
    """The person has no profile in this tenant; a profile is made in another unit of work."""

    slug = "no-profile"
    title = "You have no profile here yet."


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who looks or acts: a person with all their profiles, and what they are of the tenant's staff."""

    keycloak_id: UUID | None = None
    profile_ids: frozenset[UUID] = frozenset()
    acts_as: UUID | None = None
    """The profile under which the person does what is not tied to a membership."""
    is_staff: bool = False
    is_editor: bool = False
    is_admin: bool = False

    @property
    def actor_id(self) -> UUID:
        """The profile that what they do is noted under.

        :raises NoProfile: they have none.
        """
        if self.acts_as is None:
            raise NoProfile("Make one first: POST /api/v1/me.")
        return self.acts_as

    def is_person(self, profile_id: UUID) -> bool:
        """Whether a profile is one of theirs."""
        return profile_id in self.profile_ids


def viewer_of_person(
    *, keycloak_id: UUID, is_staff: bool = False, is_editor: bool = False, is_admin: bool = False
) -> Viewer:
    """Return a person as a viewer. They act as the celebrity they are, once staff made it active."""
    person = users.profiles_of_person(keycloak_ids={keycloak_id}).get(keycloak_id)
    acts_as = None
    if person is not None:
        acts_as = person.fan_id or person.celebrity_id
        if person.fan_id and person.celebrity_id:
            celebrity = users.get_profiles(ids={person.celebrity_id}).get(person.celebrity_id)
            is_active = celebrity is not None and celebrity.status == "ACTIVE"
            acts_as = person.celebrity_id if is_active else person.fan_id
    return Viewer(
        keycloak_id=keycloak_id,
        profile_ids=person.ids if person else frozenset(),
        acts_as=acts_as,
        is_staff=is_staff,
        is_editor=is_editor,
        is_admin=is_admin,
    )


def kept_apart(*, viewer: Viewer) -> set[UUID]:
    """Return the profiles whose words are not for this viewer: somebody has blocked somebody."""
    if viewer.keycloak_id is None:
        return set()
    return users.profiles_kept_apart(keycloak_id=viewer.keycloak_id)


def profile_id_of_person(*, keycloak_id: UUID) -> UUID | None:
    """Return the profile that a person's work is noted under, or None if they have none here."""
    person = users.profiles_of_person(keycloak_ids={keycloak_id}).get(keycloak_id)
    return (person.celebrity_id or person.fan_id) if person else None
