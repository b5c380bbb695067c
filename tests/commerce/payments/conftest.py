"""A tenant with a Stripe account, whose Stripe is the fake."""

import pytest

from tests.commerce import shop
from tests.commerce.payments import paying, stripe_fake
from tests.commerce.purchases import buying


@pytest.fixture
def stripe(settings):
    """A running fake, which all tenants' Stripe accounts are with."""
    with stripe_fake.running() as fake:
        settings.STRIPE_API_BASE = fake.url
        settings.PAYMENT_TIMEOUT_SECONDS = 30.0
        yield fake


@pytest.fixture
def account(tenant, stripe):
    """The tenant's account with the fake."""
    return paying.put_account(tenant, stripe)


@pytest.fixture
def anna(tenant, buyer):
    """The buyer with a client."""
    return buying.shopper(tenant, buyer)


@pytest.fixture
def poster(tenant, seller):
    """Something for 10 dollars, of which there are five."""
    return shop.make_item(tenant, seller, quantity=5)


@pytest.fixture
def admin(tenant):
    return buying.staff(tenant, "admin")


@pytest.fixture
def support(tenant):
    return buying.staff(tenant, "support")


@pytest.fixture(autouse=True)
def everything_adds_up(tenant):
    """After every test the books balance, and stock is what reservations say."""
    yield
    buying.assert_adds_up(tenant)
