"""Callers of the inventory's API."""

import pytest

from tests.api import Caller, client_of


@pytest.fixture
def editor(tenant):
    return client_of(tenant, Caller(role="editor"))


@pytest.fixture
def anybody(tenant):
    return client_of(tenant)


@pytest.fixture
def as_buyer(tenant, buyer):
    return client_of(tenant, Caller(id=buyer.keycloak_id))


@pytest.fixture
def as_seller(tenant, seller):
    return client_of(tenant, Caller(id=seller.keycloak_id))
