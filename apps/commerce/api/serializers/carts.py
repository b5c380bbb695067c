"""Replies and bodies of carts, and of lines wherever they are."""

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from apps.commerce import queries
from apps.commerce.models import Purchase
from apps.commerce.operations import purchases
from apps.commerce.operations.purchases import setting_aside
from apps.commerce.operations.purchases.carts import MAX_QUANTITY
from apps.kernel.api.fields import JSONObjectField
from apps.kernel.api.shaping import Expansion, Row, RowSerializer, Stitch, StrictSerializer


def amount_field(**kwargs: Any) -> serializers.IntegerField:
    """Return a field of an amount."""
    return serializers.IntegerField(**{"help_text": "In minor units of the currency.", **kwargs})


def _quantity(**kwargs: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=MAX_QUANTITY, **kwargs)


def filled_later(empty: Any) -> Stitch:
    """Return a field that `finish` fills: for several of these at once."""
    return Stitch(load=lambda ids: {}, empty=empty)


class LineSerializer(serializers.Serializer):
    """So many of an item."""

    id = serializers.UUIDField()
    item_id = serializers.UUIDField()
    item_name = serializers.CharField()
    item_type = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = amount_field()
    total = amount_field()
    metadata = JSONObjectField()


class CartLineSerializer(LineSerializer):
    """So many of an item, at the price of now."""

    is_available = serializers.BooleanField(help_text="Whether it is for sale now.")


class CodeRefusedSerializer(serializers.Serializer):
    """Why a code takes nothing off."""

    type = serializers.CharField(help_text="The last part of the problem's type.")
    detail = serializers.CharField()


class CartRowSerializer(RowSerializer):
    """A cart, at the prices of now."""

    stitches = {
        "lines": filled_later(list),
        "subtotal": filled_later(int),
        "discount": filled_later(int),
        "total": filled_later(int),
        "discount_code": Stitch(load=queries.purchases.codes_by_purchase, empty=lambda: None),
        "code_refused": filled_later(lambda: None),
    }
    expansions = {"user": Expansion(target="users.Profile", source="user_id")}

    lines = CartLineSerializer(many=True)
    subtotal = amount_field()
    discount = amount_field()
    total = amount_field(help_text="What is to be paid, in minor units; send it as expected_total.")
    discount_code = serializers.CharField(allow_null=True)
    code_refused = CodeRefusedSerializer(allow_null=True)
    metadata = JSONObjectField()

    class Meta:
        model = Purchase
        fields: Sequence[str] = (
            "id",
            "user_id",
            "currency",
            "lines",
            "subtotal",
            "discount",
            "total",
            "discount_code",
            "code_refused",
            "metadata",
            "created_on",
            "updated_at",
        )

    @classmethod
    def finish(cls, rows: list[Row], *, request: Any) -> None:
        """Have lines and amounts be those of now."""
        if not any(name in row for row in rows for name in LIVE):
            return
        at = request.parser_context["view"].now
        quoted = purchases.quoting.quote_carts(ids=[row["id"] for row in rows], at=at)
        for row in rows:
            live = _live(quoted[row["id"]], currency=row.get("currency", ""))
            row.update({name: live[name] for name in LIVE if name in row})

    needed = ("currency",)


class NewCartSerializer(CartRowSerializer):
    """A cart that was just begun."""

    token = serializers.CharField(
        required=False,
        help_text=(
            "Only when a cart of nobody's is made, and never again: send it as Cart-Token with "
            "everything that is done with the cart."
        ),
    )

    class Meta(CartRowSerializer.Meta):
        fields = (*CartRowSerializer.Meta.fields, "token")


LIVE = ("lines", "subtotal", "discount", "total", "code_refused")


def _live(cart: purchases.quoting.QuotedCart, *, currency: str) -> Row:
    refused = cart.quote.code_refused
    return {
        "lines": [
            {
                "id": line.id,
                "item_id": line.item_id,
                "item_name": line.item.name,
                "item_type": line.item.item_type,
                "quantity": line.quantity,
                "unit_price": line.item.price,
                "total": line.item.price * line.quantity,
                "metadata": line.metadata,
                "is_available": setting_aside.is_for_sale(line, currency=currency),
            }
            for line in cart.lines
        ],
        "subtotal": cart.quote.subtotal,
        "discount": cart.quote.discount,
        "total": cart.quote.total,
        "code_refused": refused and {"type": refused.slug, "detail": refused.detail},
    }


class CartBodySerializer(StrictSerializer):
    """What a new cart is in."""

    currency = serializers.RegexField(
        r"^[A-Z]{3}$", help_text="A code of ISO 4217, or of a currency of the tenant's own."
    )


class CartChangeSerializer(StrictSerializer):
    """What can be changed of a cart besides its lines."""

    discount_code = serializers.CharField(
        max_length=50, allow_blank=True, required=False, help_text="Empty for none."
    )
    metadata = JSONObjectField(required=False)


class LineChangeSerializer(StrictSerializer):
    """What can be changed of a line."""

    quantity = _quantity(required=False)
    metadata = JSONObjectField(required=False)


class LineBodySerializer(StrictSerializer):
    """What to put into a cart."""

    item_id = serializers.UUIDField()
    quantity = _quantity(default=1)
    metadata = JSONObjectField(required=False)
