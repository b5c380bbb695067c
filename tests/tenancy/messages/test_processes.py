"""Relays as processes: killed at every step, cut off from their databases, many at once."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

import pytest
from django.db import connections

from apps.kernel.ids import uuid7
from apps.tenancy import relay
from config.databases import APP
from tests.conftest import admin
from tests.environment import ROOT
from tests.tenancy import forked
from tests.tenancy.messages import relaying as relay_program
from tests.tenancy.messages import world
from tests.tenancy.messages.relaying import STEPS
from tests.tenancy.messages.world import HANDLERS, ask, effects, numbers, tick, tick_all

LEASE = 2


@contextmanager
def relaying(*arguments: str) -> Iterator[BaseProcess]:
    """A relay in a process of its own."""
    process = forked.start(relay_program.main, ["--lease", str(LEASE), *arguments])
    try:
        yield process
    finally:
        process.kill()
        process.join()


@contextmanager
def relaying_by_command(*arguments: str) -> Iterator[subprocess.Popen]:
    """The same, from the beginning, and what it says."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tests.tenancy.messages.relaying",
         "--lease", str(LEASE), *arguments],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], object], *, seconds: float = 40) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def backends() -> list[int]:
    """The connections of the relays: of the run-time role to this test's databases, but for our own."""
    own = {
        each.connection.info.backend_pid
        for each in connections.all()
        if each.connection is not None
    }
    with admin() as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE usename = %s AND datname LIKE %s",
            [APP, f"{os.environ['QUINTET_DATABASE_PREFIX']}\\_%"],
        ).fetchall()
    return [pid for (pid,) in rows if pid not in own]


def terminate(pid: int) -> None:
    with admin() as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [pid])


class TestKilledRelay:
    @pytest.mark.parametrize("step", STEPS)
    def test_leaves_nothing_undone_and_nothing_done_twice(self, tenant, step):
        world.subscribe(*HANDLERS)
        things = [uuid7() for _ in range(3)]
        tick_all(tenant, [(thing, n) for n in (1, 2, 3) for thing in things])

        with relaying("--tenant", tenant.slug, "--die-at", step, "--lease", "600") as process:
            process.join(timeout=40)
            assert process.exitcode == -signal.SIGKILL
        left = ask(tenant, "SELECT leased_until FROM outbox WHERE leased_until IS NOT NULL")
        assert len(left) == 27
        assert relay.relay(tenant=tenant, context="users") == 0
        done = sum(len(effects(tenant, handler)) for handler in HANDLERS)
        assert done == (9 if step == "handled" else 0)
        ask(tenant, "UPDATE outbox SET leased_until = now() - interval '1 s'")

        with relaying("--tenant", tenant.slug, "--once") as process:
            process.join(timeout=40)
            assert process.exitcode == 0
        for handler in HANDLERS:
            for thing in things:
                done = [n for about, n in effects(tenant, handler) if about == thing]
                assert done == [1, 2, 3]
        assert ask(tenant, "SELECT id FROM outbox") == []


class TestRelayCommand:
    def test_delivers_until_it_is_told_to_stop_and_says_what(self, tenant):
        world.subscribe(*HANDLERS)
        thing = uuid7()
        with relaying_by_command("--tenant", tenant.slug) as process:
            tick(tenant, thing, 1)
            wait_for(lambda: numbers(tenant) == [1])
            tick(tenant, thing, 2)
            wait_for(lambda: numbers(tenant) == [1, 2])
            wait_for(lambda: not world.waiting(tenant))

            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)

        assert process.returncode == 0, err
        assert f"{tenant.slug} users: 3 delivered\n" in out

    def test_goes_on_after_its_connections_were_cut(self, tenant):
        world.subscribe(*HANDLERS)
        thing = uuid7()
        with relaying("--tenant", tenant.slug, "--batch", "3", "--slow", "0.02"):
            tick(tenant, thing, *range(1, 41))
            wait_for(lambda: numbers(tenant))
            for pid in backends():
                terminate(pid)

            wait_for(lambda: not world.waiting(tenant))
        for handler in HANDLERS:
            assert numbers(tenant, handler) == list(range(1, 41))


@pytest.mark.slow
class TestStorm:
    EACH, RELAYS = 50, 4

    @pytest.mark.parametrize(
        ("number", "batch"),
        [pytest.param(600, 10), pytest.param(10_000, 150, marks=pytest.mark.storm)],
    )
    def test_of_kills_leaves_every_effect_once_and_in_order(self, tenant, number, batch):
        world.subscribe(*HANDLERS)
        things = [uuid7() for _ in range(number // self.EACH)]
        chance = random.Random(7)
        killed = 0
        with self.relays(tenant, batch) as relays:
            for start in range(1, self.EACH + 1, 10):
                tick_all(tenant, [(thing, n) for n in range(start, start + 10) for thing in things])
            deadline = time.monotonic() + 240
            while self.left(tenant) and time.monotonic() < deadline:
                time.sleep(0.2)
                if killed < 8 and self.hit(relays, chance, backend=killed % 2 == 1):
                    killed += 1

        assert not self.left(tenant)
        assert killed >= 4
        for handler in HANDLERS:
            done = defaultdict(list)
            for about, turn in effects(tenant, handler):
                done[about].append(turn)
            assert set(done) == set(things)
            assert all(each == list(range(1, self.EACH + 1)) for each in done.values())

    @contextmanager
    def relays(self, tenant, batch):
        self.arguments = ("--tenant", tenant.slug, "--batch", str(batch), "--slow", "0.0005")
        self.running = [relaying(*self.arguments) for _ in range(self.RELAYS)]
        processes = [each.__enter__() for each in self.running]
        try:
            yield processes
        finally:
            for each in self.running:
                each.__exit__(None, None, None)

    def hit(self, relays, chance, *, backend: bool) -> bool:
        """Kill a relay and start another in its place, or the connection of one, if one is at work."""
        if backend:
            at_work = backends()
            if at_work:
                terminate(chance.choice(at_work))
            return bool(at_work)
        place = chance.randrange(len(relays))
        self.running[place].__exit__(None, None, None)
        self.running[place] = relaying(*self.arguments)
        relays[place] = self.running[place].__enter__()
        return True

    def left(self, tenant) -> int:
        return ask(tenant, "SELECT count(*) FROM outbox")[0][0]
