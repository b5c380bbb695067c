"""Reports as pages of a tenant's admin: the trial balance, statements, wallets in all, revenue."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.commerce import queries
from apps.commerce.queries import amounts, currencies, reports, sheets, statements

PAGE = 200
DAYS = 30
STATEMENT = "admin:commerce_userwallet_statement"
Decimals = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: a text, or an amount, which is there in minor units too."""

    text: str
    minor: int | None = None
    link: str = ""

    @property
    def is_amount(self) -> bool:
        """Whether it is an amount."""
        return self.minor is not None


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a page."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


class MomentField(forms.DateTimeField):
    """A moment, as ISO 8601 has it; in UTC where it does not say otherwise."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextInputWidget(), **options)


class AsOfForm(forms.Form):
    """As of when."""

    as_of = MomentField(label="As of (UTC)")


class PeriodForm(forms.Form):
    """From when until when."""

    start = MomentField(label="From (UTC)")
    end = MomentField(label="Up to and without (UTC)")

    def clean(self) -> dict[str, Any]:
        """Return both ends.

        :raises ValidationError: the period ends before it begins.
        """
        values = dict(super().clean() or {})
        end = values.get("end") or queries.clock.now()
        try:
            start = values.get("start") or end - timedelta(days=DAYS)
        except OverflowError:
            raise forms.ValidationError("Say when it begins.") from None
        if start >= end:
            raise forms.ValidationError("A period ends after it begins.")
        return {**values, "start": start, "end": end}


class StatementForm(PeriodForm):
    """Of which account, from when until when."""

    account = forms.UUIDField(widget=UnfoldAdminTextInputWidget(), label="Account (id)")


class RevenueForm(PeriodForm):
    """Of when, and by what."""

    by = forms.ChoiceField(
        choices=[("item", "item"), ("day", "day"), ("month", "month")],
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )


def trial_balance_page(request: HttpRequest, *, site: AdminSite) -> HttpResponseBase:
    """Answer with what every account holds."""
    form = AsOfForm(request.GET)
    if not form.is_valid():
        return _page(request, site, "Trial balance", form)
    as_of = form.cleaned_data["as_of"] or queries.clock.now()
    if wants_csv(request):
        chunks = sheets.trial_balance_chunks(tenant=_tenant(request), as_of=as_of)
        return _file(chunks, "trial-balance")
    found = reports.trial_balance(
        as_of=as_of, limit=PAGE, position=request.GET.get("after", "").replace("\x00", "")
    )
    decimals = currencies.decimals(codes={total.currency for total in found.totals})
    totals = [
        [Cell(each.currency), *_amounts(each.currency, decimals, each.debit, each.credit)]
        for each in found.totals
    ]
    tables = [
        Table("totals", "Totals", ["Currency", "Debit", "Credit"], totals),
        Table(
            "accounts",
            "Accounts",
            ["Account", "Kind", "Currency", "Debit", "Credit"],
            [_account(each, decimals) for each in found.accounts],
        ),
    ]
    more = {"as_of": as_of.isoformat(), "after": found.accounts[-1].code} if found.has_more else {}
    return _page(request, site, "Trial balance", form, tables, more=more)


def statement_page(request: HttpRequest, *, site: AdminSite) -> HttpResponseBase:
    """Answer with an account's statement."""
    form = StatementForm(request.GET or None)
    if not form.is_valid():
        return _page(request, site, "Statement", form)
    values = form.cleaned_data
    period = sheets.Period(account_id=values["account"], start=values["start"], end=values["end"])
    as_csv = wants_csv(request)
    found = statements.statement(
        **asdict(period),
        limit=sheets.PAGE if as_csv else PAGE,
        position=None if as_csv else _position(request),
    )
    decimals = currencies.decimals(codes=[found.currency])
    if as_csv:
        chunks = sheets.statement_chunks(
            tenant=_tenant(request), period=period, first=found, decimals=decimals
        )
        return _file(chunks, "statement")
    more = {}
    if found.has_more:
        at, id_ = found.lines[-1].position
        ends = {"start": period.start.isoformat(), "end": period.end.isoformat()}
        more = {**ends, "account": period.account_id, "at": at.isoformat(), "after": id_}
    tables = _statement_tables(found, decimals)
    return _page(request, site, f"Statement of {found.code}", form, tables, more=more)


