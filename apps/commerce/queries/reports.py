"""Reports over the whole ledger: the trial balance, what wallets hold, and what was earned by what.

All are made of the entries of the ledger, in one statement each, which is one snapshot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.db import connections

ACCOUNTS = """
SELECT a.id, a.code, a.kind, a.currency, (b.balance - coalesce((
    SELECT sum(e.amount) FROM ledger_entries e
    WHERE e.account_id = a.id AND e.effective_at > %(as_of)s), 0))::bigint AS balance
FROM ledger_accounts a JOIN ledger_balances b ON b.id = a.id
"""
TRIAL_BALANCE = """
WITH balances AS MATERIALIZED ({accounts}), totals AS (
    SELECT currency, sum(greatest(-balance, 0))::bigint AS debit,
        sum(greatest(balance, 0))::bigint AS credit
    FROM balances GROUP BY currency
), page AS (
    SELECT * FROM balances {beyond} ORDER BY code {order} LIMIT %(limit)s
)
SELECT (SELECT jsonb_agg(t ORDER BY t.currency)::text FROM totals t), p.*
FROM (SELECT) one LEFT JOIN page p ON true ORDER BY p.code
"""
WALLETS = f"""
WITH balances AS MATERIALIZED ({ACCOUNTS})
SELECT w.currency, count(*), sum(f.balance)::bigint, sum(h.balance)::bigint
FROM user_wallets w JOIN balances f ON f.id = w.account_id JOIN balances h ON h.id = w.held_account_id
GROUP BY w.currency ORDER BY w.currency
"""
# An entry of what was sold is shared out over the lines of its purchase by what they cost. What is shared
# out is the sum so far, each time anew, and a line gets what its share has changed by: so no minor unit is
# lost or made by rounding, and what is given back in full leaves nothing of any line.
REVENUE = """
WITH revenue AS (
    -- By its owner, who is nobody, an index finds it beside any number of wallets.
    SELECT a.id FROM ledger_accounts a WHERE a.owner_id IS NULL AND a.code LIKE 'revenue:%%'
), period AS (
    SELECT e.id, e.transaction_id, e.currency, e.amount, e.effective_at, t.purchase_id, t.item_id
    FROM revenue r JOIN ledger_entries e ON e.account_id = r.id
    JOIN transactions t ON t.id = e.transaction_id
    WHERE e.effective_at >= %(start)s AND e.effective_at < %(end)s
), history AS MATERIALIZED (
    -- Once: where the planner knows little of the tables, it would do it for each row of the period.
    SELECT e.id, e.amount, t.id AS transaction_id, t.purchase_id, sum(e.amount) OVER (
        PARTITION BY t.purchase_id, e.currency ORDER BY e.effective_at, e.id) AS so_far
    FROM transactions t JOIN ledger_entries e ON e.transaction_id = t.id
    JOIN revenue r ON r.id = e.account_id
    WHERE t.purchase_id IN (SELECT purchase_id FROM period)
), lines AS (
    SELECT l.purchase_id, l.item_id, l.id,
        sum(l.total) OVER (PARTITION BY l.purchase_id ORDER BY l.id) AS upto,
        sum(l.total) OVER (PARTITION BY l.purchase_id ORDER BY l.id) - l.total AS before,
        sum(l.total) OVER (PARTITION BY l.purchase_id) AS whole
    FROM purchase_lines l WHERE l.purchase_id IN (SELECT purchase_id FROM period)
), shares AS (
    SELECT p.effective_at, p.currency, l.item_id,
        (div(h.so_far * l.upto, l.whole) - div(h.so_far * l.before, l.whole))
            - (div((h.so_far - h.amount) * l.upto, l.whole)
                - div((h.so_far - h.amount) * l.before, l.whole)) AS amount,
        CASE WHEN b.transaction_id = p.transaction_id THEN
            -- What it would have brought without one, less what it brought.
            (div((h.amount + b.discount) * l.upto, l.whole)
                - div((h.amount + b.discount) * l.before, l.whole))
            - (div(h.amount * l.upto, l.whole) - div(h.amount * l.before, l.whole))
            ELSE 0 END AS discount
    FROM period p JOIN history h ON h.id = p.id
    JOIN purchases b ON b.id = p.purchase_id
    JOIN lines l ON l.purchase_id = p.purchase_id AND l.whole > 0
    UNION ALL
    SELECT p.effective_at, p.currency, p.item_id, p.amount, 0 FROM period p
    WHERE NOT EXISTS (
        SELECT FROM lines l WHERE l.purchase_id = p.purchase_id AND l.whole > 0)
)
SELECT {group}, s.currency,
    (coalesce(sum(s.amount) FILTER (WHERE s.amount > 0), 0) + sum(s.discount))::bigint,
    sum(s.discount)::bigint,
    (-coalesce(sum(s.amount) FILTER (WHERE s.amount < 0), 0))::bigint,
    sum(s.amount)::bigint
