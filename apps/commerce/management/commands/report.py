"""`manage.py report`: a tenant's trial balance, statements, wallets and revenue, for people and scripts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import typer
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django_typer.management import command

from apps.commerce import queries
from apps.commerce.models import LedgerAccount, UserWallet
from apps.commerce.queries import reports, sheets, statements
from apps.kernel.errors import Invalid, NotFound
from apps.tenancy import binding
from apps.tenancy.management.base import Format, OperatorCommand
from apps.tenancy.models import Tenant
from apps.tenancy.operations import tenants

DAYS = 30


class ReportFormat(StrEnum):
    """How a report is printed."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


class By(StrEnum):
    """What revenue is summed up by."""

    ITEM = "item"
    DAY = "day"
    MONTH = "month"


TenantOption = Annotated[str, typer.Option("--tenant", help="The tenant's slug.")]
FormatOption = Annotated[
    ReportFormat,
    typer.Option("--format", help="text for people, json for scripts, csv for spreadsheets."),
]
AsOf = Annotated[
    str, typer.Option("--as-of", help="What counts up to and with then: 2026-12-31T23:59:59Z.")
]
Start = Annotated[str, typer.Option("--start", help=f"From then on; {DAYS} days before the end.")]
End = Annotated[str, typer.Option("--end", help="Up to and without then; now.")]
Locale = Annotated[str, typer.Option("--locale", help="How amounts are written: de_DE.")]


