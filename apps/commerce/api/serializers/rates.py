"""Replies and bodies of exchange rates and currencies."""

from rest_framework import serializers

from apps.commerce.api.serializers.wallets import amount_field, currency_field
from apps.commerce.models import ExchangeRate, VirtualCurrency
from apps.kernel.api.fields import JSONObjectField
from apps.kernel.api.shaping import RowSerializer, StrictSerializer
from apps.kernel.money import CODE_PATTERN


class RateRowSerializer(RowSerializer):
    """From `valid_from` on, `price` minor units of one currency buy `amount` of the other."""

    keywords = serializers.ListField(child=serializers.CharField())
    meta_data = JSONObjectField()

    class Meta:
        model = ExchangeRate
        fields = (
            "id",
            "name",
            "from_currency",
            "to_currency",
            "price",
            "amount",
            "valid_from",
            "valid_until",
            "keywords",
            "meta_data",
            "created_on",
        )


class RateBodySerializer(StrictSerializer):
    """What a rate is made of."""

    from_currency = currency_field()
    to_currency = currency_field()
    price = amount_field(help_text="So many minor units of `from_currency` …")
    amount = amount_field(help_text="… buy so many of `to_currency`.")
    valid_from = serializers.DateTimeField(required=False, help_text="Now, if it is left out.")
    valid_until = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Up to and without; null for no end."
    )
    name = serializers.CharField(max_length=255, allow_blank=True, required=False)
    keywords = serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=50, required=False
    )
    meta_data = JSONObjectField(required=False)


class QuoteQuerySerializer(StrictSerializer):
    """What would be exchanged."""

    from_currency = currency_field()
    to_currency = currency_field()
    amount = amount_field()


class QuoteSerializer(serializers.Serializer):
    """What an amount buys now."""

    exchange_rate_id = serializers.UUIDField()
    from_currency = serializers.CharField()
    to_currency = serializers.CharField()
    amount = serializers.IntegerField()
    bought = serializers.IntegerField(help_text="Rounded down.")
    rate_price = serializers.IntegerField()
    rate_amount = serializers.IntegerField()
    valid_until = serializers.DateTimeField(allow_null=True)


class CurrencySerializer(serializers.Serializer):
    """A currency that money can be in."""

    code = serializers.CharField()
    name = serializers.CharField()
    decimals = serializers.IntegerField(help_text="Minor units are so many powers of ten smaller.")
    is_virtual = serializers.BooleanField(help_text="Whether it is the tenant's own.")


class CurrencyRowSerializer(RowSerializer):
    """A currency of the tenant's own."""

    class Meta:
        model = VirtualCurrency
        fields = ("id", "code", "name", "decimals", "created_on")


class CurrencyNameSerializer(StrictSerializer):
    """What a currency is called."""

    name = serializers.CharField(max_length=255)


class CurrencyBodySerializer(CurrencyNameSerializer):
    """A currency of the tenant's own."""

    code = serializers.RegexField(CODE_PATTERN, max_length=3, help_text="None of ISO 4217's.")
    decimals = serializers.IntegerField(min_value=0, max_value=4, default=0)
