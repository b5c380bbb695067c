"""Addresses of accounts of the ledger and of reports, under /api/v1/."""

from typing import Any

from django.urls import URLPattern, path

from apps.commerce.api.views.reports import RevenueView, TrialBalanceView, WalletTotalsView
from apps.commerce.api.views.sheets import SheetView
from apps.commerce.api.views.statements import AccountStatementView, AccountViewSet


def _report(address: str, view: type[SheetView], *, name: str) -> list[URLPattern]:
    """Return a report's two addresses: the other one's answer is CSV."""
    handlers: dict[str, Any] = {"get": "retrieve"}
    return [
        path(address, view.as_view(handlers), name=name),
        path(
            f"{address}.csv", view.as_view(handlers, as_csv=True, schema=None), name=f"{name}-csv"
        ),
    ]


urlpatterns = [
    path("ledger-accounts", AccountViewSet.as_view({"get": "list"}), name="ledger-accounts"),
    path(
        "ledger-accounts/<uuid:account_id>",
        AccountViewSet.as_view({"get": "retrieve"}),
        name="ledger-account",
    ),
    *_report(
        "ledger-accounts/<uuid:account_id>/statement",
        AccountStatementView,
        name="ledger-account-statement",
    ),
    *_report("reports/trial-balance", TrialBalanceView, name="trial-balance"),
    *_report("reports/wallet-balances", WalletTotalsView, name="wallet-balances"),
    *_report("reports/revenue", RevenueView, name="revenue"),
]
