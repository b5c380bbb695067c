"""Kicks: a real worker relays; a broker that is gone, or hangs, costs nobody anything."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from multiprocessing.process import BaseProcess

import pytest

from apps.kernel import messages
from apps.kernel.ids import uuid7
from apps.tenancy import kicks, relay, tasks, waiting
from apps.tenancy.tasks import relay_messages, sweep_messages
from config.embedded import valkey
from tests.api import Caller, client_of
from tests.tenancy import forked, solo
from tests.tenancy.messages import world
from tests.tenancy.messages.world import numbers, subscribe, tick

PUBLISH = kicks._publish


@pytest.fixture
def broker(tmp_path, monkeypatch) -> Iterator[int]:
    """A Valkey of the test's own, and this process sending to it; gives its process id."""
    monkeypatch.setattr(kicks, "_publish", PUBLISH)
    monkeypatch.setattr(kicks, "_rest_until", [0.0])
    monkeypatch.setattr(kicks, "REST_SECONDS", 0.0)
    server = valkey.ensure_valkey(var=tmp_path)
    before = tasks.app.conf.broker_url
    point_at(server.celery_url(database=0))
    pid = valkey.find_pid(var=tmp_path)
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        valkey.stop(var=tmp_path)
        kicks._forget_connection()
        point_at(before)


def point_at(url: str) -> None:
    conf = tasks.app.conf
    conf.broker_url = conf.broker_read_url = conf.broker_write_url = url
    tasks.app._after_fork()


@pytest.fixture
def worker(broker: int) -> Iterator[BaseProcess]:
    """The application's worker, with the handlers of the tests."""
    handlers = partial(world.subscribe, *world.HANDLERS)
    process = forked.start(solo.work, tasks.app.conf.broker_write_url, "quintet", handlers)
    try:
        yield process
    finally:
        process.kill()
        process.join()