def wallets_page(request: HttpRequest, *, site: AdminSite) -> HttpResponseBase:
    """Answer with what all wallets hold."""
    form = AsOfForm(request.GET)
    if not form.is_valid():
        return _page(request, site, "Wallets in all", form)
    found = reports.wallet_totals(as_of=form.cleaned_data["as_of"] or queries.clock.now())
    decimals = currencies.decimals(codes={each.currency for each in found})
    if wants_csv(request):
        return _file([sheets.wallets_text(found, decimals=decimals)], "wallet-balances")
    rows = [
        [
            Cell(each.currency),
            Cell(str(each.wallets)),
            *_amounts(each.currency, decimals, each.available, each.held, each.balance),
        ]
        for each in found
    ]
    columns = ["Currency", "Wallets", "Available", "Held", "Balance"]
    table = Table("wallets", "What people have", columns, rows)
    return _page(request, site, "Wallets in all", form, [table])


def revenue_page(request: HttpRequest, *, site: AdminSite) -> HttpResponseBase:
    """Answer with what was earned."""
    form = RevenueForm(request.GET)
    if not form.is_valid():
        return _page(request, site, "Revenue", form)
    values = form.cleaned_data
    by = cast(reports.By, values["by"] or "item")
    found = reports.revenue(start=values["start"], end=values["end"], by=by, zone=ZoneInfo("UTC"))
    decimals = currencies.decimals(codes={each.currency for each in found})
    if wants_csv(request):
        return _file([sheets.revenue_text(found, by=by, decimals=decimals)], "revenue")
    rows = [
        [
            Cell(each.period or each.name or "other than items"),
            Cell(each.currency),
            *_amounts(each.currency, decimals, each.gross, each.discount, each.refunded, each.net),
        ]
        for each in found
    ]
    columns = [by.capitalize(), "Currency", "Gross", "Discount", "Refunded", "Net"]
    table = Table("revenue", "What was earned", columns, rows)
    return _page(request, site, "Revenue", form, [table])


def wants_csv(request: HttpRequest) -> bool:
    """Return whether the page is asked for as a file."""
    return request.GET.get("format") == "csv"


def _statement_tables(found: statements.Statement, decimals: Decimals) -> list[Table]:
    sums = (found.opening_balance, found.total_in, found.total_out, found.closing_balance)
    lines = [
        [
            Cell(line.effective_at.isoformat()),
            Cell(line.transaction_type),
            Cell(line.description),
            Cell(str(line.transaction_id)),
            *_amounts(found.currency, decimals, line.amount, line.balance),
        ]
        for line in found.lines
    ]
    columns = ["When it counts", "Type", "What for", "Transaction", "Amount", "Balance"]
    return [
        Table(
            "sums",
            f"{found.start.isoformat()} to {found.end.isoformat()}",
            ["Opening balance", "In", "Out", "Closing balance"],
            [_amounts(found.currency, decimals, *sums)],
        ),
        Table("entries", "Entries", columns, lines),
    ]


def _account(each: reports.Account, decimals: Decimals) -> list[Cell]:
    link = f"{reverse(STATEMENT)}?{urlencode({'account': each.account_id})}"
    return [
        Cell(each.code, link=link),
        Cell(each.kind),
        Cell(each.currency),
        *_amounts(each.currency, decimals, each.debit, each.credit),
    ]


def _amounts(currency: str, decimals: Decimals, *values: int) -> list[Cell]:
    return [
        Cell(amounts.written(value, currency=currency, decimals=decimals), minor=value)
        for value in values
    ]


def _position(request: HttpRequest) -> tuple[datetime, UUID] | None:
    try:
        at = parse_datetime(request.GET.get("at", ""))
        return (at, UUID(request.GET["after"])) if at else None
    except (KeyError, ValueError):
        return None


def _tenant(request: HttpRequest) -> Any:
    return request.tenant  # type: ignore[attr-defined]


def _file(chunks: Any, name: str) -> StreamingHttpResponse:
    # Made after the page's block has ended: a file binds for itself.
    return StreamingHttpResponse(
        chunks,
        content_type=sheets.MEDIA_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="{name}.csv"',
            "Cache-Control": "no-store",
        },
    )


def _page(
    request: HttpRequest,
    site: AdminSite,
    title: str,
    form: forms.Form,
    tables: Sequence[Table] = (),
    more: Mapping[str, object] | None = None,
) -> HttpResponse:
    query = {name: value for name, value in request.GET.items() if name not in {"after", "at"}}
    context = {
        **site.each_context(request),
        "title": title,
        "form": form,
        "tables": tables,
        "csv_link": f"?{urlencode({**query, 'format': 'csv'})}" if tables else "",
        "next_link": f"?{urlencode({**query, **more})}" if more else "",
    }
    return TemplateResponse(request, "commerce/admin/report.html", context)
