"""Filters of the inventory and of codes."""

from uuid import UUID

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from apps.commerce.models import (
    CodeKind,
    DiscountCode,
    InventoryItem,
    ItemPlan,
    ItemSeries,
    ItemState,
    ItemTag,
    ItemType,
)
from apps.kernel.api.filters import BooleanFilter
from apps.kernel.money import MAX_AMOUNT
from apps.platform import interface as platform


class ItemFilter(filters.FilterSet):
    """Which items; every parameter narrows further."""

    item_type = filters.ChoiceFilter(choices=ItemType.choices)
    state = filters.ChoiceFilter(
        choices=ItemState.choices,
        help_text="Others than editors see what is for sale, and what they make themselves.",
    )
    item_id = filters.CharFilter(max_length=255, help_text="What it is called elsewhere.")
    created_by_id = filters.UUIDFilter(help_text="The profile of who makes it.")
    tag = filters.UUIDFilter(method="with_tag", help_text="The id of a tag.")
    series = filters.UUIDFilter(method="in_series", help_text="The id of a series it opens.")
    subscription = filters.UUIDFilter(
        method="in_plan", help_text="The id of a plan whose subscribers need not buy it."
    )
    min_price = filters.NumberFilter(
        field_name="price", lookup_expr="gte", min_value=0, max_value=MAX_AMOUNT, decimal_places=0
    )
    max_price = filters.NumberFilter(
        field_name="price", lookup_expr="lte", min_value=0, max_value=MAX_AMOUNT, decimal_places=0
    )
    currency = filters.CharFilter(max_length=3)
    is_available = BooleanFilter(
        method="to_be_had", help_text="Those of which some are left, or none."
    )
    search = filters.CharFilter(
        method="with_text", max_length=200, help_text="Part of a name, or a keyword."
    )

    class Meta:
        model = InventoryItem
        fields: list[str] = []

    def with_tag(
        self, rows: QuerySet[InventoryItem], name: str, value: UUID
    ) -> QuerySet[InventoryItem]:
        """Keep items with a tag, under whatever id it was given before merges."""
        ids = platform.with_aliases(ids={value})
        return rows.filter(id__in=ItemTag.objects.filter(tag_id__in=ids).values("item_id"))

    def in_series(
        self, rows: QuerySet[InventoryItem], name: str, value: UUID
    ) -> QuerySet[InventoryItem]:
        """Keep items that open a series."""
        return rows.filter(id__in=ItemSeries.objects.filter(series_id=value).values("item_id"))

    def in_plan(
        self, rows: QuerySet[InventoryItem], name: str, value: UUID
    ) -> QuerySet[InventoryItem]:
        """Keep items that come with a plan."""
        return rows.filter(id__in=ItemPlan.objects.filter(plan_id=value).values("item_id"))

    def to_be_had(
        self, rows: QuerySet[InventoryItem], name: str, value: bool
    ) -> QuerySet[InventoryItem]:
        """Keep items of which there are some left, or none."""
        left = Q(available__gt=0) | Q(available=None)
        return rows.filter(left if value else Q(available__lte=0))

    def with_text(
        self, rows: QuerySet[InventoryItem], name: str, value: str
    ) -> QuerySet[InventoryItem]:
        """Keep items that are named like it; `/search` ranks, and looks into what is said of them."""
        return rows.filter(Q(name__icontains=value) | Q(keywords__contains=[value.lower()]))


class CodeFilter(filters.FilterSet):
    """`?kind=`, `?is_active=`, `?search=`."""

    kind = filters.ChoiceFilter(choices=CodeKind.choices)
    is_active = BooleanFilter()
    search = filters.CharFilter(
        field_name="code", lookup_expr="icontains", max_length=50, help_text="Part of a code."
    )

    class Meta:
        model = DiscountCode
        fields: list[str] = []
