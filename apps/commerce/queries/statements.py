"""Statements: what came into an account of the ledger and went out of it, by when it counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections

from apps.kernel.errors import NotFound

Position = tuple[datetime, UUID]

# One scan from the beginning of the period on: what comes after it is taken off what is there now.
SUMS = """
SELECT a.code, a.currency,
    (b.balance - s.total_in - s.total_out - s.later)::bigint AS opening, s.total_in, s.total_out
FROM ledger_accounts a
JOIN ledger_balances b ON b.id = a.id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(e.amount) FILTER (
            WHERE e.amount > 0 AND e.effective_at < %(end)s), 0)::bigint AS total_in,
        coalesce(sum(e.amount) FILTER (
            WHERE e.amount < 0 AND e.effective_at < %(end)s), 0)::bigint AS total_out,
        coalesce(sum(e.amount) FILTER (WHERE e.effective_at >= %(end)s), 0)::bigint AS later
    FROM ledger_entries e WHERE e.account_id = a.id AND e.effective_at >= %(start)s
) s
WHERE a.id = %(account)s
"""
# The first part of a position is said twice: by it, an index starts at the right place.
ENTRIES = """
SELECT e.id, e.transaction_id, t.transaction_type, t.description, t.purchase_id, e.effective_at,
    e.amount
FROM ledger_entries e JOIN transactions t ON t.id = e.transaction_id
WHERE e.account_id = %(account)s AND e.effective_at >= %(start)s AND e.effective_at < %(end)s{beyond}
ORDER BY e.effective_at {order}, e.id {order} LIMIT %(limit)s
"""
FORWARDS = " AND e.effective_at >= %(at)s AND (e.effective_at, e.id) > (%(at)s, %(id)s)"
BACKWARDS = " AND e.effective_at <= %(at)s AND (e.effective_at, e.id) < (%(at)s, %(id)s)"
# All in one statement, which is one snapshot: sums and entries agree, whoever posts meanwhile.
STATEMENT = """
WITH sums AS ({sums}), page AS ({page}), first AS (
    SELECT p.effective_at, p.id FROM page p ORDER BY p.effective_at, p.id LIMIT 1
)
SELECT s.*, p.*, (s.opening + coalesce((
        SELECT sum(e.amount) FROM first f JOIN ledger_entries e ON e.effective_at <= f.effective_at
            AND (e.effective_at, e.id) < (f.effective_at, f.id)
        WHERE e.account_id = %(account)s AND e.effective_at >= %(start)s), 0)
    + sum(p.amount) OVER (ORDER BY p.effective_at, p.id))::bigint
FROM sums s LEFT JOIN page p ON true ORDER BY p.effective_at, p.id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An entry of the account, in minor units: credits positive."""

    entry_id: UUID
    transaction_id: UUID
    transaction_type: str
    description: str
    purchase_id: UUID | None
    effective_at: datetime
    amount: int
    balance: int
    """What the account held once this counted."""

    @property
    def position(self) -> Position:
        """Where it stands in the statement."""
        return self.effective_at, self.entry_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """An account from `start`, up to and without `end`: opening + in + out = closing; `lines` are a page."""

    account_id: UUID
    code: str
    currency: str
    start: datetime
    end: datetime
    opening_balance: int
    total_in: int
    total_out: int
    """What went out: negative, or nothing."""
    lines: Sequence[Line]
    has_more: bool
    """Whether there are lines beyond these, in the direction that was asked for."""

    @property
    def closing_balance(self) -> int:
        """What the account held at the end."""
        return self.opening_balance + self.total_in + self.total_out


def statement(
    *,
    account_id: UUID,
    start: datetime,
    end: datetime,
    limit: int,
    position: Position | None = None,
    backwards: bool = False,
) -> Statement:
    """Return an account's statement with at most `limit` lines, oldest first. One query.

    What is posted later and counts in the period is in it: a balance is what the entries up to then say.

    :param position: the lines are those after it; with `backwards`, those before it.
    :raises NotFound: there is no such account.
    """
    beyond = "" if position is None else (BACKWARDS if backwards else FORWARDS)
    page = ENTRIES.format(beyond=beyond, order="DESC" if backwards else "ASC")
    at, id_ = position or (None, None)
    values: dict[str, Any] = {
        "account": account_id,
        "start": start,
        "end": end,
        "limit": limit + 1,
    }
    with connections["commerce"].cursor() as cursor:
        cursor.execute(STATEMENT.format(sums=SUMS, page=page), {**values, "at": at, "id": id_})
        rows = cursor.fetchall()
    if not rows:
        raise NotFound
    code, currency, opening, total_in, total_out = rows[0][:5]
    lines = [_line(row[5:]) for row in rows if row[5] is not None]
    has_more = len(lines) > limit
    if has_more:
        lines = lines[1:] if backwards else lines[:limit]
    return Statement(
        account_id=account_id,
        code=code,
        currency=currency,
        start=start,
        end=end,
        opening_balance=opening,
        total_in=total_in,
        total_out=total_out,
        lines=lines,
        has_more=has_more,
    )


def lines_after(
    *,
    account_id: UUID,
    start: datetime,
    end: datetime,
    position: Position,
    balance: int,
    limit: int,
) -> list[Line]:
    """Return the next lines of a statement. One query, which adds nothing up.

    :param balance: what the account held at `position`.
    """
    page = ENTRIES.format(beyond=FORWARDS, order="ASC")
    values: dict[str, Any] = {
        "account": account_id,
        "start": start,
        "end": end,
        "limit": limit,
    }
    with connections["commerce"].cursor() as cursor:
        cursor.execute(page, {**values, "at": position[0], "id": position[1]})
        return list(_running(cursor.fetchall(), balance))


def _running(rows: Sequence[Sequence[Any]], balance: int) -> Iterator[Line]:
    for row in rows:
        balance += row[-1]
        yield _line([*row, balance])


def _line(row: Sequence[Any]) -> Line:
    return Line(
        entry_id=row[0],
        transaction_id=row[1],
        transaction_type=row[2],
        description=row[3],
        purchase_id=row[4],
        effective_at=row[5],
        amount=row[6],
        balance=row[7],
    )
