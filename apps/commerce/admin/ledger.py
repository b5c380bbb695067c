"""The ledger in a tenant's admin: to look at. It is written by posting alone."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import BigIntegerField, CharField, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from unfold.paginator import InfinitePaginator

from apps.commerce.models import (
    Hold,
    LedgerAccount,
    LedgerEntry,
    LedgerTransaction,
)
from apps.tenancy.admin_site import ReadOnlyAdmin, ReadOnlyInline, tenant_site
from apps.tenancy.api.permissions import Rank

BALANCE = (
    "SELECT balance FROM ledger_balances v "
    "WHERE v.tenant_id = ledger_accounts.tenant_id AND v.id = ledger_accounts.id"
)
STATUS = (
    "SELECT status FROM transaction_states v "
    "WHERE v.tenant_id = transactions.tenant_id AND v.id = transactions.id"
)


class LedgerAdmin(ReadOnlyAdmin):
    """A page of the ledger: support looks at it, and sorts it by nothing that has no index."""

    needs = dict.fromkeys(ReadOnlyAdmin.needs, Rank.SUPPORT)
    sortable_by: Sequence[str] = ()
    paginator = InfinitePaginator


@admin.register(LedgerAccount, site=tenant_site)
class LedgerAccountAdmin(LedgerAdmin):
    """Accounts and what they hold, in minor units; credits are positive."""

    list_display = ["code", "kind", "currency", "balance", "is_guarded", "rolls_up", "created_on"]
    list_filter = ["kind", "currency", "is_guarded", "rolls_up"]
    search_fields = ["code__startswith"]
    search_help_text = "How the account's code begins: revenue, wallet:<id>."
    ordering = ["code"]
    fields = readonly_fields = [*list_display, "owner_id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerAccount]:
        """Return accounts with their balances, in the same query."""
        held = RawSQL(BALANCE, [], output_field=BigIntegerField())
        return super().get_queryset(request).annotate(held=held)

    @admin.display(description="balance")
    def balance(self, account: Any) -> int:
        """Return what it holds."""
        return int(account.held)


class EntryInline(ReadOnlyInline):
    """The legs of a transaction."""

    model = LedgerEntry
    fields = readonly_fields = ["leg", "account", "amount", "currency", "balance_after", "version"]
    ordering = ["leg"]
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerEntry]:
        """Return entries with the codes of their accounts, in the same query."""
        code = RawSQL(
            "SELECT code FROM ledger_accounts a WHERE a.tenant_id = ledger_entries.tenant_id "
            "AND a.id = ledger_entries.account_id",
            [],
            output_field=CharField(),
        )
        return super().get_queryset(request).annotate(account_code=code)

    @admin.display(description="account")
    def account(self, entry: Any) -> str:
        """Return the account's code."""
        return str(entry.account_code)


@admin.register(LedgerTransaction, site=tenant_site)
class LedgerTransactionAdmin(LedgerAdmin):
    """Transactions, the newest first, and what has become of them."""

    list_display = [
        "effective_at",
        "transaction_type",
        "status",
        "amount",
        "currency",
        "user_id",
        "description",
    ]
    list_filter = ["transaction_type", "currency"]
    search_fields = ["idempotency_key__exact"]
    search_help_text = "A whole idempotency key, such as refund:<id>."
    ordering = ["-effective_at", "-id"]
    inlines = [EntryInline]
    readonly_fields = ["status"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerTransaction]:
        """Return transactions with what has become of them, in the same query."""
        state = RawSQL(STATUS, [], output_field=CharField())
        return super().get_queryset(request).annotate(state=state)

    @admin.display(description="status")
    def status(self, transaction: Any) -> str:
        """Return what has become of it."""
        return str(transaction.state)


@admin.register(Hold, site=tenant_site)
class HoldAdmin(LedgerAdmin):
    """What is set aside, and how it ended."""

    list_display = ["created_on", "amount", "currency", "status", "captured", "expires_at"]
    list_filter = ["currency"]
    ordering = ["-id"]
    readonly_fields = ["status", "captured"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hold]:
        """Return holds with their ends, in the same query."""
        end = (
            "SELECT {} FROM hold_resolutions r "
            "WHERE r.tenant_id = holds.tenant_id AND r.id = holds.id"
        )
        return (
            super()
            .get_queryset(request)
            .annotate(
                ended=RawSQL(end.format("resolution"), [], output_field=CharField()),
                taken=RawSQL(end.format("captured"), [], output_field=BigIntegerField()),
            )
        )

    @admin.display(description="status")
    def status(self, hold: Any) -> str:
        """Return how it ended, if it has."""
        return str(hold.ended or "PENDING")

    @admin.display(description="captured")
    def captured(self, hold: Any) -> int | None:
        """Return how much of it was taken; nothing is said of one that is open."""
        return None if hold.taken is None else int(hold.taken)
