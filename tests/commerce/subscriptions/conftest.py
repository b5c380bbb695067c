"""A tenant whose clock stands at noon on 31 January 2027."""

import pytest

from tests.commerce.subscriptions import timeline


@pytest.fixture
def clock(tenant):
    """The tenant's test clock."""
    return timeline.set_clock(tenant)


@pytest.fixture
def plan(tenant, seller):
    """10 dollars a month."""
    return timeline.make_plan(tenant, seller)
