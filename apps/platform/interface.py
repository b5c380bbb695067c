"""What other contexts may ask of platform. Read-only, batched; call inside a binding."""

from collections.abc import Collection
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from apps.platform.contracts import GroupSummary, TagSummary
from apps.platform.models import GroupMember, GroupType, Joining, RealtimeGroup, Tag

# Not the package: what else is in it asks users, which asks here.
from apps.platform.queries import flags

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


def group_ids_of(*, profile_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """Return the live groups that profiles are in, by profile; one without any is not in it. One query."""
    rows = GroupMember.objects.active().filter(user_id__in=profile_ids, group__deleted_at=None)
    found: dict[UUID, set[UUID]] = {}
    for user_id, group_id in rows.values_list("user_id", "group_id"):
        found.setdefault(user_id, set()).add(group_id)
    return found


def get_groups(*, ids: Collection[UUID]) -> dict[UUID, GroupSummary]:
    """Return groups by id; an absent id is gone or not yours. One query."""
    return _summaries(RealtimeGroup.objects.present().filter(id__in=ids))


def boards_open_to(
    *, ids: Collection[UUID], profile_ids: Collection[UUID]
) -> dict[UUID, GroupSummary]:
    """Return those of the ids that are message boards which profiles of one person can see. One query.

    These are boards that everybody may join, and those that one of the profiles is in.
    """
    own = GroupMember.objects.active().filter(group_id=OuterRef("id"), user_id__in=profile_ids)
    seen = RealtimeGroup.objects.present().filter(Q(joining=Joining.OPEN) | Exists(own))
    return _summaries(seen.filter(id__in=ids, group_type=GroupType.MESSAGE_BOARD))


def _summaries(rows: QuerySet[RealtimeGroup]) -> dict[UUID, GroupSummary]:
    return {
        id_: GroupSummary(id=id_, name=name, group_type=kind, is_open=joining == Joining.OPEN)
        for id_, name, kind, joining in rows.values_list("id", "name", "group_type", "joining")
    }


def existing_group_ids(*, ids: Collection[UUID]) -> set[UUID]:
    """Return those of the ids that a new reference may point at: there, and not deleted."""
    return set(RealtimeGroup.objects.present().filter(id__in=ids).values_list("id", flat=True))


def is_on(*, key: str, user_id: UUID | None = None) -> bool:
    """Return whether a feature flag is on in the bound tenant, for a profile or for everybody.

    :param user_id: a profile: for one and the same the answer is always the same. Without one, a flag
        that is on for some only is off.
    :raises UnknownFlag: no code registers it.
    """
    return flags.is_on(key=key, user_id=user_id)
