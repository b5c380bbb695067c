"""Filters of donations."""

from django_filters import rest_framework as filters

from apps.commerce.models import Donation


class DonationFilter(filters.FilterSet):
    """`?board=`, `?currency=`."""

    board = filters.UUIDFilter(field_name="board_id", help_text="The id of a message board.")
    currency = filters.CharFilter(max_length=3, help_text="A code, such as USD.")

    class Meta:
        model = Donation
        fields: list[str] = []
