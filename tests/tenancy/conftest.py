"""Tenants by name, in each kind of home; and a home for migration operations."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connections

from apps.tenancy.models import Tenant
from apps.tenancy.roles import as_owner
from tests.tenancy.schema_bench import ALIAS, HOME, Bench


@pytest.fixture
def acme(make_tenant: Callable[..., Tenant], home: str) -> Tenant:
    return make_tenant(home=home)


@pytest.fixture
def other(make_tenant: Callable[..., Tenant], home: str) -> Tenant:
    """A tenant in the same home as acme."""
    return make_tenant(home=home)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with as_owner(aliases=[ALIAS], home=HOME):
        with connections[ALIAS].cursor() as cursor:
            cursor.execute(f"DROP SCHEMA IF EXISTS {HOME} CASCADE; CREATE SCHEMA {HOME}")
        try:
            yield Bench()
        finally:
            with connections[ALIAS].cursor() as cursor:
                cursor.execute(f"DROP SCHEMA {HOME} CASCADE")
