"""`python -m tests.tenancy.messages.working`: a Celery worker with the handlers of the tests.

The processes of its pool kill themselves with SIGKILL in the midst of batches, at each step in turn. The
batches are counted over all workers, in the cache; so are the deaths.
"""

import argparse
import os
import signal
from collections.abc import Sequence

import django

STEPS = ("claimed", "between", "handled")
# Of so many batches, one ends its process: until each step has had its share.
EVERY = 4


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--queue", required=True)
    parser.add_argument("--lease", type=float, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--deaths", type=int, required=True)
    given = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

    from apps.tenancy import outbox
    from apps.tenancy.tasks import app
    from tests.tenancy.messages import world

    outbox.LEASE_SECONDS = given.lease
    outbox.BATCH = given.batch
    app.conf.task_default_queue = given.queue
    fate = Fate(given.deaths)
    world.subscribe(*world.HANDLERS, before=fate.before)
    fate.arm()
    app.worker_main(
        ["worker", "--pool", "prefork", "--concurrency", "2", "--queues", given.queue,
         "--loglevel", "WARNING", "--without-mingle", "--without-gossip", "--without-heartbeat"]
    )  # fmt: skip


def count(name: str) -> int:
    """Count one more, over all processes."""
    from django.core.cache import cache

    cache.add(name, 0)
    return int(cache.incr(name))


class Fate:
    """Where this process ends, once it comes there; not every batch comes by every step."""

    def __init__(self, deaths: int) -> None:
        self.deaths = deaths
        self.step = ""
        self.messages = 0

    def draw(self) -> None:
        number, rest = divmod(count("storm:batches"), EVERY)
        is_over = rest != 0 or number > self.deaths * len(STEPS)
        if not (is_over or self.step):
            self.step = STEPS[number % len(STEPS)]
        self.messages = 0

    def meet(self, step: str) -> None:
        if step == self.step:
            count(f"storm:died:{step}")
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, message: object) -> None:
        self.messages += 1
        if self.messages == 3:
            self.meet("between")

    def arm(self) -> None:
        from apps.tenancy.relay import Relay

        turn, take = Relay._turn, Relay._take

        def turn_then_meet(*args, **kwargs):
            batch = turn(*args, **kwargs)
            if batch:
                self.draw()
                self.meet("claimed")
            return batch

        def take_then_meet(*args, **kwargs):
            taken = take(*args, **kwargs)
            self.meet("handled")
            return taken

        Relay._turn = turn_then_meet  # type: ignore[method-assign]
        Relay._take = take_then_meet  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
