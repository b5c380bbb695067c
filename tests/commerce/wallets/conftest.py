"""People with wallets."""

import pytest

from tests.commerce import shop
from tests.commerce.wallets import people


@pytest.fixture
def giver(tenant):
    return people.person(tenant)


@pytest.fixture
def taker(tenant):
    return people.person(tenant)


@pytest.fixture
def boss(tenant):
    """An admin of the tenant's."""
    return people.person(tenant, role="admin")


@pytest.fixture
def helper(tenant):
    """Somebody who supports buyers."""
    return people.person(tenant, role="support")


@pytest.fixture
def purse(tenant, giver):
    """The giver's wallet, with 100 dollars in it."""
    return shop.fund(tenant, giver.id, 10_000)
