"""Reading tags."""

from collections.abc import Collection
from uuid import UUID

from apps.kernel.errors import NotFound
from apps.platform.models import Tag, TagAssociation


def current_tag_id(*, tag_id: UUID) -> UUID:
    """Return the id of the tag that stands for an id: itself, unless it was merged.

    :raises NotFound: there is none.
    """
    found = Tag.objects.filter(id=tag_id).values_list("id", "merged_into_id").first()
    if found is None:
        raise NotFound
    return found[1] or found[0]


def associated_tag_ids(tag_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return what each tag goes with, in a stable order. One query."""
    rows = TagAssociation.objects.filter(tag_id__in=tag_ids).order_by("id")
    found: dict[UUID, list[UUID]] = {}
    for tag_id, associated in rows.values_list("tag_id", "associated_tag_id"):
        found.setdefault(tag_id, []).append(associated)
    return found
