"""`manage.py verify_isolation`: prove from the catalogs that every tenant is walled."""

from typing import Annotated

import typer
from django.core.management import CommandError

from apps.tenancy import verification
from apps.tenancy.management.base import Format, FormatOption, OperatorCommand
from apps.tenancy.models import Home
from config.databases import PLAN


class Command(OperatorCommand):
    help = (
        "Sweep the catalogs of every home in every database: tenant keys, row-level security, "
        "grants, owners, functions, and differences between homes. Exits with 1 on any fault."
    )

    def handle(
        self,
        database: Annotated[str, typer.Option(help=f"Only this one: {', '.join(PLAN)}.")] = "",
        home: Annotated[str, typer.Option(help="Only this home, in every database.")] = "",
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Sweep, print one line per fault, and end with the count."""
        if database and database not in PLAN:
            raise CommandError(f"{database!r} is no database; these are: {', '.join(PLAN)}.")
        if home and not Home.objects.filter(name=home).exists():
            raise CommandError(f"There is no home {home!r}.")
        report = verification.sweep(
            aliases=[database] if database else tuple(PLAN), home=home or None
        )
        if format is Format.JSON:
            self.say(
                report.summary,
                as_format=format,
                faults=[
                    {
                        "database": fault.database,
                        "home": fault.home or None,
                        "object": fault.thing or None,
                        "rule": fault.rule,
                        "text": fault.text,
                    }
                    for fault in report.faults
                ],
            )
        else:
            for fault in report.faults:
                self.stdout.write(fault.line)
        if not report.is_clean:
            raise CommandError(report.summary)
        if format is Format.TEXT:
            self.stdout.write(report.summary)
