"""Those who read reports, and a tenant with something to report."""

import pytest

from tests.api import Caller, client_of, signed_in
from tests.commerce.reports import season


@pytest.fixture
def boss(tenant):
    """A client of an admin of the tenant's."""
    return client_of(tenant, Caller(role="admin"))


@pytest.fixture
def desk(tenant):
    """An admin's browser."""
    return signed_in(tenant, "admin")


@pytest.fixture
def purses(tenant, settings):
    """The wallets of a tenant's buyers, after two months of trade."""
    settings.LOCAL_PAYMENTS = True
    return season.trade(tenant)
