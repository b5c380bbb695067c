"""What the platform context shows the others. Standard library only."""

from dataclasses import dataclass
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
