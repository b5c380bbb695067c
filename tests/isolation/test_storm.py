"""Eight clients of four tenants on four server connections, with exceptions and killed backends.

Nobody may see a row of another tenant, nor an empty list where there are rows.
"""

import gc
import random
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, close_old_connections, connections, transaction
from django.db import Error as AnyDatabaseError

from apps.tenancy.binding import Binding, bind
from apps.tenancy.models import Tenant
from apps.tenancy.postgresql.base import DatabaseWrapper
from apps.users.models import Profile
from tests.conftest import admin
from tests.isolation.pooler import PORT, needs_pgbouncer, pooling

pytestmark = [
    pytest.mark.pgbouncer,
    needs_pgbouncer,
    # A cursor whose backend was killed can't be closed any more, and says so when it is collected.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

CLIENTS = 8
TENANTS = 4
ROWS = 5
SECONDS = 4.0


class Storm:
    """Counts what the clients saw. `foreign`, `empty` and `unbound` must stay at nought."""

    def __init__(self, tenants: list[Tenant]) -> None:
        self.tenants = tenants
        self.seen: Counter[str] = Counter()
        self.unexpected: list[BaseException] = []
        self.until = 0.0
        self.spared: list[int] = []

    def rage(self, *, seconds: float) -> None:
        """Let all clients, a prober without a tenant and a killer loose."""
        self.until = time.monotonic() + seconds
        jobs: list[Callable[[], None]] = [
            lambda number=number: self.client(number) for number in range(CLIENTS)
        ]
        threads = [threading.Thread(target=job) for job in (*jobs, self.prober, self.killer)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=seconds + 30)
        assert not any(thread.is_alive() for thread in threads)

    def client(self, number: int) -> None:
        """Work for one tenant, as requests come: one block after the other."""
        dice = random.Random(number)
        tenant = self.tenants[number % TENANTS]
        deeds = [self.read, self.read, self.stream, self.write, self.fail, self.undo, self.wait]
        try:
            while time.monotonic() < self.until:
                close_old_connections()
                try:
                    dice.choice(deeds)(tenant)
                except (AnyDatabaseError, psycopg.Error):
                    self.seen["refused"] += 1
                    connections["users"].close()
        except BaseException as error:
            self.unexpected.append(error)
        finally:
            connections.close_all()

    def judge(self, tenant: Tenant, rows: list[tuple[Any, str]]) -> None:
        self.seen["reads"] += 1
        if len(rows) < ROWS:
            self.seen["empty"] += 1
        if any(owner != tenant.id or name != tenant.slug for owner, name in rows):
            self.seen["foreign"] += 1

    def read(self, tenant: Tenant) -> None:
        with bind(tenant):
            self.judge(tenant, list(Profile.objects.values_list("tenant_id", "display_name")))

    def stream(self, tenant: Tenant) -> None:
        with bind(tenant):
            rows = Profile.objects.values_list("tenant_id", "display_name")
            self.judge(tenant, list(rows.iterator(chunk_size=2)))

    def write(self, tenant: Tenant) -> None:
        with bind(tenant, writes="users"):
            list(Profile.objects.select_for_update().order_by("id")[:1])
            Profile.objects.create(
                profile_type="FAN", keycloak_id=uuid4(), display_name=tenant.slug
            )
            self.judge(tenant, list(Profile.objects.values_list("tenant_id", "display_name")))

    def fail(self, tenant: Tenant) -> None:
        try:
            with bind(tenant, writes="users"):
                Profile.objects.create(
                    profile_type="FAN", keycloak_id=uuid4(), display_name="undone"
                )
                raise ZeroDivisionError
        except ZeroDivisionError:
            self.seen["exceptions"] += 1

    def undo(self, tenant: Tenant) -> None:
        with bind(tenant, writes="users"):
            try:
                with transaction.atomic(using="users"):
                    Profile.objects.create(
                        profile_type="FAN", keycloak_id=uuid4(), display_name="undone"
                    )
                    raise ZeroDivisionError
            except ZeroDivisionError:
                self.seen["savepoints"] += 1
            self.judge(tenant, list(Profile.objects.values_list("tenant_id", "display_name")))

    def wait(self, tenant: Tenant) -> None:
        with bind(tenant), connections["users"].cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '5ms'")
            try:
                cursor.execute("SELECT pg_sleep(0.02)")
            except DatabaseError:
                self.seen["timeouts"] += 1
                raise

    def prober(self) -> None:
        """Ask without a tenant, on connections that were others' a moment ago."""
        settings = connections["users"].get_connection_params()
        home = self.tenants[0].schema_name
        while time.monotonic() < self.until:
            try:
                with psycopg.connect(
                    dbname=settings["dbname"],
                    user=settings["user"],
                    host=settings["host"],
                    port=PORT,
                    autocommit=True,
                ) as raw:
                    for _ in range(20):
                        self._probe(raw, home)
            except psycopg.OperationalError:
                self.seen["refused"] += 1

    def _probe(self, raw: psycopg.Connection, home: str) -> None:
        for statement in ("SELECT id FROM profiles", f"SELECT id FROM {home}.profiles"):
            try:
                raw.execute(statement).fetchall()
            except (psycopg.ProgrammingError, psycopg.DataError):
                self.seen["probes"] += 1
            else:
                self.seen["unbound"] += 1

    def killer(self) -> None:
        """Kill a server connection every now and then."""
        with admin() as connection:
            while time.monotonic() < self.until:
                time.sleep(0.1)
                killed = connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = %s AND usename = 'quintet_app' AND pid <> ALL (%s) "
                    "ORDER BY random() LIMIT 1",
                    [connections.databases["users"]["NAME"], self.spared],
                ).fetchall()
                self.seen["killed"] += len(killed)


