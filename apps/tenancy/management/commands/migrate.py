"""`manage.py migrate`: every database, every home; what is at head already is passed over."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Annotated

import typer
from django.core.management import CommandError
from django.db import connections
from django.db.migrations.autodetector import MigrationAutodetector

from apps.tenancy import homes
from apps.tenancy.homes import HomeStep
from apps.tenancy.management.base import DryRun, OperatorCommand


class Command(OperatorCommand):
    # Django checks that `migrate` and `makemigrations` look for changes in the same way.
    autodetector = MigrationAutodetector
    help = (
        "Migrate the control plane, then every home of every context. Homes already at head are "
        "recognised by their fingerprint; a migration that was stopped carries on where it was."
    )

    def handle(
        self,
        parallel: Annotated[
            int, typer.Option(min=1, max=16, help="Databases migrated at the same time.")
        ] = 3,
        check: Annotated[
            bool, typer.Option("--check", help="Exit with 1 if there is anything to do.")
        ] = False,
        dry_run: DryRun = False,
        quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    ) -> None:
        """Bring everything to head."""
        report: Callable[[str], object] = (lambda _: None) if quiet else self.stdout.write
        if check or dry_run:
            self._preview(report, check=check)
            return
        count = homes.migrate_control_plane(report=report)
        steps = homes.outstanding()
        if steps:
            with self.progress("Migrating homes", total=len(steps)) as advance:
                count += run_in_parallel(steps, parallel=parallel, report=report, advance=advance)
        report(f"{count} migrations in {len(steps)} homes." if count else "Nothing to migrate.")

    def _preview(self, report: Callable[[str], object], *, check: bool) -> None:
        steps = homes.outstanding()
        for step in steps:
            report(f"{step.alias}: home {step.home} is behind")
        if not steps:
            report("Nothing to migrate.")
        elif check:
            raise CommandError(f"{len(steps)} homes are behind; run `manage.py migrate`.")


def run_in_parallel(
    steps: Iterable[HomeStep],
    *,
    parallel: int,
    report: Callable[[str], object],
    advance: Callable[[], object],
) -> int:
    """Run steps, one database per thread at a time; return how many migrations ran.

    The homes of one database go one after the other: their catalogs are the same tables.
    """
    by_alias: dict[str, list[HomeStep]] = defaultdict(list)
    for step in steps:
        by_alias[step.alias].append(step)

    def migrate_database(mine: list[HomeStep]) -> int:
        count = 0
        try:
            for step in mine:
                count += homes.run_step(step, report=report)
                advance()
        finally:
            connections.close_all()
        return count

    with ThreadPoolExecutor(max_workers=parallel) as pool:
        futures = [pool.submit(migrate_database, mine) for mine in by_alias.values()]
        return sum(future.result() for future in as_completed(futures))
