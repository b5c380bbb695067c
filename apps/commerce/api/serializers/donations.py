"""Replies and bodies of donations."""

from rest_framework import serializers

from apps.commerce.models import Donation
from apps.kernel.api.shaping import Expansion, RowSerializer, StrictSerializer
from apps.kernel.money import MAX_AMOUNT


class DonationRowSerializer(RowSerializer):
    """What somebody gave on a board."""

    expansions = {
        "board": Expansion(target="platform.RealtimeGroup", source="board_id"),
        "user": Expansion(target="users.Profile", source="user_id"),
    }

    amount = serializers.IntegerField(help_text="In minor units of the currency.")

    class Meta:
        model = Donation
        fields = (
            "id",
            "board_id",
            "user_id",
            "amount",
            "currency",
            "is_anonymous",
            "transaction_id",
            "created_on",
        )


class DonationBodySerializer(StrictSerializer):
    """What to give, and on which board."""

    board_id = serializers.UUIDField(help_text="The id of a message board.")
    amount = serializers.IntegerField(
        min_value=1, max_value=MAX_AMOUNT, help_text="In minor units of the currency."
    )
    currency = serializers.RegexField(
        r"^[A-Z]{3}$", help_text="A code of ISO 4217, or of a currency of the tenant's own."
    )
    is_anonymous = serializers.BooleanField(
        required=False,
        default=False,
        help_text="The others on the board are not to know: it gives no points.",
    )
