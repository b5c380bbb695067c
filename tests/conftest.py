"""Fixtures: databases cloned from a migrated template, and a fresh tenant for every test.

Nothing is flushed and nothing is wrapped in a transaction: a test commits, as the product does, and
is kept apart from the others by its tenant.
"""

import fcntl
import gc
import itertools
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import zeal
from django.conf import settings
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.db import connections
from django.test import client
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from psycopg import sql
from whitenoise.middleware import WhiteNoiseMiddleware
from zeal.constants import initialize_app_registry
from zeal.patch import patch

from apps.platform.ports import wakeups
from apps.tenancy import caching, homes, kicks, partitions, provisioning, resolution
from apps.tenancy.identity import people, trust
from apps.tenancy.models import Domain, Home, Tenant
from config import embedded
from config.databases import APP, PLAN, database_name
from tests.environment import ROOT, VAR, lock

OWN_HOME = "t_own"
_numbers = itertools.count(1)
_streams: list[Any] = []

# A pause of the machine is no fault of what is tested.
hypothesis_settings.register_profile(
    "tests", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long: what is left at the end is spread over all processes."""
    long = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    """Have the collector of garbage pass over what lasts to the end: a tenth of all time is its."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)


@pytest.fixture(scope="session")
def servers() -> Iterator[None]:
    """Start the tests' own PostgreSQL and Valkey; the last test process to end stops them."""
    using = lock("using.lock", fcntl.LOCK_SH)
    embedded.ensure_postgres(var=VAR, durable=False)
    embedded.ensure_valkey(var=VAR)
    yield
    if using is not None:
        using.close()
    if last := lock("using.lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
        embedded.stop(var=VAR)
        last.close()


@pytest.fixture(scope="session", autouse=True)
def django_db_setup(servers: None, django_db_blocker: Any) -> Iterator[None]:
    """Clone this worker's databases from the template of the current migrations."""
    with django_db_blocker.unblock():
        template = ensure_template()
        clone_databases(template)
        yield
        connections.close_all()


def admin(*, database: str = "postgres") -> psycopg.Connection:
    """Connect as the server's privileged user."""
    server = settings.OWNER_SERVERS["default"]
    return psycopg.connect(
        host=server.host,
        port=server.port or None,
        user=server.user or None,
        password=server.password or None,
        dbname=database,
        autocommit=True,
    )


def ensure_template() -> str:
    """Return the prefix of a set of migrated databases, made if the migrations are new."""
    # Partitions go by the month: what was migrated in the last one lacks the newest.
    month = partitions.Month.of(timezone.now()).suffix
    digest = f"{homes.fingerprint_of_everything()[:12]}_{month}"
    # A run with a prefix of its own leaves nothing behind that another could find.
    prefix = "_".join(filter(None, (os.environ.get("QUINTET_TEST_PREFIX"), "template", digest)))
    with admin() as connection:
        connection.execute("SELECT pg_advisory_lock(7105000099)")
        finished = connection.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s "
            "AND shobj_description(oid, 'pg_database') = 'finished'",
            [f"{prefix}_vault"],
        ).fetchone()
        if not finished:
            environment = {**os.environ, "QUINTET_DATABASE_PREFIX": prefix}
            for arguments in (["bootstrap", "--quiet"], ["create_tenant", "own", "--own-home"]):
                subprocess.run(
                    [sys.executable, "manage.py", *arguments],
                    cwd=ROOT,
                    env=environment,
                    check=True,
                    stdin=subprocess.DEVNULL,
                )
            connection.execute(
                sql.SQL("COMMENT ON DATABASE {} IS 'finished'").format(
                    sql.Identifier(f"{prefix}_vault")
                )
            )
    return prefix


def clone_databases(template: str) -> None:
    """Make this worker's databases anew out of the template."""
    with admin() as connection:
        connection.execute("SELECT pg_advisory_lock(7105000099)")
        for alias in PLAN:
            name = sql.Identifier(database_name(prefix=settings.DATABASE_PREFIX, alias=alias))
            source = sql.Identifier(database_name(prefix=template, alias=alias))
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER quintet_owner").format(name, source)
            )
    # Privileges on a database do not come with its template.
    provisioning.provision(prefix=settings.DATABASE_PREFIX)
    # A machine that stands still for seconds must not pass for somebody who keeps a lock.
    with admin() as connection:
        for alias in PLAN:
            name = sql.Identifier(database_name(prefix=settings.DATABASE_PREFIX, alias=alias))
            connection.execute(
                sql.SQL("ALTER ROLE {} IN DATABASE {} SET lock_timeout = '30s'").format(
                    sql.Identifier(APP), name
                )
            )


