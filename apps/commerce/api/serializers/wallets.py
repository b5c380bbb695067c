"""Replies and bodies of wallets, ledger transactions, exchange rates and currencies."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request

from apps.commerce import queries
from apps.commerce.api.serializers.purchases import PaymentMemberSerializer
from apps.commerce.api.views.base import viewer_of
from apps.commerce.models import (
    CreditReason,
    DebitReason,
    LedgerTransaction,
    Provider,
    RelationType,
    UserWallet,
)
from apps.kernel.api.fields import JSONObjectField
from apps.kernel.api.shaping import Expansion, Row, RowSerializer, Stitch, StrictSerializer
from apps.kernel.money import CODE_PATTERN, MAX_AMOUNT

MINOR = "In minor units of the currency."
CODE = "A code of ISO 4217, or of a currency of the tenant's own."


def amount_field(**options: Any) -> serializers.IntegerField:
    """Return the field of an amount in a body."""
    return serializers.IntegerField(
        **{"min_value": 1, "max_value": MAX_AMOUNT, "help_text": MINOR, **options}
    )


def currency_field(**options: Any) -> serializers.RegexField:
    """Return the field of a currency's code in a body."""
    return serializers.RegexField(CODE_PATTERN, **{"max_length": 3, "help_text": CODE, **options})


def _made_with_the_row(ids: Collection[UUID]) -> Mapping[UUID, Any]:
    """Find nothing: the field is filled when the rows are finished."""
    return {}


class WalletRowSerializer(RowSerializer):
    """Somebody's money of one currency: `balance` is what is `available` and what is `held`."""

    stitches = {
        name: Stitch(load=_made_with_the_row, empty=int)
        for name in ("balance", "available", "held")
    }
    expansions = {"user": Expansion(target="users.Profile", source="user_id")}

    balance = serializers.IntegerField(help_text=MINOR)
    available = serializers.IntegerField(help_text="What can be spent.")
    held = serializers.IntegerField(help_text="What is set aside for purchases.")

    class Meta:
        model = UserWallet
        fields = (
            "id",
            "user_id",
            "currency",
            "balance",
            "available",
            "held",
            "account_id",
            "held_account_id",
            "created_on",
        )

    @classmethod
    def finish(cls, rows: list[Row], *, request: Request) -> None:
        """Set what is in the wallets of a page. One query."""
        wanted = [name for name in cls.stitches if rows and name in rows[0]]
        if not wanted:
            return
        found = queries.wallets.contents(ids=[row["id"] for row in rows])
        for row in rows:
            row |= {name: getattr(found[row["id"]], name) for name in wanted}


class ContentsSerializer(serializers.Serializer):
    """What was in a wallet at a time."""

    wallet_id = serializers.UUIDField()
    currency = serializers.CharField()
    as_of = serializers.DateTimeField()
    balance = serializers.IntegerField(help_text=MINOR)
    available = serializers.IntegerField()
    held = serializers.IntegerField()


class AsOfSerializer(StrictSerializer):
    """As of when."""

    as_of = serializers.DateTimeField(
        required=False, help_text="What counts up to and with then; now, if it is left out."
    )


class OpenHoldSerializer(serializers.Serializer):
    """Money set aside."""

    hold_id = serializers.UUIDField()
    amount = serializers.IntegerField()
    purchase_id = serializers.UUIDField(allow_null=True)
    created_on = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class LastEntrySerializer(serializers.Serializer):
    """An entry of what is available, with what was left after it, in the order of posting."""

    entry_id = serializers.UUIDField()
    transaction_id = serializers.UUIDField()
    transaction_type = serializers.CharField()
    description = serializers.CharField()
    purchase_id = serializers.UUIDField(allow_null=True)
    effective_at = serializers.DateTimeField()
    amount = serializers.IntegerField()
    balance_after = serializers.IntegerField()


class ExplanationSerializer(serializers.Serializer):
    """What a balance is made of, all of one moment."""

    wallet_id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    currency = serializers.CharField()
    balance = serializers.IntegerField(help_text="available + held = received_less_paid")
    available = serializers.IntegerField()
    held = serializers.IntegerField(help_text="= holds")
    entries = serializers.IntegerField(help_text="How many the balance is the sum of.")
    received = serializers.IntegerField()
    paid = serializers.IntegerField(help_text="Negative, or nothing.")
    received_less_paid = serializers.IntegerField()
    holds = serializers.IntegerField(help_text="What the open holds add up to.")
    adds_up = serializers.BooleanField(help_text="Whether both equations above hold.")
    open_holds = OpenHoldSerializer(many=True)
    last_entries = LastEntrySerializer(many=True)


