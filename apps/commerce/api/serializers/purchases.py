"""Replies and bodies of purchases, recipients and refunds."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model
from rest_framework import serializers

from apps.commerce import queries
from apps.commerce.api.serializers.carts import LineSerializer, amount_field, filled_later
from apps.commerce.models import (
    Provider,
    Purchase,
    PurchaseLine,
    PurchaseRecipient,
    PurchaseTransition,
    Refund,
    RefundReason,
)
from apps.commerce.operations import purchases
from apps.commerce.operations.purchases.carts import MAX_LINES
from apps.commerce.operations.purchases.recipients import PERSONAL
from apps.kernel.api.fields import JSONObjectField
from apps.kernel.api.shaping import Expansion, Row, RowSerializer, Stitch, StrictSerializer
from apps.kernel.money import MAX_AMOUNT
from apps.tenancy.reads import note_read

# By the system alone: it is no wish of anybody's.
GIVEN_REASONS = [
    each for each in RefundReason.choices if each[0] != RefundReason.LATE_PAYMENT.value
]


class PaymentMemberSerializer(serializers.Serializer):
    """What a provider was asked for, and what to pay with."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    failure = serializers.CharField(allow_null=True)
    client_secret = serializers.CharField(allow_null=True)
    publishable_key = serializers.CharField(allow_null=True)
    redirect_url = serializers.CharField(allow_null=True)


class PurchaseRowSerializer(RowSerializer):
    """What somebody buys, or has bought."""

    stitches = {
        "lines": Stitch(load=queries.purchases.lines_by_purchase),
        "discount_code": Stitch(load=queries.purchases.codes_by_purchase, empty=lambda: None),
    }
    expansions = {"user": Expansion(target="users.Profile", source="user_id")}

    lines = LineSerializer(many=True)
    discount_code = serializers.CharField(allow_null=True)
    subtotal = amount_field()
    discount = amount_field()
    total = amount_field()
    captured = amount_field(help_text="What was paid, in minor units.")
    refunded = amount_field(help_text="What of that was given back, in minor units.")
    transaction_id = serializers.UUIDField(
        allow_null=True, help_text="The ledger transaction that it was paid by."
    )
    metadata = JSONObjectField()

    needed = ("user_id",)

    class Meta:
        model = Purchase
        fields: Sequence[str] = (
            "id",
            "user_id",
            "state",
            "currency",
            "lines",
            "subtotal",
            "discount",
            "total",
            "captured",
            "refunded",
            "discount_code",
            "provider",
            "transaction_id",
            "metadata",
            "created_on",
            "updated_at",
            "expires_at",
            "completed_at",
        )

    @classmethod
    def finish(cls, rows: list[Row], *, request: Any) -> None:
        """Note whose notes are shown to somebody else."""
        viewer = request.parser_context["view"].viewer
        for row in rows:
            if viewer.is_person(row["user_id"]):
                continue
            _note_metadata(request, Purchase, row)
            for line in row.get("lines", ()):
                _note_metadata(request, PurchaseLine, line)


def _note_metadata(request: Any, model: type[Model], row: Row) -> None:
    if row.get("metadata"):
        note_read(
            request,
            alias="commerce",
            entity_type=model._meta.db_table,
            id=row["id"],
            fields=["metadata"],
        )


class CheckedOutSerializer(PurchaseRowSerializer):
    """A purchase that was just checked out."""

    payment = PaymentMemberSerializer(
        allow_null=True,
        help_text="Null where no provider is asked: it was paid with a wallet, or free.",
    )

    class Meta(PurchaseRowSerializer.Meta):
        fields = (*PurchaseRowSerializer.Meta.fields, "payment")


class RecipientBodySerializer(StrictSerializer):
    """Somebody a purchase is for."""

    line_id = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="The line that is for them; all of it if left out.",
    )
    first_name = serializers.CharField(max_length=100, allow_blank=True, default="")
    last_name = serializers.CharField(max_length=100, allow_blank=True, default="")
    email = serializers.EmailField(max_length=254, allow_blank=True, default="")
    phone_number = serializers.RegexField(
        r"^\+?[0-9 ()./-]{3,40}$", allow_blank=True, default="", help_text="As it is dialled."
    )
    linked_in_address = serializers.URLField(max_length=500, allow_blank=True, default="")


class CheckoutBodySerializer(StrictSerializer):
    """Which cart to check out, and how it is paid."""

    cart_id = serializers.UUIDField()
    provider = serializers.ChoiceField(choices=Provider.choices)
    capture = serializers.ChoiceField(
        choices=[("now", "now"), ("later", "later")],
        default="now",
        help_text="`later` holds the wallet's money until the staff takes it.",
    )
    expected_total = serializers.IntegerField(
        min_value=0,
        max_value=MAX_AMOUNT,
        required=False,
        help_text="What the buyer has seen. If it costs something else by now, it is refused with 409.",
    )
    recipients = serializers.ListField(
        child=RecipientBodySerializer(), required=False, max_length=MAX_LINES
    )


class CaptureBodySerializer(StrictSerializer):
    """What to take of the money that is held."""

    amount = serializers.IntegerField(
        min_value=1,
        max_value=MAX_AMOUNT,
        required=False,
        help_text="In minor units; all of it if left out. The rest goes back.",
    )


class TransitionRowSerializer(RowSerializer):
    """A step that a purchase has taken."""

    class Meta:
        model = PurchaseTransition
        fields = ("id", "from_state", "to_state", "occurred_at")


class RefundRowSerializer(RowSerializer):
    """Something that was given back."""

    cumulative = amount_field(help_text="What was given back with it in all, in minor units.")
    captured = amount_field(help_text="What had been paid, in minor units.")
    amount = amount_field()

    class Meta:
        model = Refund
        fields = (
            "id",
            "seq",
            "amount",
            "cumulative",
            "captured",
            "reason",
            "transaction_id",
            "created_by_id",
            "created_on",
        )


class RefundBodySerializer(StrictSerializer):
    """What to give back, and why."""

    amount = serializers.IntegerField(
        min_value=1,
        max_value=MAX_AMOUNT,
        required=False,
        help_text="In minor units; all that is left if left out.",
    )
    reason = serializers.ChoiceField(choices=GIVEN_REASONS, default=RefundReason.REQUESTED.value)
    force = serializers.BooleanField(
        default=False, help_text="Also what was sold as not refundable. For admins."
    )


class RecipientRowSerializer(RowSerializer):
    """Somebody a purchase is for."""

    stitches = {name: filled_later(str) for name in PERSONAL}
    needed = ("sealed",)

    line_id = serializers.UUIDField(allow_null=True)
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    email = serializers.CharField()
    phone_number = serializers.CharField()
    linked_in_address = serializers.CharField()

    class Meta:
        model = PurchaseRecipient
        fields = ("id", "line_id", *PERSONAL, "created_on")

    @classmethod
    def finish(cls, rows: list[Row], *, request: Any) -> None:
        """Open what is personal, as far as it is shown; note whose it was shown to besides the buyer."""
        opened = purchases.recipients.open_recipients({row["id"]: row["sealed"] for row in rows})
        is_buyer = request.parser_context["view"].is_buyer
        for row in rows:
            shown = {name: value for name, value in opened[row["id"]].items() if name in row}
            row.update(shown)
            if not is_buyer and any(shown.values()):
                note_read(
                    request,
                    alias="commerce",
                    entity_type=PurchaseRecipient._meta.db_table,
                    id=row["id"],
                    fields=["sealed"],
                )
