"""What items are associated with, and whom they are not sold to: lists of ids, each kept in a table of its own."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Model

from apps.commerce.models import (
    ContentSeries,
    InventoryItem,
    ItemPlan,
    ItemSeries,
    ItemTag,
    RestrictedUser,
    SubscriptionPlan,
)
from apps.kernel.errors import Invalid
from apps.platform import interface as platform
from apps.users import interface as users


@dataclass(frozen=True, slots=True, kw_only=True)
class IdList:
    """A list of an item: where it is kept, and `meant`, which id stands for each id that is there."""

    model: type[Model]
    column: str
    target: str
    meant: Callable[[Collection[UUID]], Mapping[UUID, UUID]]
    most: int


def _tags(ids: Collection[UUID]) -> Mapping[UUID, UUID]:
    return platform.canonical_tag_ids(ids=ids)


def _series(ids: Collection[UUID]) -> Mapping[UUID, UUID]:
    rows = ContentSeries.objects.filter(id__in=ids, deleted_at=None)
    return {id_: id_ for id_ in rows.values_list("id", flat=True)}


def _plans(ids: Collection[UUID]) -> Mapping[UUID, UUID]:
    rows = SubscriptionPlan.objects.filter(id__in=ids, deleted_at=None)
    return {id_: id_ for id_ in rows.values_list("id", flat=True)}


def _people(ids: Collection[UUID]) -> Mapping[UUID, UUID]:
    return {id_: id_ for id_ in users.existing_profile_ids(ids=ids)}


LISTS: dict[str, IdList] = {
    "associated_tags": IdList(model=ItemTag, column="tag_id", target="tag", meant=_tags, most=50),
    "associated_series": IdList(
        model=ItemSeries, column="series_id", target="series", meant=_series, most=50
    ),
    "associated_subscriptions": IdList(
        model=ItemPlan, column="plan_id", target="plan", meant=_plans, most=50
    ),
    "restricted_users": IdList(
        model=RestrictedUser, column="user_id", target="profile", meant=_people, most=1_000
    ),
}
"""By the name in the API."""


def replace_lists(item: InventoryItem, lists: Mapping[str, Collection[UUID]]) -> None:
    """Give an item exactly these ids in each list that is named. What was in it may stay, though it is gone.

    :raises Invalid: there are too many, or an id is none of what the list is of.
    """
    for name, ids in lists.items():
        _replace(item, name, set(ids))


def meant_by(
    name: str, *, wanted: Collection[UUID], present: Collection[UUID]
) -> Mapping[UUID, UUID]:
    """Return which id stands for each that is to come into a list, which is `wanted` as a whole.

    :param present: what is in it, and may stay.
    :raises Invalid: there are too many, or an id is none of what the list is of.
    """
    of = LISTS[name]
    if len(set(wanted)) > of.most:
        raise Invalid(fields={name: [f"There are at most {of.most} of these."]})
    added = set(wanted) - set(present)
    meant = of.meant(added) if added else {}
    if missing := added - meant.keys():
        listed = ", ".join(sorted(map(str, missing)))
        raise Invalid(fields={name: [f"There is no {of.target} with the id {listed}."]})
    return meant


def _replace(item: InventoryItem, name: str, wanted: set[UUID]) -> None:
    of = LISTS[name]
    rows = of.model._default_manager.filter(item=item)
    present = set(rows.values_list(of.column, flat=True))
    meant = meant_by(name, wanted=wanted, present=present)
    if gone := present - wanted:
        rows.filter(**{f"{of.column}__in": gone}).delete()
    of.model._default_manager.bulk_create(
        of.model(item=item, **{of.column: id_}) for id_ in sorted(set(meant.values()) - present)
    )
