"""The tenant's admin pages of the commerce context."""

from apps.commerce.admin import (  # noqa: F401 - registers its pages
    discounts,
    donations,
    inventory,
    ledger,
    payments,
    purchases,
    rates,
    subscriptions,
    wallets,
)
