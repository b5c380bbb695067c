"""Who looks at something, or buys it."""

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from apps.kernel.errors import Conflict
from apps.users import interface as users


class NoProfile(Conflict):
    """Who has no profile in the tenant can't buy there."""

    slug = "no-profile"
    title = "You have no profile here yet."


@dataclass
class Viewer:
    """A caller: their person, and what they are to the tenant. Nobody, without a token."""

    keycloak_id: UUID | None = None
    is_staff: bool = False
    is_support: bool = False
    is_editor: bool = False
    is_admin: bool = False

    @cached_property
    def profile_ids(self) -> frozenset[UUID]:
        """The ids of their profiles in the tenant. One query, the first time."""
        if self.keycloak_id is None:
            return frozenset()
        found = users.profiles_of_person(keycloak_ids=[self.keycloak_id])
        return found[self.keycloak_id].ids if self.keycloak_id in found else frozenset()

    @cached_property
    def buyer_id(self) -> UUID:
        """The profile they buy, own and pay with: their fan's, else their celebrity's.

        :raises NoProfile: they have none in the tenant.
        """
        found = users.profiles_of_person(
            keycloak_ids=[self.keycloak_id] if self.keycloak_id else []
        )
        person = found.get(self.keycloak_id) if self.keycloak_id else None
        profile_id = (person.fan_id or person.celebrity_id) if person else None
        if profile_id is None:
            raise NoProfile("Make one first: POST /api/v1/me.")
        return profile_id

    def is_person(self, profile_id: UUID | None) -> bool:
        """Return whether a profile is theirs."""
        return profile_id is not None and profile_id in self.profile_ids


def viewer_of_person(
    *,
    keycloak_id: UUID,
    is_staff: bool = False,
    is_support: bool = False,
    is_editor: bool = False,
    is_admin: bool = False,
) -> Viewer:
    """Return a caller who has a token."""
    return Viewer(
        keycloak_id=keycloak_id,
        is_staff=is_staff,
        is_support=is_support,
        is_editor=is_editor,
        is_admin=is_admin,
    )
