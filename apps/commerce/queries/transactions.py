"""Ledger transactions: who sees which, and what they moved."""

from collections.abc import Collection
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from apps.commerce.models import LedgerEntry, LedgerTransaction, TransactionRelation, UserWallet
from apps.commerce.queries.viewers import Viewer


def transactions(*, viewer: Viewer) -> QuerySet[LedgerTransaction]:
    """Return the transactions that a caller sees: about their money, and into their wallets.

    Whoever supports buyers sees all.
    """
    found: QuerySet[LedgerTransaction] = LedgerTransaction.objects.all()
    if viewer.is_support:
        return found
    about = LedgerTransaction.objects.filter(user_id__in=viewer.profile_ids).values("id")
    entries = LedgerEntry.objects.filter(account_id__in=own_accounts(viewer=viewer))
    return found.filter(id__in=about.union(entries.values("transaction_id"), all=True))


def own_accounts(*, viewer: Viewer) -> set[UUID]:
    """Return the accounts of what is free, and of what is held, in a caller's wallets. One query."""
    own = UserWallet.objects.filter(user_id__in=viewer.profile_ids)
    pairs = own.values_list("account_id", "held_account_id")
    return {account_id for pair in pairs for account_id in pair}


def relations(*, ids: Collection[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Return what transactions have to do with earlier ones, by id. One query."""
    rows = TransactionRelation.objects.filter(transaction_id__in=ids).order_by("id")
    found: dict[UUID, list[dict[str, Any]]] = {}
    columns = ("transaction_id", "related_transaction_id", "relation_type")
    for transaction_id, related_id, kind in rows.values_list(*columns):
        relation = {"related_transaction_id": related_id, "relation_type": kind}
        found.setdefault(transaction_id, []).append(relation)
    return found


def entries(
    *, ids: Collection[UUID], accounts: Collection[UUID] | None = None
) -> dict[UUID, list[dict[str, Any]]]:
    """Return the legs of transactions, by id. One query.

    :param accounts: only legs of these; of all, when None.
    """
    rows = LedgerEntry.objects.filter(transaction_id__in=ids).order_by("transaction_id", "leg")
    if accounts is not None:
        rows = rows.filter(account_id__in=accounts)
    found: dict[UUID, list[dict[str, Any]]] = {}
    columns = ("transaction_id", "leg", "account_id", "amount", "currency", "balance_after")
    for row in rows.values(*columns):
        found.setdefault(row.pop("transaction_id"), []).append(row)
    return found


def key_of_request(*, caller_id: UUID, key: str) -> str:
    """Return the ledger's key of what a caller asked for under an Idempotency-Key.

    Replies are forgotten after a day; the ledger keeps its key for ever, so that what was asked for
    twice is done once even then, and can be looked up.
    """
    return f"request:{sha256(f'{caller_id}:{key}'.encode()).hexdigest()}"
