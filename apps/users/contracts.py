"""What the users context shows the others. Standard library only."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSummary:
    """A profile as others show it.

    A *tombstone* stands for somebody who was erased: its name is empty, and show it as such.
    """

    id: UUID
    profile_type: str
    """CELEBRITY, FAN or GROUP."""
    display_name: str
    status: str
    """PENDING, ACTIVE, INACTIVE or REJECTED."""
    is_deleted: bool
    is_tombstone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonProfiles:
    """The profiles of one person in the bound tenant; None where there is none."""

    keycloak_id: UUID
    fan_id: UUID | None
    celebrity_id: UUID | None

    @property
    def ids(self) -> frozenset[UUID]:
        """The ids that exist."""
        return frozenset(id_ for id_ in (self.fan_id, self.celebrity_id) if id_ is not None)
