"""The ledger: immutable accounts, transactions and entries; and balances, a cache of what entries say.

An amount is signed, in minor units: positive is a credit, negative a debit. What an account holds is
the sum of its entries; what all accounts hold in one currency is nothing. Rows are written by
`post_transaction` alone (migration `ledger`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.kernel.money import MAX_AMOUNT
from apps.kernel.references import ReferenceField
from apps.tenancy.fields import CurrentTransactionNumber
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.constraints import AppendOnly, LedgerKept

# Between these a time can be read by everybody: PostgreSQL's own go further, and end in infinity.
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(3000, 1, 1, tzinfo=UTC)


class AccountKind(models.TextChoices):
    """Where an account stands in a balance sheet or an income statement."""

    ASSET = "ASSET", "asset"
    LIABILITY = "LIABILITY", "liability"
    EQUITY = "EQUITY", "equity"
    INCOME = "INCOME", "income"
    EXPENSE = "EXPENSE", "expense"


class LedgerAccount(TenantModel):
    """Something that holds one currency.

    A guarded account never holds less than nothing. One that rolls up is touched by so many that no
    row of its is locked: its entries are summed up by and by.
    """

    code = models.CharField(max_length=255)
    """What it is, for one and the same in each tenant: "revenue:USD", "wallet:<id>"."""
    kind = models.CharField(max_length=50, choices=AccountKind.choices)
    currency = models.CharField(max_length=3)
    owner_id = ReferenceField("users.Profile", null=True)
    """Whose money it is; nobody's where it is the tenant's own."""
    is_guarded = models.BooleanField(default=False)
    rolls_up = models.BooleanField(default=False)
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "ledger_accounts"
        indexes = [
            models.Index(fields=["tenant_id", "owner_id", "id"], name="ledger_accounts_by_owner")
        ]
        constraints = [
            models.UniqueConstraint(fields=["code"], name="ledger_accounts_code"),
            models.UniqueConstraint(fields=["id", "currency"], name="ledger_accounts_currency"),
            models.UniqueConstraint(
                fields=["id", "is_guarded", "rolls_up"], name="ledger_accounts_traits"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=AccountKind.values), name="ledger_accounts_kind"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="ledger_accounts_code_of_currency"
            ),
            models.CheckConstraint(
                condition=Q(is_guarded=False) | Q(rolls_up=False), name="ledger_accounts_one_trait"
            ),
            AppendOnly(name="ledger_accounts_guard", by_ledger=True),
            Audited(name="ledger_accounts_audit"),
        ]

    def __str__(self) -> str:
        return self.code


class AccountBalance(TenantModel):
    """What an account holds: of one that rolls up, as of the transactions before `watermark`.

    Its id is the account's. `version` counts its entries. Apart from the account, so that those who
    only refer to the account wait for nobody who changes its balance.
    """

    unaudited = "It is a cache: the entries that it is the sum of are audited."

    posted = models.BigIntegerField(default=0)
    version = models.BigIntegerField(default=0)
    is_guarded = models.BooleanField()
    rolls_up = models.BooleanField()
    watermark = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "account_balances"
        constraints = [
            models.CheckConstraint(
                condition=Q(is_guarded=False) | Q(posted__gte=0), name="account_balances_overdraft"
            ),
            LedgerKept(name="account_balances_kept"),
        ]

    def __str__(self) -> str:
        return f"{self.posted} at {self.version}"


class TransactionType(models.TextChoices):
    """What a transaction is for. The first five are those of the source databases."""

    PURCHASE = "PURCHASE", "purchase"
    REFUND = "REFUND", "refund"
    CREDIT = "CREDIT", "credit"
    DEBIT = "DEBIT", "debit"
    TRANSFER = "TRANSFER", "transfer"
    HOLD = "HOLD", "hold"
    RESOLUTION = "RESOLUTION", "resolution of a hold"
    EXCHANGE = "EXCHANGE", "exchange"
    REVERSAL = "REVERSAL", "reversal"
    DISPUTE = "DISPUTE", "dispute"


class LedgerTransaction(TenantModel):
    """The header of a ledger transaction. What has become of it, `transaction_states` derives.

    `amount` is what it is about, in minor units of `currency`; what moves are its entries.
    `description` is a sentence of the code's, and `meta_data` holds ids: nothing here is personal, as it
    can't be erased.
    """

    transaction_type = models.CharField(max_length=50, choices=TransactionType.choices)
    idempotency_key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    user_id = ReferenceField("users.Profile", null=True)
    """Whose money it is about; nobody's where it is the tenant's own."""
    created_by_id = models.UUIDField(null=True)
    """The identity provider's id of who did it; nobody where the clock did."""
    item_id = models.UUIDField(null=True)
    purchase_id = models.UUIDField(null=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    is_debit = models.BooleanField(default=False)
    """Whether it takes from the user."""
    reverses = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="reversals", db_index=False
    )
    exchange_rate_id = models.UUIDField(null=True)
    description = models.TextField(default="")
    meta_data = models.JSONField(default=dict)
    effective_at = models.DateTimeField()
    """When it counts, which for what is brought in from elsewhere is long ago."""
    created_on = models.DateTimeField()
    xid = models.BigIntegerField(db_default=CurrentTransactionNumber(), editable=False)

    class Meta:
        db_table = "transactions"
        indexes = [
            models.Index(
                fields=["tenant_id", "user_id", "-effective_at", "-id"], name="transactions_by_user"
            ),
            models.Index(
                fields=["tenant_id", "purchase_id"],
                condition=Q(purchase_id__isnull=False),
                name="transactions_by_purchase",
            ),
            models.Index(fields=["tenant_id", "-effective_at", "-id"], name="transactions_by_time"),
            models.Index(
                fields=["tenant_id", "exchange_rate_id"],
                condition=Q(exchange_rate_id__isnull=False),
                name="transactions_by_rate",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["idempotency_key"], name="transactions_once"),
            models.UniqueConstraint(
                fields=["reverses"],
                condition=Q(reverses__isnull=False),
                name="transactions_reversed_once",
            ),
            models.CheckConstraint(
                condition=Q(transaction_type__in=TransactionType.values), name="transactions_type"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lte=MAX_AMOUNT), name="transactions_amount"
            ),
            models.CheckConstraint(
                condition=Q(transaction_type="REVERSAL", reverses__isnull=False)
                | (~Q(transaction_type="REVERSAL") & Q(reverses__isnull=True)),
                name="transactions_reversal",
            ),
            models.CheckConstraint(
                condition=Q(effective_at__gte=EARLIEST, effective_at__lt=LATEST),
                name="transactions_effective",
            ),
            AppendOnly(name="transactions_guard", by_ledger=True),
            Audited(name="transactions_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.transaction_type} {self.id}"


class LedgerEntry(TenantModel):
    """One leg of a transaction.

    `version` counts the entries of an account from 1, and `balance_after` is what it held then; of an
    account that rolls up, both are unknown.
    """

    transaction = models.ForeignKey(
        LedgerTransaction, models.PROTECT, related_name="entries", db_index=False
    )
    leg = models.SmallIntegerField()
    account_id = models.UUIDField()
    currency = models.CharField(max_length=3)
    amount = models.BigIntegerField()
    version = models.BigIntegerField(null=True)
    balance_after = models.BigIntegerField(null=True)
    effective_at = models.DateTimeField()
    xid = models.BigIntegerField(db_default=CurrentTransactionNumber(), editable=False)

    class Meta:
        db_table = "ledger_entries"
        verbose_name_plural = "ledger entries"
        indexes = [
            models.Index(
                fields=["tenant_id", "account_id", "xid"],
                condition=Q(version__isnull=True),
                include=["amount"],
                name="ledger_entries_tail",
            ),
            models.Index(
                fields=["tenant_id", "account_id", "-effective_at", "-id"],
                include=["amount"],
                name="ledger_entries_by_time",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["transaction", "leg"], name="ledger_entries_leg"),
            models.UniqueConstraint(
                fields=["account_id", "version"],
                condition=Q(version__isnull=False),
                name="ledger_entries_version",
            ),
            models.CheckConstraint(
                condition=~Q(amount=0) & Q(amount__gte=-MAX_AMOUNT, amount__lte=MAX_AMOUNT),
                name="ledger_entries_amount",
            ),
            models.CheckConstraint(
                condition=Q(version=None, balance_after=None)
                | Q(version__gt=0, balance_after__isnull=False),
                name="ledger_entries_running",
            ),
            AppendOnly(name="ledger_entries_guard", by_ledger=True),
            Audited(name="ledger_entries_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class RelationType(models.TextChoices):
    """How a transaction relates to an earlier one."""

    REFUND_OF = "REFUND_OF", "refund of"
    SPLIT_FROM = "SPLIT_FROM", "split from"
    RESOLVES = "RESOLVES", "resolves"
    DISPUTES = "DISPUTES", "disputes"


class TransactionRelation(TenantModel):
    """A transaction has to do with an earlier one."""

    transaction = models.ForeignKey(
        LedgerTransaction, models.PROTECT, related_name="relations", db_index=False
    )
    related_transaction = models.ForeignKey(
        LedgerTransaction, models.PROTECT, related_name="related_by", db_index=False
    )
    relation_type = models.CharField(max_length=50, choices=RelationType.choices)

    class Meta:
        db_table = "transaction_relations"
        indexes = [
            models.Index(
                fields=["tenant_id", "related_transaction"], name="transaction_relations_back"
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["transaction", "related_transaction"], name="transaction_relations_once"
            ),
            models.CheckConstraint(
                condition=Q(relation_type__in=RelationType.values),
                name="transaction_relations_type",
            ),
            models.CheckConstraint(
                condition=~Q(transaction=F("related_transaction")),
                name="transaction_relations_of_another",
            ),
            AppendOnly(name="transaction_relations_guard", by_ledger=True),
            Audited(name="transaction_relations_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.relation_type} {self.related_transaction_id}"


class Hold(TenantModel):
    """Money set aside, by a transaction from `account_id` to `held_account_id`. Its id is that one's.

    It is resolved once: captured, released, or partly each.
    """

    account_id = models.UUIDField()
    held_account_id = models.UUIDField()
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    expires_at = models.DateTimeField()
    created_on = models.DateTimeField()

    class Meta:
        db_table = "holds"
        indexes = [
            models.Index(fields=["tenant_id", "expires_at", "id"], name="holds_by_expiry"),
            models.Index(fields=["tenant_id", "account_id", "id"], name="holds_by_account"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["id", "amount"], name="holds_amount_key"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="holds_amount"),
            models.CheckConstraint(
                condition=~Q(account_id=F("held_account_id")), name="holds_elsewhere"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gte=EARLIEST, expires_at__lt=LATEST), name="holds_expiry"
            ),
            AppendOnly(name="holds_guard", by_ledger=True),
            Audited(name="holds_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} until {self.expires_at}"


class Resolution(models.TextChoices):
    """Why a hold, or a reservation, ended."""

    CAPTURED = "CAPTURED", "captured"
    RELEASED = "RELEASED", "released"
    EXPIRED = "EXPIRED", "expired"


class HoldResolution(TenantModel):
    """How a hold ended. Its id is the hold's, so that there is one at most."""

    transaction = models.ForeignKey(
        LedgerTransaction, models.PROTECT, related_name="resolutions", db_index=False
    )
    amount = models.BigIntegerField()
    captured = models.BigIntegerField()
    released = models.BigIntegerField()
    resolution = models.CharField(max_length=50, choices=Resolution.choices)
    resolved_at = models.DateTimeField()

    class Meta:
        db_table = "hold_resolutions"
        constraints = [
            models.CheckConstraint(
                condition=Q(captured__gte=0, released__gte=0)
                & Q(amount=F("captured") + F("released")),
                name="hold_resolutions_sum",
            ),
            models.CheckConstraint(
                condition=Q(resolution__in=Resolution.values), name="hold_resolutions_resolution"
            ),
            models.CheckConstraint(
                condition=Q(resolution="CAPTURED", captured__gt=0)
                | (~Q(resolution="CAPTURED") & Q(captured=0)),
                name="hold_resolutions_captured",
            ),
            AppendOnly(name="hold_resolutions_guard", by_ledger=True),
            Audited(name="hold_resolutions_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.resolution} {self.captured} of {self.amount}"
