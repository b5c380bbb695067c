"""`manage.py resume_tenant`: serve a suspended tenant again."""

from typing import Annotated

import typer

from apps.tenancy.management.base import DryRun, Format, FormatOption, OperatorCommand
from apps.tenancy.operations import tenants


class Command(OperatorCommand):
    help = "Serve a suspended tenant again."

    def handle(
        self,
        slug: Annotated[str, typer.Argument(help="The tenant's slug.")],
        dry_run: DryRun = False,
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Change the tenant's status; saying it twice changes nothing."""
        if dry_run:
            tenant = tenants.get_tenant(slug=slug)
            self.say(
                f"{slug} is {tenant.status.lower()}; it would be served again.", as_format=format
            )
            return
        changed = tenants.resume_tenant(slug=slug)
        state = "served again" if changed else "not suspended"
        self.say(f"{slug} is {state}.", as_format=format, slug=slug, changed=changed)
