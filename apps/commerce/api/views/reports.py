"""Reports: the trial balance, what wallets hold in all, and revenue."""

from dataclasses import asdict
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce import queries
from apps.commerce.api.serializers import reports as shapes
from apps.commerce.api.serializers.wallets import AsOfSerializer
from apps.commerce.api.views.sheets import SheetView
from apps.tenancy.api.permissions import ADMIN
from apps.tenancy.api.requests import TenantRequest

AS_SHEET = "As a spreadsheet, whole, with `Accept: text/csv` or at an address that ends in `.csv`."


def _responses(shape: Any) -> dict[Any, Any]:
    return {(200, "application/json"): shape, (200, "text/csv"): OpenApiTypes.BINARY}


@extend_schema_view(
    retrieve=extend_schema(
        summary="Read the trial balance",
        description=(
            "What every account of the ledger holds as of a time, in a column for debits and one for "
            f"credits, which are equal in each currency. {AS_SHEET}"
        ),
        operation_id="trial_balance",
        parameters=[shapes.TrialBalanceQuerySerializer],
        responses=_responses(shapes.TrialBalanceSerializer),
    )
)
class TrialBalanceView(SheetView):
    """What every account holds."""

    serializer_class = shapes.TrialBalanceSerializer
    query_serializer = shapes.TrialBalanceQuerySerializer
    access = {"retrieve": ADMIN}

    def retrieve(self, request: TenantRequest) -> Response:
        """Answer with a page of accounts, and totals over all."""
        asked = self.asked(request)
        as_of = asked.get("as_of") or self.now
        backwards, values = self.position(request, asked.get("cursor"), of=[as_of])
        found = queries.reports.trial_balance(
            as_of=as_of,
            limit=asked["page_size"],
            position=values[0] if values else "",
            backwards=backwards,
        )
        links = self.page(
            request,
            of=[as_of],
            ends=[[account.code] for account in found.accounts],
            has_more=found.has_more,
            backwards=backwards,
            is_first=values is None,
            as_of=as_of,
        )
        totals = self.with_decimals([asdict(total) for total in found.totals])
        results = [asdict(account) for account in found.accounts]
        return self.reply(as_of=as_of, totals=totals, **links, results=results)

    def sheet(self, request: TenantRequest, **named: Any) -> StreamingHttpResponse:
        """Answer with all accounts as a file."""
        with self.bind(request, writes=None):
            as_of = self.asked(request).get("as_of") or self.now
        chunks = queries.sheets.trial_balance_chunks(tenant=request.tenant, as_of=as_of)
        return self.file(chunks, name="trial-balance")


@extend_schema_view(
    retrieve=extend_schema(
        summary="Read what all wallets hold",
        description=f"What the tenant owes people, by currency. {AS_SHEET}",
        operation_id="wallet_balances",
        parameters=[AsOfSerializer],
        responses=_responses(shapes.WalletTotalsSerializer),
    )
)
class WalletTotalsView(SheetView):
    """What all wallets hold."""

    serializer_class = shapes.WalletTotalsSerializer
    query_serializer = AsOfSerializer
    access = {"retrieve": ADMIN}

    def retrieve(self, request: TenantRequest) -> Response:
        """Answer with a line for each currency."""
        as_of = self.asked(request).get("as_of") or self.now
        found = queries.reports.wallet_totals(as_of=as_of)
        results = self.with_decimals([asdict(each) for each in found])
        return self.reply(as_of=as_of, results=results)

    def sheet(self, request: TenantRequest, **named: Any) -> StreamingHttpResponse:
        """Answer with the same as a file."""
        with self.bind(request, writes=None):
            as_of = self.asked(request).get("as_of") or self.now
            found = queries.reports.wallet_totals(as_of=as_of)
            decimals = queries.currencies.decimals(codes={each.currency for each in found})
        text = queries.sheets.wallets_text(found, decimals=decimals)
        return self.file([text], name="wallet-balances")


@extend_schema_view(
    retrieve=extend_schema(
        summary="Read what was earned",
        description=(
            "By item, by day or by month: what was sold, what discounts took off, what was given "
            "back, and what remains. In all it is what the revenue accounts of the ledger have "
            f"gained, to the minor unit. {AS_SHEET}"
        ),
        operation_id="revenue",
        parameters=[shapes.RevenueQuerySerializer],
        responses=_responses(shapes.RevenueSerializer),
    )
)
class RevenueView(SheetView):
    """What was earned."""

    serializer_class = shapes.RevenueSerializer
    query_serializer = shapes.RevenueQuerySerializer
    access = {"retrieve": ADMIN}

    def retrieve(self, request: TenantRequest) -> Response:
        """Answer with a line for each item, or period, and currency."""
        asked = self.asked(request)
        results = self.with_decimals([asdict(each) for each in self._found(asked)])
        return self.reply(
            start=asked["start"],
            end=asked["end"],
            by=asked["by"],
            time_zone=asked["time_zone"].key,
            results=results,
        )

    def sheet(self, request: TenantRequest, **named: Any) -> StreamingHttpResponse:
        """Answer with the same as a file."""
        with self.bind(request, writes=None):
            asked = self.asked(request)
            found = self._found(asked)
            decimals = queries.currencies.decimals(codes={each.currency for each in found})
        text = queries.sheets.revenue_text(found, by=asked["by"], decimals=decimals)
        return self.file([text], name="revenue")

    def _found(self, asked: dict[str, Any]) -> list[queries.reports.Revenue]:
        return queries.reports.revenue(
            start=asked["start"], end=asked["end"], by=asked["by"], zone=asked["time_zone"]
        )
