"""Reading a tenant's log, and connections that go around Django."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from apps.audit.logs import Log
from apps.audit.models import AuditEntry
from apps.tenancy import binding
from apps.tenancy.models import Tenant
from config.databases import APP, OWNER
from tests.conftest import admin

SEAL_KEY = "c2VhbHMtb2YtdGhlLXRlc3RzLXNlYWxzLW9mLXRlc3Q="
PASSWORDS = {APP: settings.APP_PASSWORD, OWNER: settings.OWNER_PASSWORD}


@pytest.fixture
def log_of() -> Callable[..., list[AuditEntry]]:
    """Return a reader of a tenant's entries in one database, in the order of their transactions."""

    def read(tenant: Tenant, *, alias: str = "users", **filters: Any) -> list[AuditEntry]:
        found = AuditEntry.objects.using(alias).filter(tenant_id=tenant.id, **filters)
        ordered = found.order_by("xid", "id")
        if alias == "default":
            return list(ordered)
        with binding.bind(tenant):
            return list(ordered)

    return read


@pytest.fixture
def connect() -> Iterator[Callable[..., psycopg.Connection]]:
    """Return a maker of connections by role, None being the server's superuser; not autocommit."""
    with ExitStack() as stack:

        def open_one(role: str | None = None, *, alias: str = "users") -> psycopg.Connection:
            name = settings.DATABASES[alias]["NAME"]
            connection = admin(database=name) if role is None else _as_role(role, alias)
            connection.autocommit = False
            stack.callback(connection.close)
            return connection

        yield open_one


def _as_role(role: str, alias: str) -> psycopg.Connection:
    database = settings.DATABASES[alias]
    return psycopg.connect(
        host=database["HOST"],
        port=database["PORT"] or None,
        user=role,
        password=PASSWORDS[role],
        dbname=database["NAME"],
    )


@pytest.fixture
def raw(connect: Callable[..., psycopg.Connection], tenant_in_home: Tenant) -> psycopg.Connection:
    """A connection of the run-time role in a transaction that says tenant and path, and no more."""
    connection = connect(APP)
    enter(connection, tenant_in_home)
    return connection


@pytest.fixture
def tenant_in_home(make_tenant: Callable[..., Tenant], home: str) -> Tenant:
    """A tenant in each kind of home in turn."""
    return make_tenant(home=home)


def enter(connection: psycopg.Connection, tenant: Tenant) -> None:
    """Say a tenant and its path, for the open transaction."""
    path = sql.SQL("SET LOCAL search_path = {}, extensions").format(
        sql.Identifier(tenant.schema_name)
    )
    tenant_id = sql.SQL("SET LOCAL app.tenant_id = {}").format(sql.Literal(str(tenant.id)))
    connection.execute(sql.SQL("; ").join([path, tenant_id]))


@pytest.fixture(autouse=True)
def a_key_for_seals(settings: Any) -> None:
    """Have seals signed by a key of the tests', whatever server they run on."""
    settings.SEAL_KEYS = [SEAL_KEY]
    settings.SEAL_PUBLIC_KEYS = []


@pytest.fixture
def users_log(tenant_in_home: Tenant) -> Log:
    """A log in each kind of home in turn."""
    return Log("users", tenant_in_home)


@contextmanager
def no_tenants() -> Iterator[None]:
    """Have none of the tenants that are there: those of tests before would each be gone through."""
    others = Tenant.objects.filter(status=Tenant.Status.ACTIVE)
    ids = list(others.values_list("id", flat=True))
    others.update(status=Tenant.Status.PROVISIONING)
    try:
        yield
    finally:
        Tenant.objects.filter(id__in=ids).update(status=Tenant.Status.ACTIVE)


@pytest.fixture
def nobody_else() -> Iterator[None]:
    """Have no tenant but this test's."""
    with no_tenants():
        yield
