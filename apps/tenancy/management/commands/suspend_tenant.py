"""`manage.py suspend_tenant`: refuse a tenant's requests and tasks, keeping everything it has."""

from typing import Annotated

import typer
from django.utils import timezone

from apps.tenancy.management.base import DryRun, Format, FormatOption, OperatorCommand
from apps.tenancy.operations import tenants


class Command(OperatorCommand):
    help = "Refuse a tenant's requests and tasks, keeping everything it has."

    def handle(
        self,
        slug: Annotated[str, typer.Argument(help="The tenant's slug.")],
        dry_run: DryRun = False,
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Change the tenant's status; saying it twice changes nothing."""
        if dry_run:
            tenant = tenants.get_tenant(slug=slug)
            self.say(f"{slug} is {tenant.status.lower()}; it would be suspended.", as_format=format)
            return
        changed = tenants.suspend_tenant(slug=slug, suspended_at=timezone.now())
        state = "suspended" if changed else "already suspended (or still being set up)"
        self.say(f"{slug} is {state}.", as_format=format, slug=slug, changed=changed)
