"""Reports as spreadsheets: CSV in UTF-8, a header first, amounts both in minor units and as numbers."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import Any, cast
from uuid import UUID

from django.db import connections

from apps.commerce.queries import currencies, reports, statements
from apps.kernel import spreadsheets
from apps.kernel.money import in_units
from apps.tenancy import binding

MEDIA_TYPE = "text/csv; charset=utf-8"
PAGE = 1_000
# A larger file waits on disk until it is sent.
IN_MEMORY = 5_000_000
CHUNK = 65_536

Row = Sequence[Any]
Decimals = Mapping[str, int]

STATEMENT = (
    "kind",
    "effective_at",
    "entry_id",
    "transaction_id",
    "transaction_type",
    "description",
    "purchase_id",
    "currency",
    "amount",
    "balance",
    "amount_in_units",
    "balance_in_units",
)
TRIAL_BALANCE = (
    "account",
    "kind",
    "currency",
    "debit",
    "credit",
    "debit_in_units",
    "credit_in_units",
)
WALLETS = (
    "currency",
    "wallets",
    "available",
    "held",
    "balance",
    "available_in_units",
    "held_in_units",
    "balance_in_units",
)
REVENUE_AMOUNTS = ("gross", "discount", "refunded", "net")
REVENUE_WHAT: Mapping[str, Row] = {
    "item": ("item_id", "name", "item_type"),
    "day": ("period",),
    "month": ("period",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """An account's statement that is asked for: from `start`, up to and without `end`."""

    account_id: UUID
    start: datetime
    end: datetime


class Number(str):
    """A decimal number, which may begin with a minus."""

    __slots__ = ()


def text_of(rows: Iterable[Row]) -> bytes:
    """Return rows as CSV."""
    text = io.StringIO()
    csv.writer(text).writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> str:
    """Return a cell that reads as what it is; a text that would be run is led by an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, Number | int):
        return str(value)
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return spreadsheets.inert(text)


def _units(currency: str, decimals: Decimals, *amounts: int) -> list[Number]:
    places = decimals.get(currency, 0)
    return [Number(in_units(amount, decimals=places)) for amount in amounts]


# Statements ---------------------------------------------------------------------------------------


def statement_chunks(
    *, tenant: binding.Placed, period: Period, first: statements.Statement, decimals: Decimals
) -> Iterator[bytes]:
    """Yield a statement's file; each page after the first is read in a block that ends before it.

    What the account held is carried from page to page, so that the lines agree with each other
    whatever is posted meanwhile.

    :param first: the statement, with PAGE lines at most.
    """
    yield text_of(_beginning(first, decimals))
    lines: Sequence[statements.Line] = first.lines
    balance, total_in, total_out = first.opening_balance, 0, 0
    while True:
        yield text_of(_line(line, first.currency, decimals) for line in lines)
        total_in += sum(line.amount for line in lines if line.amount > 0)
        total_out += sum(line.amount for line in lines if line.amount < 0)
        if len(lines) < PAGE:
            break
        last = lines[-1]
        with binding.bind(tenant):
            lines = statements.lines_after(
                account_id=period.account_id,
                start=period.start,
                end=period.end,
                position=last.position,
                balance=last.balance,
                limit=PAGE,
            )
    sums = {"TOTAL_IN": total_in, "TOTAL_OUT": total_out}
    rows = [
        _sum(kind, None, amount, None, first.currency, decimals) for kind, amount in sums.items()
    ]
    closing = balance + total_in + total_out
    yield text_of(
        [*rows, _sum("CLOSING_BALANCE", period.end, None, closing, first.currency, decimals)]
    )


def _beginning(first: statements.Statement, decimals: Decimals) -> list[Row]:
    opening = first.opening_balance
    return [
        STATEMENT,
        _sum("OPENING_BALANCE", first.start, None, opening, first.currency, decimals),
    ]


def _line(line: statements.Line, currency: str, decimals: Decimals) -> Row:
    return (
        "ENTRY",
        line.effective_at,
        line.entry_id,
        line.transaction_id,
        line.transaction_type,
        line.description,
        line.purchase_id,
        currency,
        line.amount,
        line.balance,
        *_units(currency, decimals, line.amount, line.balance),
    )


def _sum(
    kind: str,
    at: datetime | None,
    amount: int | None,
    balance: int | None,
    currency: str,
    decimals: Decimals,
) -> Row:
    units = [
        None if each is None else _units(currency, decimals, each)[0] for each in (amount, balance)
    ]
    return (kind, at, None, None, None, None, None, currency, amount, balance, *units)


# Reports ------------------------------------------------------------------------------------------


def trial_balance_chunks(*, tenant: binding.Placed, as_of: datetime) -> Iterator[bytes]:
    """Yield a trial balance's file: every account by its code, and totals by currency.

    It is read by one statement, so that both columns are equal, and waits until it is sent.
    """
    with SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        with binding.bind(tenant):
            _write_trial_balance(cast(io.BytesIO, file), as_of=as_of)
        file.seek(0)
        while chunk := file.read(CHUNK):
            yield chunk


def _write_trial_balance(file: io.BytesIO, *, as_of: datetime) -> None:
    file.write(text_of([TRIAL_BALANCE]))
    totals: dict[str, list[int]] = {}
    decimals: dict[str, int] = {}
    with connections["commerce"].chunked_cursor() as cursor:
        cursor.execute(f"{reports.ACCOUNTS} ORDER BY a.code", {"as_of": as_of})
        while rows := cursor.fetchmany(PAGE):
            accounts = [reports.account_of(row) for row in rows]
            new = {account.currency for account in accounts} - decimals.keys()
            decimals |= currencies.decimals(codes=new) if new else {}
            for each in accounts:
                total = totals.setdefault(each.currency, [0, 0])
                total[0] += each.debit
                total[1] += each.credit
            file.write(text_of(_account(each, decimals) for each in accounts))
    file.write(
        text_of(
            ("TOTAL", None, currency, *sums, *_units(currency, decimals, *sums))
            for currency, sums in sorted(totals.items())
        )
    )


def _account(each: reports.Account, decimals: Decimals) -> Row:
    units = _units(each.currency, decimals, each.debit, each.credit)
    return (each.code, each.kind, each.currency, each.debit, each.credit, *units)


def wallets_text(totals: Sequence[reports.WalletTotal], *, decimals: Decimals) -> bytes:
    """Return what all wallets hold, as a file."""
    rows = (
        (each.currency, each.wallets, *amounts, *_units(each.currency, decimals, *amounts))
        for each in totals
        for amounts in [(each.available, each.held, each.balance)]
    )
    return text_of([WALLETS, *rows])


def revenue_text(found: Sequence[reports.Revenue], *, by: reports.By, decimals: Decimals) -> bytes:
    """Return what was earned, as a file."""
    what = REVENUE_WHAT[by]
    units = [f"{name}_in_units" for name in REVENUE_AMOUNTS]
    rows = (
        (
            *(getattr(each, name) for name in what),
            each.currency,
            *amounts,
            *_units(each.currency, decimals, *amounts),
        )
        for each in found
        for amounts in [[getattr(each, name) for name in REVENUE_AMOUNTS]]
    )
    return text_of([(*what, "currency", *REVENUE_AMOUNTS, *units), *rows])
