"""What the platform context shows the others. Standard library only."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSummary:
    """A tag as others show it. `id` is the tag's present id: asked for by an alias, it differs."""

    id: UUID
    name: str
    tag_type: str
    """CATEGORY, SKILL, SPORT or TOPIC."""
    color: str
    """`#rrggbb`, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSummary:
    """A group as others show it."""

    id: UUID
    name: str
    group_type: str
    """SSE, MESSAGE_BOARD or CHAT."""
    is_open: bool
    """Whether everybody may join it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagChanged:
    """A tag was made, changed, merged into another, or deleted."""

    AGGREGATE: ClassVar[str] = "tag"

    tag_id: UUID
    change: str
    """CREATED, CHANGED, MERGED or DELETED."""

    @property
    def aggregate_id(self) -> UUID:
        """The tag."""
        return self.tag_id


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagChanged:
    """A tenant switched a feature flag, or went back to its default."""

    AGGREGATE: ClassVar[str] = "flag"

    flag_id: UUID
    key: str

    @property
    def aggregate_id(self) -> UUID:
        """The tenant's setting of it."""
        return self.flag_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupChanged:
    """A group was made, changed or deleted."""

    AGGREGATE: ClassVar[str] = "group"

    group_id: UUID
    change: str
    """CREATED, CHANGED or DELETED."""

    @property
    def aggregate_id(self) -> UUID:
        """The group."""
        return self.group_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMemberChanged:
    """Somebody came into a group, left it, or became or ceased to be a moderator."""

    AGGREGATE: ClassVar[str] = "group"

    group_id: UUID
    user_id: UUID
    change: str
    """JOINED, ADDED, LEFT, REMOVED or CHANGED."""
    is_moderator: bool

    @property
    def aggregate_id(self) -> UUID:
        """The group."""
        return self.group_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMessagePosted:
    """Somebody said something in a group. What they said is read from the group."""

    AGGREGATE: ClassVar[str] = "group_message"

    message_id: UUID
    group_id: UUID
    author_id: UUID
    content_type: str
    """TEXT, IMAGE, VIDEO or RICH."""

    @property
    def aggregate_id(self) -> UUID:
        """The message."""
        return self.message_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMessageEdited:
    """A message in a group has another content now."""

    AGGREGATE: ClassVar[str] = "group_message"

    message_id: UUID
    group_id: UUID
    author_id: UUID

    @property
    def aggregate_id(self) -> UUID:
        """The message."""
        return self.message_id


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMessageDeleted:
    """A message in a group was taken back, by its author or a moderator."""

    AGGREGATE: ClassVar[str] = "group_message"

    message_id: UUID
    group_id: UUID
    author_id: UUID

    @property
    def aggregate_id(self) -> UUID:
        """The message."""
        return self.message_id


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentChanged:
    """Somebody commented on something, changed the comment, or took it back."""

    AGGREGATE: ClassVar[str] = "comment"

    comment_id: UUID
    change: str
    """POSTED, EDITED or DELETED."""
    target_type: str
    """GROUP_MESSAGE, COMMENT or PROFILE."""
    target_id: UUID
    target_owner_id: UUID | None
    """The profile that said what is commented on, or is it; told when a comment is posted."""
    author_id: UUID

    @property
    def aggregate_id(self) -> UUID:
        """The comment."""
        return self.comment_id


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeChanged:
    """Somebody likes something, or does so no more."""

    AGGREGATE: ClassVar[str] = "liked"

    target_type: str
    """GROUP_MESSAGE, COMMENT or PROFILE."""
    target_id: UUID
    target_owner_id: UUID
    """The profile that said what is liked, or is it."""
    user_id: UUID
    is_liked: bool

    @property
    def aggregate_id(self) -> UUID:
        """What is liked."""
        return self.target_id


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPaused:
    """A webhook was paused because it failed too often or is gone; its row says why."""

    AGGREGATE: ClassVar[str] = "webhook"

    endpoint_id: UUID

    @property
    def aggregate_id(self) -> UUID:
        """The endpoint's id."""
        return self.endpoint_id
