"""Replies and bodies of the inventory."""

from typing import Any, cast

from rest_framework import serializers
from rest_framework.request import Request

from apps.commerce.api.views.base import viewer_of
from apps.commerce.models import (
    InventoryItem,
    InventoryPriceHistory,
    InventoryQuantityHistory,
    InventoryStateHistory,
    ItemState,
    ItemType,
    Recurrence,
)
from apps.commerce.operations.item_lists import LISTS
from apps.commerce.queries import items
from apps.kernel.api.fields import JSONObjectField
from apps.kernel.api.shaping import Expansion, Row, RowSerializer, Stitch, StrictSerializer
from apps.kernel.money import CODE_PATTERN, MAX_AMOUNT
from apps.tenancy.api.requests import TenantRequest

MAX_QUANTITY = 10**9
# A hundred years.
MAX_DAYS = 36_525


FOR_EDITORS = {
    "associated_series": items.all_series_ids,
    "associated_subscriptions": items.all_plan_ids,
    "restricted_users": items.restricted_user_ids,
}


def _ids(**kwargs: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.UUIDField(), **kwargs)


class ItemRowSerializer(RowSerializer):
    """Something for sale."""

    # What is offered; of all that is in the lists, editors alone are told: see `finish`.
    stitches = {
        "associated_tags": Stitch(load=items.tag_ids),
        "associated_series": Stitch(load=items.series_ids),
        "associated_subscriptions": Stitch(load=items.plan_ids),
        "restricted_users": Stitch(load=lambda _: {}, empty=lambda: None),
    }
    expansions = {
        "created_by": Expansion(target="users.Profile", source="created_by_id"),
        "tags": Expansion(target="platform.Tag", source="associated_tags", many=True),
        "series": Expansion(target="commerce.ContentSeries", source="associated_series", many=True),
        "subscriptions": Expansion(
            target="commerce.SubscriptionPlan", source="associated_subscriptions", many=True
        ),
    }

    price = serializers.IntegerField(help_text="In minor units of the currency; 0 is free.")
    quantity = serializers.IntegerField(
        allow_null=True, help_text="How many there are in all; null for without end."
    )
    available = serializers.IntegerField(
        allow_null=True,
        help_text="How many are neither set aside nor sold; null for without end.",
    )
    limit_per_fan = serializers.IntegerField(
        allow_null=True, help_text="How many one person can have; null for no limit."
    )
    recurring_payment = serializers.CharField()
    auto_expires = serializers.IntegerField(
        allow_null=True, help_text="For how many days it can be used; null for ever."
    )
    keywords = serializers.ListField(child=serializers.CharField())
    metadata = JSONObjectField()
    associated_tags = _ids()
    associated_series = _ids(
        help_text="Series that buying it opens; to editors, deleted ones among them."
    )
    associated_subscriptions = _ids(
        help_text=(
            "Plans on offer whose subscribers need not buy it; to editors, also those that can't be "
            "subscribed to."
        )
    )
    restricted_users = _ids(
        allow_null=True, help_text="Profiles it is not sold to: to editors; null to others."
    )

    class Meta:
        model = InventoryItem
        fields = (
            "id",
            "item_id",
            "item_type",
            "name",
            "description",
            "created_by_id",
            "state",
            "price",
            "currency",
            "quantity",
            "available",
            "limit_per_fan",
            "recurring_payment",
            "auto_expires",
            "is_refundable",
            "keywords",
            "associated_tags",
            "associated_series",
            "associated_subscriptions",
            "restricted_users",
            "metadata",
            "created_on",
            "updated_at",
        )

    @classmethod
    def finish(cls, rows: list[Row], *, request: Request) -> None:
        """Show editors, who change the lists, all that is in them."""
        asked = [name for name in FOR_EDITORS if rows and name in rows[0]]
        if not asked or not viewer_of(cast(TenantRequest, request)).is_editor:
            return
        for name in asked:
            found = FOR_EDITORS[name]([row["id"] for row in rows])
            for row in rows:
                row[name] = found.get(row["id"], [])


class ItemChangeSerializer(StrictSerializer):
    """What can be changed of an item."""

    item_id = serializers.CharField(
        max_length=255,
        required=False,
        help_text="What it is called in the system it came from; its id, if nothing is given.",
    )
    item_type = serializers.ChoiceField(
        choices=ItemType.choices, help_text="Can be changed while it is a DRAFT."
    )
    name = serializers.CharField(max_length=255)
    description = serializers.CharField(max_length=10_000, allow_blank=True, required=False)
    created_by_id = serializers.UUIDField(
        required=False, help_text="The profile of who makes it: the caller's, if none is given."
    )
    state = serializers.ChoiceField(
        choices=ItemState.choices,
        required=False,
        help_text="DRAFT → ACTIVE ⇄ PAUSED; each of them → ARCHIVED, which is final.",
    )
    price = serializers.IntegerField(
        min_value=0, max_value=MAX_AMOUNT, help_text="In minor units of the currency; 0 is free."
    )
    currency = serializers.RegexField(
        CODE_PATTERN,
        required=False,
        help_text="Of ISO 4217, or the tenant's own. Can be changed while the item is a DRAFT.",
    )
    quantity = serializers.IntegerField(
        min_value=0,
        max_value=MAX_QUANTITY,
        allow_null=True,
        required=False,
        help_text="How many there are in all, set aside and sold among them; null for without end.",
    )
    limit_per_fan = serializers.IntegerField(
        min_value=1, max_value=1_000_000, allow_null=True, required=False
    )
    recurring_payment = serializers.ChoiceField(
        choices=Recurrence.choices, allow_blank=True, required=False
    )
    auto_expires = serializers.IntegerField(
        min_value=1, max_value=MAX_DAYS, allow_null=True, required=False, help_text="In days."
    )
    is_refundable = serializers.BooleanField(required=False)
    keywords = serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=50, required=False
    )
    metadata = JSONObjectField(required=False)
    associated_tags = _ids(max_length=LISTS["associated_tags"].most, required=False)
    associated_series = _ids(max_length=LISTS["associated_series"].most, required=False)
    associated_subscriptions = _ids(
        max_length=LISTS["associated_subscriptions"].most, required=False
    )
    restricted_users = _ids(max_length=LISTS["restricted_users"].most, required=False)


class ItemBodySerializer(ItemChangeSerializer):
    """What an item is made of."""

    state = serializers.ChoiceField(
        choices=[ItemState.DRAFT.value, ItemState.ACTIVE.value], required=False
    )


HISTORY = ("id", "old_value", "new_value", "changed_on")


class PriceHistoryRowSerializer(RowSerializer):
    """A price changed."""

    class Meta:
        model = InventoryPriceHistory
        fields = HISTORY


class QuantityHistoryRowSerializer(RowSerializer):
    """How many there are changed; null is without end."""

    class Meta:
        model = InventoryQuantityHistory
        fields = HISTORY


class StateHistoryRowSerializer(RowSerializer):
    """A state changed."""

    class Meta:
        model = InventoryStateHistory
        fields = HISTORY
