"""Celery workers, killed at every step and at any moment while thousands of messages wait."""

import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache

from apps.kernel.ids import uuid7
from apps.tenancy import tasks
from tests.tenancy import forked
from tests.tenancy.messages import working, world
from tests.tenancy.messages.working import STEPS
from tests.tenancy.messages.world import HANDLERS, ask, effects, tick_all
from tests.tenancy.test_tasks import point_at

LEASE = 2


class Workers:
    """Worker processes on a queue, each with two that work; those that were killed are replaced."""

    def __init__(self, *, queue: str, number: int, batch: int, deaths: int) -> None:
        self.queue, self.batch, self.deaths = queue, batch, deaths
        self.running = [self.start() for _ in range(number)]

    def start(self) -> BaseProcess:
        return forked.start(
            working.main,
            ["--queue", self.queue, "--lease", str(LEASE), "--batch", str(self.batch),
             "--deaths", str(self.deaths)],
        )  # fmt: skip

    def kill_one(self, chance: random.Random) -> None:
        """Kill a worker with all that belongs to it, at whatever it is, and start another."""
        place = chance.randrange(len(self.running))
        self._end(self.running[place])
        self.running[place] = self.start()

    def kill_child(self, chance: random.Random) -> bool:
        """Kill one that works, if there is one; its worker starts another."""
        children = [pid for worker in self.running for pid in children_of(worker.pid)]
        if children:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(children), signal.SIGKILL)
        return bool(children)

    def end(self) -> None:
        for worker in self.running:
            self._end(worker)

    def _end(self, worker: BaseProcess) -> None:
        # It leads a session of its own, of which nothing else is.
        with suppress(ProcessLookupError):
            os.killpg(worker.pid, signal.SIGKILL)
        # It may not have come to lead one yet.
        worker.kill()
        worker.join()


def children_of(pid: int) -> list[int]:
    with suppress(FileNotFoundError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


@contextmanager
def at_work(number: int, *, batch: int, deaths: int) -> Iterator[Workers]:
    """Workers on a queue of their own, to which this process sends as well."""
    queue = f"quintet-storm-{os.getpid()}"
    broker, before = settings.CELERY_BROKER_URL, tasks.app.conf.task_default_queue
    point_at(tasks.app, broker=broker, queue=queue)
    workers = Workers(queue=queue, number=number, batch=batch, deaths=deaths)
    try:
        yield workers
    finally:
        workers.end()
        with tasks.app.connection_for_write(url=broker) as connection:
            connection.default_channel.queue_delete(queue)
        point_at(tasks.app, broker=broker, queue=before)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are found in /proc")
class TestKilledWorkers:
    EACH, WORKERS = 20, 2
    SECONDS = 240

    @pytest.mark.parametrize(
        ("number", "batch", "kills", "deaths"),
        [
            pytest.param(300, 6, 6, 2),
            pytest.param(10_000, 150, 9, 4, marks=pytest.mark.storm),
        ],
    )
    def test_leave_every_effect_once_and_in_order(self, tenant, number, batch, kills, deaths):
        world.subscribe(*HANDLERS)
        things = [uuid7() for _ in range(number // self.EACH)]
        tick_all(tenant, [(thing, n) for n in range(1, self.EACH + 1) for thing in things])
        chance = random.Random(11)

        with at_work(self.WORKERS, batch=batch, deaths=deaths) as workers:
            killed = self.kill_while_any_is_left(tenant, workers, chance, kills)

        assert ask(tenant, "SELECT handler, version, attempts, dead_at FROM outbox") == []
        assert killed >= 4
        died = {step: cache.get(f"storm:died:{step}", 0) for step in STEPS}
        assert min(died.values()) >= deaths // 2, died
        for handler in HANDLERS:
            done = defaultdict(list)
            for about, turn in effects(tenant, handler):
                done[about].append(turn)
            assert set(done) == set(things)
            assert all(each == list(range(1, self.EACH + 1)) for each in done.values())

    def kill_while_any_is_left(
        self, tenant, workers: Workers, chance: random.Random, kills: int
    ) -> int:
        """Sweep as the scheduler does, and kill; return how often. Those at work end by themselves, too."""
        tasks.relay_messages.send(tenant=tenant, context="users")
        begun, killed = None, 0
        deadline = time.monotonic() + self.SECONDS
        while self.left(tenant) and time.monotonic() < deadline:
            time.sleep(0.4)
            tasks.sweep_messages.send()
            begun = begun or cache.get("storm:batches")
            if begun and killed < kills:
                if killed % 4 == 3:
                    workers.kill_one(chance)
                    killed += 1
                else:
                    killed += workers.kill_child(chance)
        return killed

    def left(self, tenant) -> bool:
        return bool(ask(tenant, "SELECT EXISTS (SELECT FROM outbox)")[0][0])
