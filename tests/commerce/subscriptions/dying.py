"""A process that advances a test clock, and kills itself with SIGKILL in the midst of it.

It is at the step of a given number, when what falls due then is worked off, and the clock is not moved on
yet.
"""

import os
import signal


def main(slug: str, to: str, last: int) -> None:
    """Advance, and die."""
    from django.utils.dateparse import parse_datetime

    from apps.commerce.operations import clock, subscriptions
    from apps.tenancy.models import Tenant

    work_off_due, done = subscriptions.work_off_due, []

    def then_die(**values: object) -> int:
        worked_off = work_off_due(**values)  # type: ignore[arg-type]
        done.append(worked_off)
        if len(done) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return worked_off

    subscriptions.work_off_due = then_die  # type: ignore[assignment]
    clock.advance_clock(tenant=Tenant.objects.get(slug=slug), to=parse_datetime(to))  # type: ignore[arg-type]
