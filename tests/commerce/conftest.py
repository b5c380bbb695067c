"""People and things that most tests of commerce begin with."""

import pytest

from tests.commerce import shop


@pytest.fixture
def seller(tenant):
    """A celebrity, who makes what is sold."""
    return shop.make_seller(tenant)


@pytest.fixture
def buyer(tenant):
    """A fan without money."""
    return shop.make_buyer(tenant)


@pytest.fixture
def stranger(tenant):
    """Another fan."""
    return shop.make_buyer(tenant)


@pytest.fixture
def wallet(tenant, buyer):
    """The buyer's, with 100 dollars in it."""
    return shop.fund(tenant, buyer.id, 10_000)
