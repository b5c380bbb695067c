"""Tenants by name, in each kind of home."""

from collections.abc import Callable

import pytest

from apps.tenancy.models import Tenant


@pytest.fixture
def acme(make_tenant: Callable[..., Tenant], home: str) -> Tenant:
    return make_tenant(home=home)


@pytest.fixture
def other(make_tenant: Callable[..., Tenant], home: str) -> Tenant:
    """A tenant in the same home as acme."""
    return make_tenant(home=home)
