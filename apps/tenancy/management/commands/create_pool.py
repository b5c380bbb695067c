"""`manage.py create_pool`: make a home that many tenants share."""

from typing import Annotated

import typer

from apps.tenancy.management.base import DryRun, Format, FormatOption, OperatorCommand
from apps.tenancy.operations import tenants


class Command(OperatorCommand):
    help = "Make a pool home in every database, or finish one that was left half-made."

    def handle(
        self,
        name: Annotated[str, typer.Argument(help="pool_<n>; the next number if left out.")] = "",
        dry_run: DryRun = False,
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Make the schemas, then open the pool."""
        if dry_run:
            self.say(f"Would make {name or tenants.next_pool_name()}.", as_format=format)
            return
        home = tenants.create_pool(name=name or None)
        self.say(f"{home.name} takes tenants.", as_format=format, home=home.name, state=home.state)