@pytest.fixture
def storm(make_tenant: Callable[..., Tenant], home: str) -> Iterator[Storm]:
    """A storm over tenants with rows of their own; threads reach the database through the pooler."""
    tenants = [make_tenant(home=home) for _ in range(TENANTS)]
    for tenant in tenants:
        with bind(tenant, writes="users"):
            Profile.objects.bulk_create(
                Profile(profile_type="FAN", keycloak_id=uuid4(), display_name=tenant.slug)
                for _ in range(ROWS)
            )
    found = Storm(tenants)
    # This thread's own connection is not the storm's.
    found.spared = [connections["users"].connection.info.backend_pid]
    with pooling(alias="users") as directory, through(directory):
        yield found
    # A cursor whose connection was killed can't be closed: it goes here, and not in another test.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class through:
    """Have new connections to the users database go through the pooler."""

    def __init__(self, directory: Path) -> None:
        self.values = {"HOST": str(directory), "PORT": str(PORT)}

    def __enter__(self) -> None:
        self.before = connections.databases["users"]
        connections.databases["users"] = {**self.before, **self.values}

    def __exit__(self, *_: object) -> None:
        connections.databases["users"] = self.before


class TestStorm:
    def test_nobody_sees_another_s_rows_or_none(self, storm: Storm) -> None:
        storm.rage(seconds=SECONDS)

        assert storm.unexpected == []
        assert storm.seen["foreign"] == 0
        assert storm.seen["empty"] == 0
        assert storm.seen["unbound"] == 0
        assert storm.seen["reads"] > 100
        for kind in ("probes", "killed", "exceptions", "savepoints", "timeouts", "refused"):
            assert storm.seen[kind] > 0, storm.seen
        with bind(storm.tenants[0]):
            assert not Profile.objects.filter(display_name="undone").exists()

    def test_settings_of_the_session_are_seen_by_those_who_come_after(
        self, storm: Storm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        render = Binding._render_settings
        monkeypatch.setattr(
            Binding, "_render_settings", lambda self: render(self).replace("SET LOCAL", "SET")
        )

        storm.rage(seconds=SECONDS)

        assert storm.seen["unbound"] > 0, "the storm does not notice a leak"

    def test_settings_sent_once_per_connection_give_foreign_rows(
        self, storm: Storm, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        render = Binding._render_settings
        told: dict[int, Any] = {}

        def send_once(self: Binding, connection: DatabaseWrapper) -> None:
            """As a middleware does that sets the tenant when it gets a connection."""
            if told.get(id(connection.connection)) != self.tenant_id:
                told[id(connection.connection)] = self.tenant_id
                connection.run_unprepared(render(self).replace("SET LOCAL", "SET"))

        monkeypatch.setattr(Binding, "send_settings", send_once)

        storm.rage(seconds=SECONDS)

        assert storm.seen["foreign"] > 0, "the storm does not notice foreign rows"