FROM shares s {join}
GROUP BY {group}, s.currency ORDER BY {sort}, s.currency
"""
By = Literal["item", "day", "month"]
GROUPS: Mapping[str, Mapping[str, str]] = {
    "item": {
        "group": "s.item_id, i.name, i.item_type",
        "join": "LEFT JOIN inventory_items i ON i.id = s.item_id",
        "sort": "i.name NULLS LAST, s.item_id",
    },
    **{
        by: {
            "group": f"date_trunc('{by}', s.effective_at AT TIME ZONE %(zone)s)::date",
            "join": "",
            "sort": "1",
        }
        for by in ("day", "month")
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account in a trial balance: what it holds stands in one of two columns, in minor units."""

    account_id: UUID
    code: str
    kind: str
    currency: str
    debit: int
    credit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What all accounts of a currency hold. In books that balance, both columns are equal."""

    currency: str
    debit: int
    credit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialBalance:
    """What accounts hold as of a time: a page of them, by code; and totals over all."""

    as_of: datetime
    accounts: Sequence[Account]
    totals: Sequence[Total]
    has_more: bool
    """Whether there are accounts beyond these, in the direction that was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalletTotal:
    """What people have in their wallets of a currency: what the tenant owes them."""

    currency: str
    wallets: int
    available: int
    held: int
    balance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Revenue:
    """What was earned in a currency, by an item or in a period. Amounts are in minor units.

    gross − discount − refunded = net; `refunded` is what was given back, charged back or reversed.
    """

    item_id: UUID | None
    """None for what was sold as no item, and for periods."""
    name: str
    item_type: str
    period: str
    """The first day of it; empty for items."""
    currency: str
    gross: int
    discount: int
    refunded: int
    net: int


def trial_balance(
    *, as_of: datetime, limit: int | None = None, position: str = "", backwards: bool = False
) -> TrialBalance:
    """Return what each account holds by what counts up to and with a time. One query.

    :param limit: of accounts; None for all.
    :param position: the accounts are those whose code comes after it; with `backwards`, before it.
    """
    beyond = f"WHERE code {'<' if backwards else '>'} %(position)s" if position else ""
    sql = TRIAL_BALANCE.format(
        accounts=ACCOUNTS, beyond=beyond, order="DESC" if backwards else "ASC"
    )
    values = {"as_of": as_of, "position": position, "limit": limit + 1 if limit else None}
    rows = _rows(sql, values)
    accounts = [account_of(row[1:]) for row in rows if row[1] is not None]
    has_more = limit is not None and len(accounts) > limit
    if has_more:
        accounts = accounts[1:] if backwards else accounts[:limit]
    totals = [Total(**each) for each in orjson.loads(rows[0][0] or "[]")]
    return TrialBalance(as_of=as_of, accounts=accounts, totals=totals, has_more=has_more)


def wallet_totals(*, as_of: datetime) -> list[WalletTotal]:
    """Return what all wallets hold by what counts up to and with a time, by currency. One query."""
    return [
        WalletTotal(
            currency=currency, wallets=wallets, available=free, held=held, balance=free + held
        )
        for currency, wallets, free, held in _rows(WALLETS, {"as_of": as_of})
    ]


def revenue(*, start: datetime, end: datetime, by: By, zone: ZoneInfo) -> list[Revenue]:
    """Return what was earned from `start`, up to and without `end`. One query.

    In all it is what the tenant's revenue accounts have gained in that time, to the minor unit. An
    item's share of a discount, and of a refund, is as its share of what the purchase cost.

    :param by: "item", by name; or "day" or "month", as they are in `zone`.
    """
    sql = REVENUE.format(**GROUPS[by])
    rows = _rows(sql, {"start": start, "end": end, "zone": zone.key})
    return [_revenue(row, by=by) for row in rows]


def _rows(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connections["commerce"].cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def account_of(row: Sequence[Any]) -> Account:
    """Return an account as a row of ACCOUNTS has it."""
    id_, code, kind, currency, balance = row
    return Account(
        account_id=id_,
        code=code,
        kind=kind,
        currency=currency,
        debit=max(-balance, 0),
        credit=max(balance, 0),
    )


def _revenue(row: Sequence[Any], *, by: By) -> Revenue:
    *what, currency, gross, discount, refunded, net = row
    item_id, name, item_type = what if by == "item" else (None, "", "")
    return Revenue(
        item_id=item_id,
        name=name or "",
        item_type=item_type or "",
        period="" if by == "item" else what[0].isoformat(),
        currency=currency,
        gross=gross,
        discount=discount,
        refunded=refunded,
        net=net,
    )
