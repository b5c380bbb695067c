"""Writing tags: making, changing, merging, removing."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.kernel import messages
from apps.kernel.errors import Conflict, Invalid, NotFound
from apps.kernel.refusals import refusing
from apps.platform.contracts import TagChanged
from apps.platform.models import Tag, TagAssociation

MAX_ASSOCIATIONS = 50


class TagExists(Conflict):
    """Names are unique per type, whatever the case."""

    slug = "tag-exists"
    title = "There is such a tag already."


def create_tag(
    *,
    values: Mapping[str, Any],
    associated_tag_ids: Collection[UUID] = (),
    created_on: datetime,
    created_by_id: UUID | None = None,
) -> Tag:
    """Make a tag.

    :param values: by field name: name, tag_type and what else it has.
    :raises TagExists: there is one of this name and type.
    :raises Invalid: an associated tag is none.
    """
    tag = Tag(**values, created_on=created_on, created_by_id=created_by_id)
    with refusing(alias="platform", constraints={"tags_name": _exists(tag)}):
        tag.save(force_insert=True)
    _associate(tag, associated_tag_ids)
    messages.record(TagChanged(tag_id=tag.id, change="CREATED"))
    return tag


def update_tag(
    *,
    tag_id: UUID,
    changes: Mapping[str, Any],
    associated_tag_ids: Collection[UUID] | None = None,
    updated_at: datetime,
    updated_by_id: UUID | None = None,
) -> Tag:
    """Change what `changes` names. Renaming keeps the id, and so everything that is tagged.

    :param associated_tag_ids: exactly these afterwards; None leaves them.
    :raises NotFound: there is no such tag, or it was merged into another.
    :raises TagExists: there is another of this name and type.
    """
    tag = _lock([tag_id]).get(tag_id)
    if tag is None:
        raise NotFound
    for name, value in changes.items():
        setattr(tag, name, value)
    tag.last_modified_on, tag.updated_by_id = updated_at, updated_by_id
    with refusing(alias="platform", constraints={"tags_name": _exists(tag)}):
        tag.save(update_fields=[*changes, "last_modified_on", "updated_by_id"])
    if associated_tag_ids is not None:
        _associate(tag, associated_tag_ids)
    messages.record(TagChanged(tag_id=tag.id, change="CHANGED"))
    return tag


def merge_tags(
    *,
    tag_id: UUID,
    into_tag_id: UUID,
    merged_at: datetime,
    merged_by_id: UUID | None = None,
) -> Tag:
    """Have one tag stand for two; return it.

    The other stays as its alias, so that ids kept elsewhere mean the tag that is left. Its name and
    keywords become keywords, its associations move.

    :raises NotFound: the tag to merge is not there, or was merged already.
    :raises Invalid: the tag to merge into is not there, or is the same.
    """
    if tag_id == into_tag_id:
        raise Invalid(fields={"into_tag_id": ["A tag can't be merged into itself."]})
    held = _lock([tag_id, into_tag_id])
    if tag_id not in held:
        raise NotFound
    if into_tag_id not in held:
        raise Invalid(fields={"into_tag_id": [f"There is no tag with the id {into_tag_id}."]})
    source, target = held[tag_id], held[into_tag_id]

    _move_associations(source, target)
    Tag.objects.filter(merged_into=source).update(merged_into=target)
    source.merged_into, source.last_modified_on = target, merged_at
    source.save(update_fields=["merged_into", "last_modified_on"])
    words = [*target.keywords, source.name.lower(), *source.keywords]
    target.keywords = list(dict.fromkeys(words))
    target.last_modified_on, target.updated_by_id = merged_at, merged_by_id
    target.save(update_fields=["keywords", "last_modified_on", "updated_by_id"])
    messages.record_all(
        [
            TagChanged(tag_id=source.id, change="MERGED"),
            TagChanged(tag_id=target.id, change="CHANGED"),
        ]
    )
    return target


def delete_tag(*, tag_id: UUID) -> None:
    """Remove a tag with its aliases. What was tagged with it shows it no more.

    :raises NotFound: there is no such tag.
    """
    tag = _lock([tag_id]).get(tag_id)
    if tag is None:
        raise NotFound
    TagAssociation.objects.filter(tag=tag).delete()
    TagAssociation.objects.filter(associated_tag=tag).delete()
    Tag.objects.filter(merged_into=tag).delete()
    tag.delete()
    messages.record(TagChanged(tag_id=tag_id, change="DELETED"))


def _lock(ids: Collection[UUID]) -> dict[UUID, Tag]:
    """Return the tags that are there, held in one order so that no two merges wait for each other."""
    rows = Tag.objects.current().select_for_update().filter(id__in=ids).order_by("id")
    return {tag.id: tag for tag in rows}


def _exists(tag: Tag) -> TagExists:
    return TagExists(
        "Use that one, or choose another name.",
        fields={"name": [f"There is a {tag.tag_type} named {tag.name} already."]},
    )


def _associate(tag: Tag, ids: Collection[UUID]) -> None:
    wanted = set(ids)
    if len(wanted) > MAX_ASSOCIATIONS:
        raise Invalid(
            fields={"associated_tag_ids": [f"A tag goes with at most {MAX_ASSOCIATIONS} others."]}
        )
    if tag.id in wanted:
        raise Invalid(fields={"associated_tag_ids": ["A tag does not go with itself."]})
    found = Tag.objects.current().filter(id__in=wanted).values_list("id", flat=True)
    if missing := wanted - set(found):
        listed = ", ".join(sorted(map(str, missing)))
        raise Invalid(fields={"associated_tag_ids": [f"There is no tag with the id {listed}."]})

    rows = TagAssociation.objects.filter(tag=tag)
    rows.exclude(associated_tag_id__in=wanted).delete()
    present = set(rows.values_list("associated_tag_id", flat=True))
    TagAssociation.objects.bulk_create(
        TagAssociation(tag=tag, associated_tag_id=id_) for id_ in sorted(wanted - present)
    )


def _move_associations(source: Tag, target: Tag) -> None:
    rows = TagAssociation.objects.filter(tag=source) | TagAssociation.objects.filter(
        associated_tag=source
    )
    moved = [
        TagAssociation(
            tag_id=target.id if row.tag_id == source.id else row.tag_id,
            associated_tag_id=(
                target.id if row.associated_tag_id == source.id else row.associated_tag_id
            ),
        )
        for row in rows
    ]
    rows.delete()
    TagAssociation.objects.bulk_create(
        [row for row in moved if row.tag_id != row.associated_tag_id], ignore_conflicts=True
    )
