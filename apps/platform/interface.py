"""What other contexts may ask of platform. Read-only, batched; call inside a binding."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Coalesce

from apps.platform.contracts import TagSummary
from apps.platform.models import Tag

# A name that matches more tags than this says little about what was meant.
NAME_MATCH_LIMIT = 50


def get_tags(*, ids: Collection[UUID]) -> dict[UUID, TagSummary]:
    """Return tags by the id asked for; a merged tag's id gives the tag that stands for it. One query."""
    rows = Tag.objects.filter(Q(id__in=ids) | Q(aliases__id__in=ids)).values_list(
        "id", "name", "tag_type", "color", "aliases__id", "merged_into_id"
    )
    return _by_asked_id(rows, wanted=set(ids))


def _by_asked_id(rows: Collection[tuple], *, wanted: set[UUID]) -> dict[UUID, TagSummary]:
    found = {}
    for id_, name, tag_type, color, alias_id, merged_into_id in rows:
        if merged_into_id is not None:
            continue
        summary = TagSummary(id=id_, name=name, tag_type=tag_type, color=color)
        for asked in (id_, alias_id):
            if asked in wanted:
                found[asked] = summary
    return found


def existing_tag_ids(*, ids: Collection[UUID]) -> set[UUID]:
    """Return those of the ids that a reference may point at, aliases included."""
    return set(Tag.objects.filter(id__in=ids).values_list("id", flat=True))


def canonical_tag_ids(*, ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return, by the id asked for, the tag that stands for it: itself unless it was merged."""
    rows = Tag.objects.filter(id__in=ids)
    return dict(rows.values_list("id", Coalesce("merged_into_id", "id")))


def with_aliases(*, ids: Collection[UUID]) -> set[UUID]:
    """Return all the ids that mean the same tags as these: themselves, their targets and aliases."""
    targets = set(canonical_tag_ids(ids=ids).values())
    same = Tag.objects.filter(Q(id__in=targets) | Q(merged_into__in=targets))
    return set(same.values_list("id", flat=True)) | targets


def tag_ids_by_name(*, names: Collection[str]) -> dict[str, set[UUID]]:
    """Return, by lower-case name or keyword, the ids (aliases included) of the tags that it means."""
    wanted = {name.lower() for name in names if name}
    if not wanted:
        return {}
    condition = Q(keywords__overlap=list(wanted))
    for name in wanted:
        condition |= Q(name__iexact=name)
    rows = Tag.objects.current().filter(condition)[:NAME_MATCH_LIMIT]
    found: dict[str, set[UUID]] = {}
    for id_, name, keywords in rows.values_list("id", "name", "keywords"):
        for word in wanted & {name.lower(), *(keyword.lower() for keyword in keywords)}:
            found.setdefault(word, set()).add(id_)
    aliases = Tag.objects.filter(merged_into__in={id_ for ids in found.values() for id_ in ids})
    for alias, target in aliases.values_list("id", "merged_into_id"):
        for ids in found.values():
            if target in ids:
                ids.add(alias)
    return found


def tag_ids_by_exact_name(*, names: Collection[str]) -> dict[str, UUID]:
    """Return the ids of tags by their names as they are written; of two types, either. One query."""
    rows = Tag.objects.current().filter(name__in=names)
    return dict(rows.values_list("name", "id"))
