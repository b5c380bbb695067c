"""Reads of the commerce context."""

from apps.commerce.queries import (
    amounts,
    clock,
    currencies,
    donations,
    ledger,
    purchases,
    rates,
    reports,
    sheets,
    statements,
    transactions,
    wallets,
)
from apps.commerce.queries.viewers import Viewer, viewer_of_person

__all__ = [
    "Viewer",
    "amounts",
    "clock",
    "currencies",
    "donations",
    "ledger",
    "purchases",
    "rates",
    "reports",
    "sheets",
    "statements",
    "transactions",
    "viewer_of_person",
    "wallets",
]
