"""Filters of the platform API."""

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from apps.kernel.api.filters import BooleanFilter
from apps.platform.models import GroupType, RealtimeGroup, Tag, TagType


class TagFilter(filters.FilterSet):
    """`?tag_type=`, `?keyword=`, `?search=`."""

    tag_type = filters.ChoiceFilter(choices=TagType.choices)
    keyword = filters.CharFilter(
        method="with_keyword", max_length=100, help_text="A keyword, whole."
    )
    search = filters.CharFilter(
        method="with_text", max_length=200, help_text="Part of a name, or a keyword."
    )

    class Meta:
        model = Tag
        fields: list[str] = []

    def with_keyword(self, rows: QuerySet[Tag], name: str, value: str) -> QuerySet[Tag]:
        """Keep tags with a keyword."""
        return rows.filter(keywords__contains=[value.lower()])

    def with_text(self, rows: QuerySet[Tag], name: str, value: str) -> QuerySet[Tag]:
        """Keep tags that are named like it. A tenant's taxonomy is small: no index is needed."""
        return rows.filter(Q(name__icontains=value) | Q(keywords__contains=[value.lower()]))


class GroupFilter(filters.FilterSet):
    """`?group_type=`, `?is_member=`, `?search=`."""

    group_type = filters.ChoiceFilter(choices=GroupType.choices)
    is_member = BooleanFilter(
        field_name="is_member", help_text="Those the caller is in, or those they are not."
    )
    search = filters.CharFilter(
        field_name="name", lookup_expr="icontains", max_length=200, help_text="Part of a name."
    )

    class Meta:
        model = RealtimeGroup
        fields: list[str] = []
