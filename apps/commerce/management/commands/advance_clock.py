"""`manage.py advance_clock`: move a tenant's test clock, and have happen what falls due."""

from datetime import datetime
from typing import Annotated

import typer
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from apps.commerce.operations import clock
from apps.kernel.errors import Invalid
from apps.tenancy.management.base import Format, FormatOption, OperatorCommand
from apps.tenancy.operations import tenants


class Command(OperatorCommand):
    help = (
        "Move a tenant's test clock; what falls due happens in order, each thing at its own time. "
        "Safe to run again after a crash."
    )

    def handle(
        self,
        tenant: Annotated[str, typer.Option("--tenant", help="The tenant's slug.")],
        to: Annotated[
            str, typer.Option("--to", help="The time it is to show, such as 2027-01-31T00:00:00Z.")
        ],
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Advance the clock, and print what it shows."""
        place = tenants.get_tenant(slug=tenant)
        moved = clock.advance_clock(tenant=place, to=_time(to))
        self.say(
            f"The test clock of {tenant} shows {moved.time.isoformat()}.",
            as_format=format,
            tenant=tenant,
            time=moved.time,
        )


def _time(text: str) -> datetime:
    try:
        time = parse_datetime(text)
    except ValueError:
        time = None
    if time is None:
        raise Invalid(f"{text!r} is no time: write it as 2027-01-31T00:00:00Z.")
    return time if timezone.is_aware(time) else timezone.make_aware(time)
