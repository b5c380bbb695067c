"""What most tests of purchases begin with."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from apps.kernel.errors import Problem
from tests.commerce.purchases import buying


@pytest.fixture(autouse=True)
def local_payments(settings):
    """The local provider may be used."""
    settings.LOCAL_PAYMENTS = True


@pytest.fixture
def anna(tenant, buyer, wallet):
    """The buyer with a client, and 100 dollars in the wallet."""
    return buying.shopper(tenant, buyer)


@pytest.fixture
def support(tenant):
    return buying.staff(tenant, "support")


@pytest.fixture
def admin(tenant):
    return buying.staff(tenant, "admin")


@pytest.fixture(autouse=True)
def everything_adds_up(tenant):
    """After every test the books balance, and stock is what reservations say."""
    yield
    buying.assert_adds_up(tenant)


@pytest.fixture
def race():
    """Run functions at once, each on a connection of its own; return what they return or raise, in order."""

    def run(*calls):
        start = Barrier(len(calls))

        def each(call):
            try:
                start.wait()
                return call()
            except Problem as problem:
                return problem
            finally:
                connections.close_all()

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(each, calls))

    return run
