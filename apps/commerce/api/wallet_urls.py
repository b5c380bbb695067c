"""Addresses of wallets, transactions, rates and currencies, under /api/v1/."""

from django.urls import path

from apps.commerce.api.views.rates import CurrencyViewSet, RateViewSet
from apps.commerce.api.views.statements import WalletStatementView
from apps.commerce.api.views.transactions import TransactionViewSet
from apps.commerce.api.views.wallets import TopUpViewSet, WalletMoneyViewSet, WalletViewSet

WALLET = "wallets/<uuid:wallet_id>"
# What is done with a wallet's money, by the address of what that makes.
MOVES = {
    "transfers": "transfer",
    "exchanges": "exchange",
    "credits": "credit",
    "debits": "debit",
}

urlpatterns = [
    path("wallets", WalletViewSet.as_view({"get": "list", "post": "create"}), name="wallets"),
    path(WALLET, WalletViewSet.as_view({"get": "retrieve"}), name="wallet"),
    path(f"{WALLET}/balance", WalletViewSet.as_view({"get": "balance"}), name="wallet-balance"),
    path(
        f"{WALLET}/explanation",
        WalletViewSet.as_view({"get": "explanation"}),
        name="wallet-explanation",
    ),
    path(
        f"{WALLET}/statement",
        WalletStatementView.as_view({"get": "retrieve"}),
        name="wallet-statement",
    ),
    path(
        f"{WALLET}/statement.csv",
        WalletStatementView.as_view({"get": "retrieve"}, as_csv=True, schema=None),
        name="wallet-statement-csv",
    ),
    path(f"{WALLET}/top-ups", TopUpViewSet.as_view({"post": "create"}), name="wallet-top-ups"),
    *(
        path(
            f"{WALLET}/{address}",
            WalletMoneyViewSet.as_view({"post": action}),
            name=f"wallet-{address}",
        )
        for address, action in MOVES.items()
    ),
    path("transactions", TransactionViewSet.as_view({"get": "list"}), name="transactions"),
    path(
        "transactions/<uuid:transaction_id>",
        TransactionViewSet.as_view({"get": "retrieve"}),
        name="transaction",
    ),
    path(
        "transactions/<uuid:transaction_id>/reversals",
        TransactionViewSet.as_view({"post": "reverse"}),
        name="transaction-reversals",
    ),
    path(
        "exchange-rates",
        RateViewSet.as_view({"get": "list", "post": "create"}),
        name="exchange-rates",
    ),
    path(
        "exchange-rates/quote",
        RateViewSet.as_view({"get": "quote"}),
        name="exchange-rate-quote",
    ),
    path(
        "exchange-rates/<uuid:rate_id>",
        RateViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="exchange-rate",
    ),
    path(
        "currencies", CurrencyViewSet.as_view({"get": "list", "post": "create"}), name="currencies"
    ),
    path(
        "currencies/<str:code>",
        CurrencyViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
        name="currency",
    ),
]