@pytest.fixture(scope="session", autouse=True)
def n_plus_one_is_an_error() -> Iterator[None]:
    """Have every request of every test fail if it asks for related rows one by one."""
    # django-allauth reads the addresses of one account one by one; they are a handful.
    settings.ZEAL_ALLOWLIST = [{"model": "account.EmailAddress", "field": "*"}]
    initialize_app_registry()
    patch()
    started, finished = (lambda **_: zeal.setup()), (lambda **_: zeal.teardown())
    request_started.connect(started)
    request_finished.connect(finished)
    yield
    request_started.disconnect(started)
    request_finished.disconnect(finished)


@pytest.fixture(scope="session", autouse=True)
def streamed_replies_are_kept() -> Iterator[None]:
    """Keep what streams replies until the test ends, and is then closed.

    A server closes each reply before it takes the next request. One that a test reads in part would be
    closed when its memory is freed, in the midst of whatever is at work then: it would take the addresses
    from under a request, or wait for ever for a lock of Django's signals that this very thread holds.
    """
    wrap = client.closing_iterator_wrapper

    def keep(iterable: Any, close: Callable[[], None]) -> Any:
        _streams.append(wrap(iterable, close))
        return _streams[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "closing_iterator_wrapper", keep)
        yield


@pytest.fixture(scope="session", autouse=True)
def static_files_are_looked_for_once() -> Iterator[None]:
    """Have all clients of this process share the static files that the first one has found.

    A server looks for them when it starts. Every test client loads the middleware anew, and looking
    would be the larger part of what most requests of the tests cost.
    """
    look = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, object] = {}

    def look_once(self: WhiteNoiseMiddleware) -> None:
        if not found:
            look(self)
            found.update(self.files)
        self.files = dict(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WhiteNoiseMiddleware, "add_files_from_finders", look_once)
        yield


@pytest.fixture(autouse=True)
def database_access(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Let every test reach the databases; nothing of a test outlives it in process memory."""
    resolution.forget()
    # A Valkey that was slow in one test is asked again in the next.
    for each in (caching, kicks, wakeups):
        each._rest_until[0] = 0.0
    with django_db_blocker.unblock():
        yield
        while _streams:
            _streams.pop().close()
    # A response that a failing test never read to its end leaves the watch on.
    zeal.teardown()
    cache.clear()
    leave_ended_connections()


def leave_ended_connections() -> None:
    """Let go of connections that the server has ended, for whatever a test did to it.

    A process that serves requests does so before each; the next test would be the one to fail.
    """
    for each in connections.all(initialized_only=True):
        raw = each.connection
        # What the server sends unasked is its good-bye.
        if raw is not None and (raw.closed or select.select([raw.fileno()], [], [], 0)[0]):
            each.close()


@pytest.fixture
def long_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered for two seconds is so for the whole test: queries are counted in it."""
    for each in (resolution, people, trust):
        monkeypatch.setattr(each, "REMEMBERED_FOR", 3_600.0)


@pytest.fixture
def make_tenant() -> Callable[..., Tenant]:
    """Return a maker of tenants: each is new, active and alone under its slug and host."""

    def make(*, home: str = "pool_1", **values: Any) -> Tenant:
        slug = values.pop("slug", f"t{os.getpid() % 10_000}-{next(_numbers)}")
        tenant = Tenant.objects.create(
            slug=slug,
            name=values.pop("name", slug.title()),
            home=Home.objects.get(name=home),
            status=values.pop("status", Tenant.Status.ACTIVE),
            **values,
        )
        Domain.objects.create(
            tenant=tenant, domain=f"{slug}.{settings.TENANT_BASE_DOMAIN}", is_primary=True
        )
        return tenant

    return make


@pytest.fixture
def tenant(make_tenant: Callable[..., Tenant]) -> Tenant:
    """A tenant in a pool home."""
    return make_tenant()


@pytest.fixture
def rival(make_tenant: Callable[..., Tenant]) -> Tenant:
    """Another tenant in the same pool home."""
    return make_tenant()


@pytest.fixture(params=["pool_1", OWN_HOME], ids=["pool", "own"])
def home(request: pytest.FixtureRequest) -> str:
    """Each kind of home in turn."""
    return str(request.param)
