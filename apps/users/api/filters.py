"""Filters of the profiles API."""

from uuid import UUID

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from apps.kernel.api.filters import BooleanFilter
from apps.kernel.errors import Invalid
from apps.platform import interface as platform
from apps.users import queries
from apps.users.api.viewers import viewer_of
from apps.users.models import (
    FanFollow,
    GroupCelebrity,
    Privacy,
    Profile,
    ProfileStatus,
    ProfileTag,
    ProfileType,
)


class ProfileFilter(filters.FilterSet):
    """Which profiles; every parameter narrows further."""

    profile_type = filters.ChoiceFilter(choices=ProfileType.choices)
    status = filters.ChoiceFilter(
        choices=ProfileStatus.choices, help_text="Others than staff see ACTIVE profiles only."
    )
    tag = filters.UUIDFilter(method="with_tag", help_text="The id of a tag.")
    group = filters.UUIDFilter(method="in_group", help_text="Celebrities in this group.")
    parent_group = filters.UUIDFilter(
        field_name="parent_group_id", help_text="Groups right inside this group."
    )
    owner = filters.UUIDFilter(field_name="owner_id", help_text="Groups of this profile.")
    store_code = filters.CharFilter(max_length=50)
    is_followed = BooleanFilter(
        method="followed_by_caller", help_text="Those the caller follows, or does not."
    )
    keycloak_id = filters.UUIDFilter(
        method="of_person",
        help_text="The profiles of one person: the caller's own, or any for staff.",
    )
    is_deleted = BooleanFilter(
        method="deleted", help_text="For staff: true lists the deleted ones instead."
    )
    search = filters.CharFilter(
        method="meaning",
        max_length=200,
        help_text="Names, titles, companies and tags; ranked unless `ordering` says otherwise.",
    )

    class Meta:
        model = Profile
        fields: list[str] = []

    def with_tag(self, rows: QuerySet[Profile], name: str, value: UUID) -> QuerySet[Profile]:
        """Keep profiles with a tag, under whatever id it was given before merges."""
        ids = platform.with_aliases(ids={value})
        tagged = ProfileTag.objects.filter(tag_id__in=ids).values("profile_id")
        viewer = viewer_of(self.request)
        if viewer.keycloak_id is None:
            rows = rows.exclude(field_privacy__has_key="tag_ids")
        elif not viewer.is_staff:
            rows = rows.exclude(field_privacy__contains={"tag_ids": Privacy.PRIVATE})
        return rows.filter(id__in=tagged)

    def in_group(self, rows: QuerySet[Profile], name: str, value: UUID) -> QuerySet[Profile]:
        """Keep celebrities of a group."""
        members = GroupCelebrity.objects.filter(group_id=value).values("celebrity_id")
        return rows.filter(id__in=members)

    def followed_by_caller(
        self, rows: QuerySet[Profile], name: str, value: bool
    ) -> QuerySet[Profile]:
        """Keep those the caller follows, or those they don't."""
        viewer = viewer_of(self.request)
        if viewer.keycloak_id is None:
            raise Invalid(fields={name: ["Sign in to filter by what you follow."]})
        follows = FanFollow.objects.active().filter(fan__keycloak_id=viewer.keycloak_id)
        condition = Q(id__in=follows.values("celebrity_id"))
        return rows.filter(condition if value else ~condition)

    def of_person(self, rows: QuerySet[Profile], name: str, value: UUID) -> QuerySet[Profile]:
        """Keep the profiles of one person."""
        if not viewer_of(self.request).sees_all_of(value):
            raise Invalid(fields={name: ["Only staff look people up by this id."]})
        return rows.filter(keycloak_id=value)

    def deleted(self, rows: QuerySet[Profile], name: str, value: bool) -> QuerySet[Profile]:
        """Refuse it to others than staff; which rows there are to begin with, the view decides."""
        if value and not viewer_of(self.request).is_staff:
            raise Invalid(fields={name: ["Only staff see deleted profiles."]})
        return rows

    def meaning(self, rows: QuerySet[Profile], name: str, value: str) -> QuerySet[Profile]:
        """Keep what a text means."""
        ids = queries.search(text=value, viewer=viewer_of(self.request))
        return queries.ranked(rows, ids=ids)