class Command(OperatorCommand):
    help = "Print a tenant's trial balance, an account's statement, what wallets hold, or revenue."

    @command(name="trial-balance")
    def trial_balance(
        self,
        tenant: TenantOption,
        as_of: AsOf = "",
        locale: Locale = "",
        format: FormatOption = ReportFormat.TEXT,
    ) -> None:
        """Print what every account of the ledger holds, and totals by currency."""
        place = tenants.get_tenant(slug=tenant)
        at = _moment(as_of) or _now(place)
        if format is ReportFormat.CSV:
            self._write(sheets.trial_balance_chunks(tenant=place, as_of=at))
            return
        with binding.bind(place):
            found = reports.trial_balance(as_of=at)
            people = _People({total.currency for total in found.totals}, locale)
        rows = [asdict(account) for account in found.accounts]
        totals = [asdict(total) for total in found.totals]
        if format is ReportFormat.JSON:
            self.say("Trial balance.", as_format=Format.JSON, as_of=at, results=rows, totals=totals)
            return
        amounts = ("debit", "credit")
        self.answer(
            [people.row(row, amounts, without="account_id") for row in rows],
            as_format=Format.TEXT,
        )
        for total in totals:
            shown = people.row(total, amounts)
            self.stdout.write(
                f"{shown['currency']}: debit {shown['debit']}, credit {shown['credit']}"
            )

    @command()
    def statement(
        self,
        tenant: TenantOption,
        account: Annotated[
            str, typer.Option("--account", help="A code, such as revenue:USD, or an id.")
        ] = "",
        wallet: Annotated[str, typer.Option("--wallet", help="A wallet's id, instead.")] = "",
        start: Start = "",
        end: End = "",
        locale: Locale = "",
        format: FormatOption = ReportFormat.TEXT,
    ) -> None:
        """Print an account's statement: opening balance, entries, closing balance."""
        place = tenants.get_tenant(slug=tenant)
        begins, ends = _span(place, start, end)
        with binding.bind(place):
            account_id = _account(account, wallet)
            period = sheets.Period(account_id=account_id, start=begins, end=ends)
            found = statements.statement(**asdict(period), limit=sheets.PAGE)
            people = _People({found.currency}, locale)
        if format is ReportFormat.CSV:
            self._write(
                sheets.statement_chunks(
                    tenant=place, period=period, first=found, decimals=people.decimals
                )
            )
            return
        self._print_statement(place, found, people, format=format)

    @command(name="wallet-balances")
    def wallet_balances(
        self,
        tenant: TenantOption,
        as_of: AsOf = "",
        locale: Locale = "",
        format: FormatOption = ReportFormat.TEXT,
    ) -> None:
        """Print what people have in their wallets, by currency."""
        place = tenants.get_tenant(slug=tenant)
        at = _moment(as_of) or _now(place)
        with binding.bind(place):
            found = reports.wallet_totals(as_of=at)
            people = _People({each.currency for each in found}, locale)
        text = sheets.wallets_text(found, decimals=people.decimals)
        self._answer(found, ("available", "held", "balance"), people, text=text, format=format)

    @command()
    def revenue(
        self,
        tenant: TenantOption,
        start: Start = "",
        end: End = "",
        by: Annotated[By, typer.Option("--by", help="item, day or month.")] = By.ITEM,
        time_zone: Annotated[
            str, typer.Option("--time-zone", help="Whose days and months they are.")
        ] = "UTC",
        locale: Locale = "",
        format: FormatOption = ReportFormat.TEXT,
    ) -> None:
        """Print what was earned, by item, by day or by month."""
        place = tenants.get_tenant(slug=tenant)
        begins, ends = _span(place, start, end)
        if time_zone not in available_timezones():
            raise Invalid(f"{time_zone!r} is no time zone: write it as Europe/Berlin.")
        with binding.bind(place):
            found = reports.revenue(start=begins, end=ends, by=by.value, zone=ZoneInfo(time_zone))
            people = _People({each.currency for each in found}, locale)
        text = sheets.revenue_text(found, by=by.value, decimals=people.decimals)
        self._answer(found, sheets.REVENUE_AMOUNTS, people, text=text, format=format)

    def _print_statement(
        self,
        place: Tenant,
        found: statements.Statement,
        people: "_People",
        *,
        format: ReportFormat,
    ) -> None:
        lines = list(found.lines)
        while found.has_more and lines:
            with binding.bind(place):
                more = statements.lines_after(
                    account_id=found.account_id,
                    start=found.start,
                    end=found.end,
                    position=lines[-1].position,
                    balance=lines[-1].balance,
                    limit=sheets.PAGE,
                )
            lines += more
            if len(more) < sheets.PAGE:
                break
        sums = {
            "opening_balance": found.opening_balance,
            "total_in": found.total_in,
            "total_out": found.total_out,
            "closing_balance": found.closing_balance,
        }
        rows = [asdict(line) for line in lines]
        if format is ReportFormat.JSON:
            named = {"code": found.code, "currency": found.currency}
            ends = {"start": found.start, "end": found.end}
            self.say("Statement.", as_format=Format.JSON, **named, **ends, **sums, results=rows)
            return
        shown = ("effective_at", "transaction_type", "description", "amount", "balance")
        tables = [{name: row[name] for name in shown} for row in rows]
        for row in tables:
            for name in ("amount", "balance"):
                row[name] = people.written(row[name], found.currency)
        self.answer(tables, as_format=Format.TEXT)
        for name, amount in sums.items():
            label = name.replace("_", " ")
            self.stdout.write(f"{label}: {people.written(amount, found.currency)}")

    def _answer(
        self,
        found: Sequence[Any],
        amounts: Sequence[str],
        people: "_People",
        *,
        text: bytes,
        format: ReportFormat,
    ) -> None:
        rows = [asdict(each) for each in found]
        if format is ReportFormat.CSV:
            self._write([text])
        elif format is ReportFormat.JSON:
            self.answer(rows, as_format=Format.JSON)
        else:
            self.answer([people.row(row, amounts) for row in rows], as_format=Format.TEXT)

    def _write(self, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            self.stdout.write(chunk.decode(), ending="")


class _People:
    """Writes amounts for people. Made inside a block."""

    def __init__(self, codes: Iterable[str], locale: str) -> None:
        self.decimals = queries.currencies.decimals(codes=set(codes))
        self.locale = queries.amounts.locale_of(locale)

    def written(self, amount: int, currency: str) -> str:
        """Return an amount as people write it."""
        return queries.amounts.written(
            amount, currency=currency, decimals=self.decimals, locale=self.locale
        )

    def row(
        self, row: Mapping[str, Any], amounts: Sequence[str], *, without: str = ""
    ) -> dict[str, Any]:
        """Return a row whose amounts are written for people."""
        return {
            name: self.written(value, row["currency"]) if name in amounts else value
            for name, value in row.items()
            if name != without
        }


def _now(place: Tenant) -> datetime:
    with binding.bind(place):
        return queries.clock.now()


def _span(place: Tenant, start: str, end: str) -> tuple[datetime, datetime]:
    ends = _moment(end) or _now(place)
    try:
        begins = _moment(start) or ends - timedelta(days=DAYS)
    except OverflowError:
        raise Invalid("Say when it begins: --start.") from None
    if begins >= ends:
        raise Invalid("A period ends after it begins.")
    return begins, ends


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise Invalid(f"{text!r} is no time: write it as 2027-01-31T00:00:00Z.")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


def _account(account: str, wallet: str) -> UUID:
    if bool(account) == bool(wallet):
        raise Invalid("Name one: --account or --wallet.")
    if wallet:
        found = UserWallet.objects.filter(id=_uuid(wallet)).values_list("account_id", flat=True)
        account_id = found.first()
    else:
        named = {"code": account} if ":" in account else {"id": _uuid(account)}
        account_id = LedgerAccount.objects.filter(**named).values_list("id", flat=True).first()
    if account_id is None:
        raise NotFound(f"There is no {'wallet' if wallet else 'account'} {wallet or account}.")
    return account_id


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(f"{text!r} is no id.") from None
