"""Filters of purchases."""

from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from apps.commerce import queries
from apps.commerce.models import Provider, Purchase, PurchaseState


class PurchaseFilter(filters.FilterSet):
    """`?state=`, `?user_id=`, `?item_id=`, `?provider=`, `?currency=`, `?created_after=`, `?created_before=`."""

    state = filters.ChoiceFilter(
        choices=[each for each in PurchaseState.choices if each[0] != PurchaseState.CART.value]
    )
    user_id = filters.UUIDFilter(help_text="The buyer's profile.")
    item_id = filters.UUIDFilter(method="with_item", help_text="An item that is in it.")
    provider = filters.ChoiceFilter(choices=Provider.choices)
    currency = filters.CharFilter(max_length=3, help_text="A code, such as USD.")
    created_after = filters.IsoDateTimeFilter(field_name="created_on", lookup_expr="gte")
    created_before = filters.IsoDateTimeFilter(field_name="created_on", lookup_expr="lt")

    class Meta:
        model = Purchase
        fields: list[str] = []

    def with_item(self, rows: QuerySet[Purchase], name: str, value: UUID) -> QuerySet[Purchase]:
        """Keep purchases with a line of an item."""
        return queries.purchases.with_item(rows, item_id=value)
