"""What the users context shows the others. Standard library only."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
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
class ProfileDocument:
    """What a profile can be found by; nothing of what its person hides from the public."""

    id: UUID
    title: str
    keywords: str
    body: str
    tag_ids: tuple[UUID, ...]
    weight: int
    is_public: bool
    """Whether everybody may find it; the tenant's staff may in any case."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePreferences:
    """How the person of a profile likes to be served."""

    locale: str
    """A language tag (BCP 47)."""
    time_zone: str
    """An IANA time zone."""


# Messages -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileChanged:
    """A profile was made or changed; what it is like now, ask `interface.get_profiles`."""

    AGGREGATE: ClassVar[str] = "profile"

    profile_id: UUID
    profile_type: str
    """CELEBRITY, FAN or GROUP."""
    change: str
    """CREATED, UPDATED, DELETED, RESTORED or ERASED."""
    status: str
    """PENDING, ACTIVE, INACTIVE or REJECTED; as it is after the change."""
    is_deleted: bool

    @property
    def aggregate_id(self) -> UUID:
        """The profile."""
        return self.profile_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowStarted:
    """A fan follows a celebrity, for the first time or again."""

    AGGREGATE: ClassVar[str] = "follow"

    follow_id: UUID
    fan_id: UUID
    celebrity_id: UUID
    followed_on: datetime

    @property
    def aggregate_id(self) -> UUID:
        """The follow, of which there is one for each fan and celebrity."""
        return self.follow_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowEnded:
    """A fan no longer follows a celebrity: by their own will, by a block, or since one was erased."""

    AGGREGATE: ClassVar[str] = "follow"

    follow_id: UUID
    fan_id: UUID
    celebrity_id: UUID
    unfollowed_on: datetime

    @property
    def aggregate_id(self) -> UUID:
        """The follow, of which there is one for each fan and celebrity."""
        return self.follow_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMembershipChanged:
    """Celebrities joined or left a group."""

    AGGREGATE: ClassVar[str] = "profile"

    group_id: UUID
    joined_ids: tuple[UUID, ...]
    left_ids: tuple[UUID, ...]

    @property
    def aggregate_id(self) -> UUID:
        """The group's profile."""
        return self.group_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonErased:
    """A person was erased in this tenant. Whoever keeps anything about these profiles lets go of it.

    It names no person: what is recorded is kept for ever.
    """

    AGGREGATE: ClassVar[str] = "person"

    profile_ids: tuple[UUID, ...]
    """Their tombstones, at least one."""

    @property
    def aggregate_id(self) -> UUID:
        """The first of the profiles, which stands for the person."""
        return min(self.profile_ids)


MESSAGES = (ProfileChanged, FollowStarted, FollowEnded, GroupMembershipChanged, PersonErased)