def wait_for(condition, *, seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def wait_until_gone(pid: int) -> None:
    def is_gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(is_gone)


def queued() -> int:
    with tasks.app.connection_for_read() as connection:
        return connection.default_channel.client.llen("quintet")


@pytest.fixture
def patient(monkeypatch) -> None:
    """A pause of a busy machine is not a broker that is gone."""
    monkeypatch.setattr(kicks, "TIMEOUT_SECONDS", 30.0)


@pytest.mark.usefixtures("patient")
class TestKick:
    def test_has_a_worker_deliver_after_the_commit(self, worker, tenant):
        subscribe(*world.HANDLERS)
        thing = uuid7()

        tick(tenant, thing, 1, 2)

        wait_for(lambda: numbers(tenant, "platform.note_again") == [1, 2])
        wait_for(lambda: not world.waiting(tenant))

    def test_is_one_for_a_transaction_and_none_where_nobody_listens(self, broker, tenant):
        world.subscribe()
        tick(tenant, uuid7(), 1)
        assert queued() == 0

        subscribe("users.note", "platform.note")
        tick(tenant, uuid7(), 1, 2, 3)
        assert queued() == 1

    def test_goes_to_the_worker_of_a_tenant_by_its_header(self, broker, tenant, monkeypatch):
        sent = []
        monkeypatch.setattr(relay_messages, "apply_async", lambda **options: sent.append(options))

        kicks.kick(tenant=tenant, context="users")

        ((options,),) = [sent]
        assert options["headers"] == {tasks.HEADER: str(tenant.id)}
        assert options["kwargs"] == {"context": "users"}
        assert options["retry"] is False


# Without its time limits a broker that hangs is waited for without end; a busy machine takes seconds.
LIMIT_SECONDS = 15


class TestBrokerThatIsGone:
    def test_holds_up_no_write_and_loses_nothing(self, broker, tenant):
        subscribe("users.note")
        thing = uuid7()
        tick(tenant, thing, 1)
        os.kill(broker, signal.SIGKILL)
        wait_until_gone(broker)

        assert self.seconds(tenant, thing, 2) < LIMIT_SECONDS
        assert self.seconds(tenant, thing, 3) < LIMIT_SECONDS
        assert len(world.waiting(tenant)) == 3

    def test_that_hangs_holds_up_no_write(self, broker, tenant):
        subscribe("users.note")
        thing = uuid7()
        tick(tenant, thing, 1)
        os.kill(broker, signal.SIGSTOP)

        assert self.seconds(tenant, thing, 2) < LIMIT_SECONDS
        # With a connection that is made anew.
        assert self.seconds(tenant, thing, 3) < LIMIT_SECONDS
        assert len(world.waiting(tenant)) == 3

    def test_that_hangs_holds_up_no_request(self, broker, tenant):
        client = client_of(tenant, Caller(name="Edith", role="editor"))
        handled = []
        messages.subscribe(
            name="users.look", context="users", handle=lambda *given: handled.append(given)
        )
        os.kill(broker, signal.SIGSTOP)
        body = {"profile_type": "GROUP", "display_name": "Band"}

        begun = time.monotonic()
        response = client.post("/api/v1/profiles", body, format="json")
        taken = time.monotonic() - begun

        assert response.status_code == 201, response.content
        assert taken < LIMIT_SECONDS
        relay.relay(tenant=tenant, context="users")
        assert [message.change for message, _ in handled] == ["CREATED"]

    def test_is_left_alone_for_a_while(self, broker, tenant, monkeypatch):
        monkeypatch.setattr(kicks, "REST_SECONDS", 60.0)
        tried = []

        def refuse(**options) -> None:
            tried.append(options)
            raise OSError

        monkeypatch.setattr(kicks, "_publish", refuse)

        kicks.kick(tenant=tenant, context="users")
        kicks.kick(tenant=tenant, context="users")

        assert len(tried) == 1

    @pytest.mark.usefixtures("patient")
    def test_is_made_up_for_by_the_sweep_once_it_is_back(self, broker, worker, tenant, tmp_path):
        subscribe(*world.HANDLERS)
        thing = uuid7()
        tick(tenant, thing, 1)
        wait_for(lambda: not world.waiting(tenant))
        os.kill(broker, signal.SIGKILL)
        wait_until_gone(broker)
        tick(tenant, thing, 2, 3)
        valkey.ensure_valkey(var=tmp_path)
        time.sleep(1)
        assert len(world.waiting(tenant)) == 6

        sweep_messages.run()

        wait_for(lambda: numbers(tenant) == [1, 2, 3])
        wait_for(lambda: not world.waiting(tenant))

    def seconds(self, tenant, thing, number: int) -> float:
        begun = time.monotonic()
        tick(tenant, thing, number)
        return time.monotonic() - begun


class TestSweep:
    def test_finds_whom_messages_wait_for_and_kicks_for_each(self, tenant, rival, monkeypatch):
        kicked = []
        monkeypatch.setattr(
            kicks, "kick", lambda *, tenant, context: kicked.append((tenant.id, context))
        )
        subscribe("users.note")
        tick(tenant, uuid7(), 1)
        tick(rival, uuid7(), 1)
        world.ask(rival, "UPDATE outbox SET due_at = now() + interval '1 hour'")
        kicked.clear()

        sweep_messages.run()

        assert (tenant.id, "users") in kicked
        assert rival.id not in {tenant_id for tenant_id, _ in kicked}

    def test_counts_what_waits_what_is_dead_and_how_late_it_is(self, tenant):
        subscribe("users.note", "platform.note")
        tick(tenant, uuid7(), 1)
        world.ask(
            tenant,
            "UPDATE outbox SET due_at = now() - interval '1 minute', "
            "dead_at = CASE WHEN handler = 'users.note' THEN now() END",
        )

        (found,) = [
            each
            for each in waiting.waiting_in(context="users", home="pool_1")
            if each.tenant_id == tenant.id
        ]

        assert (found.waiting, found.dead, found.is_due) == (1, 1, True)
        assert 60 <= found.oldest_seconds < 70
