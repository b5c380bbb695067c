"""Wallets: whose they are, what is in them, and how that adds up."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connections
from django.db.models import QuerySet

from apps.commerce.models import UserWallet
from apps.commerce.queries.viewers import Viewer

# How many entries an explanation shows.
LAST_ENTRIES = 10

BALANCES = """
SELECT w.id, free.balance, held.balance FROM user_wallets w
JOIN ledger_balances free ON free.id = w.account_id
JOIN ledger_balances held ON held.id = w.held_account_id
WHERE w.id = ANY(%s)
"""
# What comes after a moment is taken off what is there: that is less to add up than all that came before.
AS_OF = """
SELECT {free}, {held} FROM user_wallets w WHERE w.id = %(wallet)s
""".format(
    **{
        name: f"""(SELECT b.balance - coalesce((
            SELECT sum(e.amount) FROM ledger_entries e
            WHERE e.account_id = b.id AND e.effective_at > %(at)s), 0)::bigint
        FROM ledger_balances b WHERE b.id = w.{column})"""
        for name, column in (("free", "account_id"), ("held", "held_account_id"))
    }
)
# One statement is one snapshot: what it shows adds up, whoever pays meanwhile.
EXPLANATION = """
SELECT jsonb_build_object(
    'wallet_id', w.id, 'user_id', w.user_id, 'currency', w.currency,
    'available', free.balance, 'held', held.balance, 'balance', free.balance + held.balance,
    'entries', ins.entries, 'received', ins.received, 'paid', ins.paid,
    'received_less_paid', ins.received + ins.paid,
    'holds', coalesce(open.total, 0),
    'adds_up', ins.received + ins.paid = free.balance + held.balance
        AND ins.held = held.balance AND coalesce(open.total, 0) = held.balance,
    'open_holds', coalesce(open.holds, '[]'),
    'last_entries', coalesce(last.entries, '[]'))::text
FROM user_wallets w
JOIN ledger_balances free ON free.id = w.account_id
JOIN ledger_balances held ON held.id = w.held_account_id
CROSS JOIN LATERAL (
    SELECT count(*) AS entries,
        coalesce(sum(e.amount) FILTER (WHERE e.account_id = w.held_account_id), 0)::bigint AS held,
        coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0)::bigint AS received,
        coalesce(sum(e.amount) FILTER (WHERE e.amount < 0), 0)::bigint AS paid
    FROM ledger_entries e WHERE e.account_id IN (w.account_id, w.held_account_id)
) ins
LEFT JOIN LATERAL (
    SELECT sum(h.amount)::bigint AS total, jsonb_agg(jsonb_build_object(
        'hold_id', h.id, 'amount', h.amount, 'purchase_id', t.purchase_id,
        'created_on', h.created_on, 'expires_at', h.expires_at) ORDER BY h.id) AS holds
    FROM holds h JOIN transactions t ON t.id = h.id
    WHERE h.account_id = w.account_id
        AND NOT EXISTS (SELECT FROM hold_resolutions r WHERE r.id = h.id)
) open ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
        'entry_id', e.id, 'transaction_id', e.transaction_id,
        'transaction_type', t.transaction_type, 'description', t.description,
        'purchase_id', t.purchase_id, 'effective_at', e.effective_at, 'amount', e.amount,
        'balance_after', e.balance_after) ORDER BY e.version DESC) AS entries
    FROM (
        SELECT * FROM ledger_entries f
        WHERE f.account_id = w.account_id AND f.version IS NOT NULL
        ORDER BY f.version DESC LIMIT %(last)s
    ) e JOIN transactions t ON t.id = e.transaction_id
) last ON true
WHERE w.id = %(wallet)s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is in a wallet, in minor units: free, set aside, and both."""

    available: int
    held: int

    @property
    def balance(self) -> int:
        """What is in it in all."""
        return self.available + self.held


def wallets(*, viewer: Viewer) -> QuerySet[UserWallet]:
    """Return the wallets that a caller sees: their own; whoever supports buyers, all."""
    found: QuerySet[UserWallet] = UserWallet.objects.all()
    return found if viewer.is_support else found.filter(user_id__in=viewer.profile_ids)


def contents(*, ids: Collection[UUID]) -> dict[UUID, Contents]:
    """Return what is in wallets, by id. One query."""
    with connections["commerce"].cursor() as cursor:
        cursor.execute(BALANCES, [list(ids)])
        rows = cursor.fetchall()
    return {id_: Contents(available=free, held=held) for id_, free, held in rows}


def contents_as_of(*, wallet_id: UUID, at: datetime) -> Contents:
    """Return what was in a wallet at a time, by when things count. One query, of an existing wallet."""
    with connections["commerce"].cursor() as cursor:
        cursor.execute(AS_OF, {"wallet": wallet_id, "at": at})
        free, held = cursor.fetchone()
    return Contents(available=free, held=held)


def explain(*, wallet_id: UUID) -> Mapping[str, Any]:
    """Return what a wallet's balance is made of, in one snapshot. One query, of an existing wallet.

    What was received less what was paid, over all entries of what is free and what is held, is the
    balance; the open holds are what is held. `adds_up` says whether that is so.
    """
    with connections["commerce"].cursor() as cursor:
        cursor.execute(EXPLANATION, {"wallet": wallet_id, "last": LAST_ENTRIES})
        found: Mapping[str, Any] = orjson.loads(cursor.fetchone()[0])
    return found
