"""People, and clients that speak for them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.tenancy import binding
from apps.tenancy.models import Tenant
from tests.api import Caller, client_of


@pytest.fixture
def bound(tenant: Tenant) -> Iterator[binding.Binding]:
    """The tenant, bound for writing in users."""
    with binding.bind(tenant, writes="users") as bound:
        yield bound


@pytest.fixture
def committed(tenant: Tenant) -> Callable[[Callable[[], Any]], Any]:
    """Return a function that runs another bound for writing in users, and commits."""

    def run(work: Callable[[], Any], *, writes: str = "users") -> Any:
        with binding.bind(tenant, writes=writes):
            return work()

    return run


@pytest.fixture
def editor() -> Caller:
    return Caller(name="Edith Editor", role="editor")


@pytest.fixture
def person() -> Caller:
    return Caller(name="Pia Person")


@pytest.fixture
def stranger() -> Caller:
    return Caller(name="Stan Stranger")


@pytest.fixture
def as_editor(tenant: Tenant, editor: Caller) -> APIClient:
    return client_of(tenant, editor)


@pytest.fixture
def as_person(tenant: Tenant, person: Caller) -> APIClient:
    return client_of(tenant, person)


@pytest.fixture
def as_stranger(tenant: Tenant, stranger: Caller) -> APIClient:
    return client_of(tenant, stranger)


@pytest.fixture
def as_anybody(tenant: Tenant) -> APIClient:
    return client_of(tenant)