class ToppedUpSerializer(WalletRowSerializer):
    """The wallet, and how the payment stands that fills it."""

    payment = PaymentMemberSerializer(allow_null=True)

    class Meta:
        model = UserWallet
        fields = (*WalletRowSerializer.Meta.fields, "payment")


class WalletBodySerializer(StrictSerializer):
    """Which wallet to open."""

    currency = currency_field()


class TopUpBodySerializer(StrictSerializer):
    """How much money to put into a wallet, and by whom."""

    amount = amount_field()
    provider = serializers.ChoiceField(
        choices=[each for each in Provider.choices if each[0] != Provider.WALLET]
    )


class WalletTransferBodySerializer(StrictSerializer):
    """How much to pay to whom."""

    to_user_id = serializers.UUIDField(help_text="A profile of somebody else.")
    amount = amount_field()


class CreditBodySerializer(StrictSerializer):
    """How much to put into a wallet, and why."""

    amount = amount_field()
    reason = serializers.ChoiceField(choices=CreditReason.choices)


class DebitBodySerializer(StrictSerializer):
    """How much to take out of a wallet, and why."""

    amount = amount_field()
    reason = serializers.ChoiceField(choices=DebitReason.choices)


class ExchangeBodySerializer(StrictSerializer):
    """How much of a wallet to exchange into which currency."""

    to_currency = currency_field()
    amount = amount_field()
    exchange_rate_id = serializers.UUIDField(
        required=False, help_text="The rate of a quote: if another one is valid, nothing is done."
    )


# Transactions -------------------------------------------------------------------------------------


class RelationSerializer(serializers.Serializer):
    """An earlier transaction that one has to do with."""

    related_transaction_id = serializers.UUIDField()
    relation_type = serializers.ChoiceField(choices=RelationType.choices)


class EntrySerializer(serializers.Serializer):
    """A leg of a transaction."""

    leg = serializers.IntegerField()
    account_id = serializers.UUIDField()
    amount = serializers.IntegerField(help_text="Credits positive.")
    currency = serializers.CharField()
    balance_after = serializers.IntegerField(
        allow_null=True, help_text="What the account held then; null where many post at once."
    )


class TransactionRowSerializer(RowSerializer):
    """A ledger transaction, and what has become of it."""

    stitches = {
        "status": Stitch(load=queries.ledger.states, empty=str),
        "relations": Stitch(load=lambda ids: queries.transactions.relations(ids=ids)),
        "entries": Stitch(load=_made_with_the_row),
    }
    expansions = {"user": Expansion(target="users.Profile", source="user_id")}

    status = serializers.CharField(
        help_text=(
            "COMPLETED, REVERSED, PARTLY_REFUNDED or REFUNDED; of a hold PENDING, CAPTURED, "
            "RELEASED or EXPIRED."
        )
    )
    reverses_id = serializers.UUIDField(allow_null=True)
    created_by_id = serializers.UUIDField(
        allow_null=True, help_text="Who did it; to others than the staff only they themselves."
    )
    meta_data = JSONObjectField()
    relations = RelationSerializer(many=True)
    entries = EntrySerializer(
        many=True, help_text="To the staff all; to others those of their own wallets."
    )

    class Meta:
        model = LedgerTransaction
        fields = (
            "id",
            "transaction_type",
            "status",
            "idempotency_key",
            "user_id",
            "created_by_id",
            "item_id",
            "purchase_id",
            "amount",
            "currency",
            "is_debit",
            "reverses_id",
            "exchange_rate_id",
            "description",
            "meta_data",
            "effective_at",
            "created_on",
            "relations",
            "entries",
        )

    @classmethod
    def finish(cls, rows: list[Row], *, request: Request) -> None:
        """Set the legs that the caller may see, and hide who did what others did."""
        viewer = viewer_of(request)
        shown = rows[0] if rows else {}
        if "created_by_id" in shown and not viewer.is_support:
            for row in rows:
                if row["created_by_id"] != viewer.keycloak_id:
                    row["created_by_id"] = None
        if "entries" in shown:
            own = None if viewer.is_support else queries.transactions.own_accounts(viewer=viewer)
            ids = [row["id"] for row in rows]
            found = queries.transactions.entries(ids=ids, accounts=own)
            for row in rows:
                row["entries"] = found.get(row["id"], [])
