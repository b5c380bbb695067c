"""Accounts that most tests of the ledger begin with."""

from dataclasses import dataclass
from uuid import UUID

import pytest

from apps.commerce.operations import ledger
from apps.tenancy import binding
from tests.audit.conftest import connect
from tests.commerce.ledger import books

__all__ = ["connect"]


@dataclass(frozen=True)
class Accounts:
    """Two wallets and where a wallet's holds go, all guarded; the tenant's own, which rolls up."""

    wallet: UUID
    held: UUID
    other: UUID
    shared: UUID


@pytest.fixture
def open_accounts():
    """Return a maker of accounts in a tenant; the first wallet gets money."""

    def make(tenant, *, amount=10_000, name="") -> Accounts:
        with binding.bind(tenant, writes="commerce"):
            found = Accounts(
                wallet=books.account(f"wallet{name}", is_guarded=True),
                held=books.account(f"held{name}", is_guarded=True),
                other=books.account(f"other{name}", is_guarded=True),
                shared=books.account(f"shared{name}", rolls_up=True),
            )
            ledger.post(books.transfer(found.shared, found.wallet, amount))
        return found

    return make


@pytest.fixture
def accounts(tenant, open_accounts) -> Accounts:
    """Those of the tenant; there are 100 dollars in the first wallet."""
    return open_accounts(tenant)
