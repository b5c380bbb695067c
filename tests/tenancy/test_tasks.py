"""Tasks, run by a real worker over a real broker."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from apps.tenancy import binding, tasks
from apps.tenancy.models import Tenant
from apps.tenancy.operations import tenants
from apps.users.models import Profile
from tests.environment import ROOT
from tests.tasks import count_profiles, fail_after_writing, read_unbound, rename_profiles
from tests.tenancy import forked, solo

# Servers of the machine, tried where they answer: the address and the port of each.
OTHERS = {
    "rabbitmq": ("amqp://guest:guest@127.0.0.1:5672//", 5672),
    "redis": ("redis://127.0.0.1:6379/15", 6379),
}


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def point_at(app: Any, *, broker: str, queue: str) -> None:
    """Have this process send to another broker."""
    app.conf.broker_url = app.conf.broker_read_url = app.conf.broker_write_url = broker
    app.conf.task_default_queue = queue
    app.amqp.queues = app.amqp.Queues({})
    # What a forked process does about the connections of its parent.
    app._after_fork()


def wait_for(condition: Callable[[], Any], *, seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


@contextmanager
def working(param: str, *, broker: str, queue: str) -> Iterator[None]:
    """A worker by its command at our own broker; at the others one that is at work sooner."""
    if param in OTHERS:
        other = forked.start(solo.work, broker, queue, partial(import_module, "tests.tasks"))
        try:
            yield
        finally:
            other.kill()
            other.join()
        return
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "config.celery", "worker",
         "--include", "tests.tasks", "--pool", "solo", "--loglevel", "WARNING", "--queues", queue, "--without-mingle",
         "--without-gossip", "--without-heartbeat"],
        cwd=ROOT, stdin=subprocess.DEVNULL,
        env={**os.environ, "QUINTET_BROKER_URL": broker, "DJANGO_SETTINGS_MODULE": "config.settings"},
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module", params=["valkey", *OTHERS])
def worker(request: Any, django_db_setup: None) -> Iterator[str]:
    """A worker process on the broker; what it does is seen in the database and the cache."""
    broker, port = OTHERS.get(request.param, (settings.CELERY_BROKER_URL, None))
    if port is not None and not answers(port):
        pytest.skip(f"no {request.param} answers on 127.0.0.1:{port}")
    queue = f"quintet-test-{os.getpid()}-{request.param}"
    app = tasks.app
    before = (app.conf.broker_url, app.conf.task_default_queue)
    point_at(app, broker=broker, queue=queue)
    try:
        with working(request.param, broker=broker, queue=queue):
            yield queue
    finally:
        with app.connection_for_write(url=broker) as connection:
            connection.default_channel.queue_delete(queue)
        if request.param == "redis":
            # Kombu keeps what it knows of a queue: this one is not to be found again.
            client = redis.Redis.from_url(broker)
            for key in client.scan_iter(f"*{queue}*"):
                client.delete(key)
            client.close()
        point_at(app, broker=before[0], queue=before[1])


def make_profile(tenant: Tenant, name: str = "Ada") -> Profile:
    with binding.bind(tenant, writes="users"):
        return Profile.objects.create(
            profile_type="CELEBRITY", display_name=name, keycloak_id=tenant.id
        )


def name_of(tenant: Tenant) -> str:
    with binding.bind(tenant):
        return str(Profile.objects.get().display_name)


class TestTenantTask:
    def test_sees_its_own_tenant_only(self, worker: str, tenant: Tenant, rival: Tenant) -> None:
        make_profile(tenant)
        for _ in range(2):
            with binding.bind(rival, writes="users"):
                Profile.objects.create(profile_type="GROUP", display_name="Band")

        count_profiles.send(tenant=tenant, key=f"count:{tenant.id}")
        count_profiles.send(tenant=rival, key=f"count:{rival.id}")

        assert wait_for(lambda: cache.get(f"count:{tenant.id}")) == 1
        assert wait_for(lambda: cache.get(f"count:{rival.id}")) == 2

    def test_sent_inside_a_block_that_writes_starts_after_the_commit(
        self, worker: str, tenant: Tenant
    ) -> None:
        key = f"count:{tenant.id}"
        with binding.bind(tenant, writes="users"):
            Profile.objects.create(profile_type="GROUP", display_name="Band")
            count_profiles.send(key=key)
            time.sleep(0.3)
            assert cache.get(key) is None

        assert wait_for(lambda: cache.get(key)) == 1

    def test_sent_inside_a_block_that_rolls_back_is_never_sent(
        self, worker: str, tenant: Tenant, rival: Tenant
    ) -> None:
        make_profile(rival)
        with binding.bind(tenant, writes="users") as bound:
            count_profiles.send(key=f"count:{tenant.id}")
            bound.rollback()

        count_profiles.send(tenant=rival, key=f"count:{rival.id}")
        wait_for(lambda: cache.get(f"count:{rival.id}"))
        assert cache.get(f"count:{tenant.id}") is None

    def test_writes_in_its_context_and_commits(self, worker: str, tenant: Tenant) -> None:
        make_profile(tenant)

        rename_profiles.send(tenant=tenant, name="Grace")

        wait_for(lambda: name_of(tenant) == "Grace")

    def test_that_fails_leaves_nothing_written(self, worker: str, tenant: Tenant) -> None:
        make_profile(tenant)

        fail_after_writing.send(tenant=tenant, name="Grace", key=f"failed:{tenant.id}")

        wait_for(lambda: cache.get(f"failed:{tenant.id}"))
        time.sleep(0.2)
        assert name_of(tenant) == "Ada"

    def test_without_a_binding_reads_nothing(self, worker: str, tenant: Tenant) -> None:
        key = f"unbound:{tenant.id}"

        read_unbound.send(key=key)

        assert wait_for(lambda: cache.get(key)) == "Unbound"

    def test_of_a_suspended_tenant_waits(self, worker: str, tenant: Tenant, rival: Tenant) -> None:
        make_profile(tenant)
        make_profile(rival)
        tenants.suspend_tenant(slug=tenant.slug, suspended_at=timezone.now())

        rename_profiles.send(tenant=tenant, name="Grace")
        rename_profiles.send(tenant=rival, name="Grace")

        wait_for(lambda: name_of(rival) == "Grace")
        assert name_of(tenant) == "Ada"


class TestDispatcher:
    def test_fans_out_to_active_tenants_once_per_turn(
        self, tenant: Tenant, rival: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent = []
        monkeypatch.setattr(tasks, "_scheduled", {"nightly": (count_profiles, 3600)})
        monkeypatch.setattr(count_profiles, "send", lambda *, tenant: sent.append(tenant.id))
        tenants.suspend_tenant(slug=rival.slug, suspended_at=timezone.now())

        tasks.dispatch_scheduled()
        tasks.dispatch_scheduled()

        assert sent.count(tenant.id) == 1
        assert rival.id not in sent
