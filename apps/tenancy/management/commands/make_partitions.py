"""`manage.py make_partitions`: make the months' partitions ahead of time."""

from typing import Annotated

import typer
from django.utils import timezone

from apps.tenancy import homes, partitions
from apps.tenancy.management.base import DryRun, Format, FormatOption, OperatorCommand


class Command(OperatorCommand):
    help = (
        "Make the partitions of this month and the ones to come, in every home of every database. "
        "`migrate` does so too; have this run monthly where it doesn't."
    )

    def handle(
        self,
        months: Annotated[
            int, typer.Option(min=0, max=60, help="How many months ahead.")
        ] = partitions.MONTHS_AHEAD,
        dry_run: DryRun = False,
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Make what is missing; saying it twice makes nothing more."""
        made = homes.make_partitions(now=timezone.now(), ahead=months, dry_run=dry_run)
        self.answer(made, as_format=format)
