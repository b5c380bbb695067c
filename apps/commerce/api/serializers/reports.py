"""Replies of statements, accounts of the ledger and reports, and what they are asked by."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from rest_framework import serializers

from apps.commerce import queries
from apps.commerce.models import LedgerAccount
from apps.kernel.api.pagination import PAGE_SIZE
from apps.kernel.api.shaping import Expansion, RowSerializer, Stitch, StrictSerializer

# What a statement, or a report, is about where nobody says more.
DAYS = 30
MINOR = "In minor units of the currency."


class PagedSerializer(StrictSerializer):
    """Which page, of how many rows."""

    page_size = serializers.IntegerField(
        min_value=1, max_value=settings.PAGE_SIZE_LIMIT, default=PAGE_SIZE
    )
    cursor = serializers.CharField(
        required=False, max_length=1_000, help_text="Where to go on, from `next` or `previous`."
    )


class PeriodSerializer(StrictSerializer):
    """From when until when."""

    start = serializers.DateTimeField(
        required=False, help_text=f"From then on; {DAYS} days before `end`, if it is left out."
    )
    end = serializers.DateTimeField(
        required=False, help_text="Up to and without then; now, if it is left out."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the values with both ends.

        :raises ValidationError: it ends before it begins, or can't begin so early.
        """
        end = attrs.get("end") or self.context["now"]
        try:
            start = attrs.get("start") or end - timedelta(days=DAYS)
        except OverflowError:
            raise serializers.ValidationError({"start": ["Say when it begins."]}) from None
        if start >= end:
            raise serializers.ValidationError({"end": ["A period ends after it begins."]})
        return {**attrs, "start": start, "end": end}


class StatementQuerySerializer(PagedSerializer, PeriodSerializer):
    """Which part of an account's statement."""


class WalletStatementQuerySerializer(StatementQuerySerializer):
    """Which part of a wallet's statement."""

    part = serializers.ChoiceField(
        choices=[("available", "available"), ("held", "held")],
        default="available",
        help_text="Of what can be spent, which is what people look at; or of what is set aside.",
    )


class StatementLineSerializer(serializers.Serializer):
    """Something that came into the account, or went out of it."""

    entry_id = serializers.UUIDField()
    transaction_id = serializers.UUIDField()
    transaction_type = serializers.CharField()
    description = serializers.CharField()
    purchase_id = serializers.UUIDField(allow_null=True)
    effective_at = serializers.DateTimeField()
    amount = serializers.IntegerField(help_text=f"{MINOR} What went is negative.")
    balance = serializers.IntegerField(help_text="What the account held once this counted.")


class StatementSerializer(serializers.Serializer):
    """opening_balance + total_in + total_out = closing_balance, of the whole period on every page."""

    account_id = serializers.UUIDField()
    code = serializers.CharField()
    currency = serializers.CharField()
    decimals = serializers.IntegerField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    opening_balance = serializers.IntegerField(help_text=MINOR)
    total_in = serializers.IntegerField()
    total_out = serializers.IntegerField(help_text="Negative, or nothing.")
    closing_balance = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = StatementLineSerializer(many=True)


class AccountRowSerializer(RowSerializer):
    """An account of the ledger, and what it holds now: credits positive."""

    stitches = {"balance": Stitch(load=queries.ledger.balances, empty=int)}
    expansions = {"owner": Expansion(target="users.Profile", source="owner_id")}

    balance = serializers.IntegerField(help_text=MINOR)

    class Meta:
        model = LedgerAccount
        fields = (
            "id",
            "code",
            "kind",
            "currency",
            "owner_id",
            "is_guarded",
            "rolls_up",
            "balance",
            "created_on",
        )


class TrialBalanceQuerySerializer(PagedSerializer):
    """As of when, and which accounts."""

    as_of = serializers.DateTimeField(
        required=False, help_text="What counts up to and with then; now, if it is left out."
    )


class TrialBalanceAccountSerializer(serializers.Serializer):
    """An account: what it holds stands in one of two columns."""

    account_id = serializers.UUIDField()
    code = serializers.CharField()
    kind = serializers.CharField()
    currency = serializers.CharField()
    debit = serializers.IntegerField(help_text=MINOR)
    credit = serializers.IntegerField(help_text=MINOR)


class TotalSerializer(serializers.Serializer):
    """What all accounts of a currency hold: both are equal."""

    currency = serializers.CharField()
    decimals = serializers.IntegerField()
    debit = serializers.IntegerField(help_text=MINOR)
    credit = serializers.IntegerField(help_text=MINOR)


class TrialBalanceSerializer(serializers.Serializer):
    """What every account holds, by its code; totals are over all accounts, on every page."""

    as_of = serializers.DateTimeField()
    totals = TotalSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = TrialBalanceAccountSerializer(many=True)


class WalletTotalSerializer(serializers.Serializer):
    """What people have in their wallets of a currency: what the tenant owes them."""

    currency = serializers.CharField()
    decimals = serializers.IntegerField()
    wallets = serializers.IntegerField()
    balance = serializers.IntegerField(help_text=MINOR)
    available = serializers.IntegerField()
    held = serializers.IntegerField()


class WalletTotalsSerializer(serializers.Serializer):
    """What all wallets hold, by currency."""

    as_of = serializers.DateTimeField()
    results = WalletTotalSerializer(many=True)


class RevenueQuerySerializer(PeriodSerializer):
    """Of when, and by what."""

    by = serializers.ChoiceField(
        choices=[("item", "item"), ("day", "day"), ("month", "month")], default="item"
    )
    time_zone = serializers.CharField(
        default="UTC", max_length=100, help_text="Whose days and months they are: Europe/Berlin."
    )

    def validate_time_zone(self, value: str) -> ZoneInfo:
        """Return the zone.

        :raises ValidationError: there is none of this name.
        """
        if value not in available_timezones():
            raise serializers.ValidationError(f"{value} is no time zone.")
        return ZoneInfo(value)


class RevenueRowSerializer(serializers.Serializer):
    """gross − discount − refunded = net."""

    item_id = serializers.UUIDField(
        allow_null=True, help_text="Null for periods, and for what was sold as no item."
    )
    name = serializers.CharField(allow_blank=True)
    item_type = serializers.CharField(allow_blank=True)
    period = serializers.CharField(allow_blank=True, help_text="Its first day; empty for items.")
    currency = serializers.CharField()
    decimals = serializers.IntegerField()
    gross = serializers.IntegerField(help_text=MINOR)
    discount = serializers.IntegerField()
    refunded = serializers.IntegerField(help_text="Given back, charged back or reversed.")
    net = serializers.IntegerField()


class RevenueSerializer(serializers.Serializer):
    """What was earned."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    by = serializers.CharField()
    time_zone = serializers.CharField()
    results = RevenueRowSerializer(many=True)
