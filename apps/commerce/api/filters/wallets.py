"""Filters of wallets, ledger transactions, accounts of the ledger and exchange rates."""

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from apps.commerce import queries
from apps.commerce.models import (
    AccountKind,
    ExchangeRate,
    LedgerAccount,
    LedgerTransaction,
    TransactionType,
    UserWallet,
)
from apps.kernel.api.filters import BooleanFilter
from apps.tenancy.api.permissions import caller_id

CURRENCY = {"max_length": 3, "help_text": "A code, such as USD."}


class WalletFilter(filters.FilterSet):
    """`?user_id=`, `?currency=`."""

    user_id = filters.UUIDFilter(help_text="A profile.")
    currency = filters.CharFilter(**CURRENCY)

    class Meta:
        model = UserWallet
        fields: list[str] = []


class TransactionFilter(filters.FilterSet):
    """`?transaction_type=`, `?user_id=`, `?purchase_id=`, `?idempotency_key=`, and by time."""

    transaction_type = filters.ChoiceFilter(choices=TransactionType.choices)
    user_id = filters.UUIDFilter(help_text="A profile.")
    purchase_id = filters.UUIDFilter()
    currency = filters.CharFilter(**CURRENCY)
    idempotency_key = filters.CharFilter(
        method="with_key",
        max_length=255,
        help_text=(
            "An Idempotency-Key that the caller has sent, however long ago, or a key of the ledger: "
            "whether something was done, and what has become of it."
        ),
    )
    effective_from = filters.IsoDateTimeFilter(field_name="effective_at", lookup_expr="gte")
    effective_before = filters.IsoDateTimeFilter(field_name="effective_at", lookup_expr="lt")

    class Meta:
        model = LedgerTransaction
        fields: list[str] = []

    def with_key(
        self, rows: QuerySet[LedgerTransaction], name: str, value: str
    ) -> QuerySet[LedgerTransaction]:
        """Keep what was done under a key."""
        sent = queries.transactions.key_of_request(caller_id=caller_id(self.request), key=value)
        return rows.filter(idempotency_key__in=[value, sent])


class AccountFilter(filters.FilterSet):
    """`?kind=`, `?currency=`, `?owner_id=`, `?is_shared=`."""

    kind = filters.ChoiceFilter(choices=AccountKind.choices)
    currency = filters.CharFilter(**CURRENCY)
    owner_id = filters.UUIDFilter(help_text="A profile.")
    is_shared = BooleanFilter(
        field_name="owner_id", lookup_expr="isnull", help_text="The tenant's own, or people's."
    )

    class Meta:
        model = LedgerAccount
        fields: list[str] = []


class RateFilter(filters.FilterSet):
    """`?from_currency=`, `?to_currency=`, `?valid_at=`."""

    from_currency = filters.CharFilter(**CURRENCY)
    to_currency = filters.CharFilter(**CURRENCY)
    valid_at = filters.IsoDateTimeFilter(method="valid", help_text="Those valid at a time.")

    class Meta:
        model = ExchangeRate
        fields: list[str] = []

    def valid(
        self, rows: QuerySet[ExchangeRate], name: str, value: object
    ) -> QuerySet[ExchangeRate]:
        """Keep those that are valid at a time."""
        return queries.rates.valid_at(rows, value)  # type: ignore[arg-type]
