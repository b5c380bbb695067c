"""Replies and bodies of discount codes and promo codes."""

from rest_framework import serializers

from apps.commerce.models import CodeKind, DiscountCode, DiscountCodeUsage
from apps.commerce.operations.codes import MAX_ITEMS
from apps.commerce.operations.discounts import WHOLE
from apps.commerce.queries import discounts
from apps.kernel.api.shaping import Expansion, RowSerializer, Stitch, StrictSerializer
from apps.kernel.money import CODE_PATTERN, MAX_AMOUNT

WRITTEN = r"^[A-Za-z0-9][A-Za-z0-9_-]{2,49}$"
MAX_USES = 10**9


class CodeRowSerializer(RowSerializer):
    """A code, and how often it was used."""

    stitches = {"item_ids": Stitch(load=discounts.item_ids)}
    expansions = {"items": Expansion(target="commerce.InventoryItem", source="item_ids", many=True)}

    item_ids = serializers.ListField(
        child=serializers.UUIDField(), help_text="The items it is for; all, if there are none."
    )
    percent = serializers.IntegerField(
        allow_null=True, help_text="In hundredths of a percent: 1250 is 12.5 %."
    )
    used = serializers.IntegerField(help_text="How often it was used.")

    class Meta:
        model = DiscountCode
        fields = (
            "id",
            "code",
            "kind",
            "percent",
            "amount",
            "currency",
            "minimum",
            "item_ids",
            "max_uses",
            "max_uses_per_user",
            "used",
            "starts_at",
            "ends_at",
            "is_active",
            "created_on",
            "updated_at",
        )


class DiscountCodeBodySerializer(StrictSerializer):
    """What a code is made of."""

    code = serializers.RegexField(
        WRITTEN,
        max_length=50,
        help_text="Kept in capitals.",
        error_messages={
            "invalid": "Use 3 to 50 letters A to Z, digits, - and _, a letter or digit first."
        },
    )
    kind = serializers.ChoiceField(choices=CodeKind.choices)
    percent = serializers.IntegerField(
        min_value=1,
        max_value=WHOLE,
        allow_null=True,
        required=False,
        help_text="Of PERCENT: in hundredths of a percent, 1250 is 12.5 %.",
    )
    amount = serializers.IntegerField(
        min_value=1,
        max_value=MAX_AMOUNT,
        allow_null=True,
        required=False,
        help_text="Of AMOUNT and CREDIT: in minor units of the currency.",
    )
    currency = serializers.RegexField(
        CODE_PATTERN,
        allow_blank=True,
        required=False,
        help_text="Of ISO 4217, or the tenant's own. A share may be off any currency.",
    )
    minimum = serializers.IntegerField(
        min_value=0,
        max_value=MAX_AMOUNT,
        required=False,
        help_text="What the items it is for must cost at least, in minor units of the currency.",
    )
    item_ids = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=MAX_ITEMS,
        required=False,
        help_text="The items it is for; all, if there are none.",
    )
    max_uses = serializers.IntegerField(
        min_value=1, max_value=MAX_USES, allow_null=True, required=False
    )
    max_uses_per_user = serializers.IntegerField(
        min_value=1,
        max_value=1_000,
        allow_null=True,
        required=False,
        help_text="How often one person can use it; once, if nothing is said.",
    )
    starts_at = serializers.DateTimeField(allow_null=True, required=False)
    ends_at = serializers.DateTimeField(allow_null=True, required=False)
    is_active = serializers.BooleanField(required=False)


class UsageRowSerializer(RowSerializer):
    """Somebody has used a code."""

    expansions = {"user": Expansion(target="users.Profile", source="user_id")}

    purchase_id = serializers.UUIDField(
        allow_null=True, help_text="What it was used for; null where it filled a wallet."
    )
    amount = serializers.IntegerField(help_text="What it took off, or gave, in minor units.")

    class Meta:
        model = DiscountCodeUsage
        fields = ("id", "user_id", "turn", "purchase_id", "amount", "used_on")


class RedeemSerializer(StrictSerializer):
    """Which promo code to redeem."""

    code = serializers.CharField(max_length=50)


class RedeemedSerializer(serializers.Serializer):
    """What a promo code has put into the caller's wallet."""

    code = serializers.CharField()
    amount = serializers.IntegerField(help_text="In minor units of the currency.")
    currency = serializers.CharField()
    wallet_id = serializers.UUIDField()
    transaction_id = serializers.UUIDField(help_text="The ledger transaction.")
