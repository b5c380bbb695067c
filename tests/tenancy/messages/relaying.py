"""`python -m tests.tenancy.messages.relaying`: `manage.py relay` with the handlers of the tests.

It can kill itself with SIGKILL at a step, and take part of the guards away, to show what they are for.
"""

import argparse
import os
import signal
from collections.abc import Sequence

import django

STEPS = ("claimed", "handling", "handled")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lease", type=float, default=2.0)
    parser.add_argument("--die-at", choices=STEPS)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--slow", type=float, default=0.0)
    given, rest = parser.parse_known_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

    from django.core.management import call_command

    from apps.tenancy import kicks, outbox
    from tests.tenancy.messages import world

    outbox.LEASE_SECONDS = given.lease
    outbox.BATCH = given.batch or outbox.BATCH
    kicks._publish = lambda **_: None  # type: ignore[assignment]
    world.subscribe(*world.HANDLERS, before=_before(given.die_at, given.slow))
    _arm(given.die_at)
    call_command("relay", *rest)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _before(die_at: str | None, slow: float):
    import time

    seen = []

    def before(message: object) -> None:
        seen.append(message)
        if slow:
            time.sleep(slow)
        if die_at == "handling" and len(seen) == 3:
            _die()

    return before


def _arm(die_at: str | None) -> None:
    from apps.tenancy.relay import Relay

    def then_die(function):
        def wrapped(*args, **kwargs):
            if function(*args, **kwargs):
                _die()
            return []

        return wrapped

    if die_at == "claimed":
        Relay._turn = then_die(Relay._turn)  # type: ignore[method-assign]
    elif die_at == "handled":
        Relay._take = then_die(Relay._take)  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
