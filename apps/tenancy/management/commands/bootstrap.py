"""`manage.py bootstrap`: everything a server needs before Quintet can run on it."""

from typing import Annotated

import typer
from django.conf import settings
from django.core.management import call_command

from apps.tenancy import provisioning
from apps.tenancy.management.base import OperatorCommand
from apps.tenancy.operations import tenants


class Command(OperatorCommand):
    help = "Make roles, databases, extensions, tables and the first pool. Safe to run again."

    def handle(
        self,
        quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    ) -> None:
        """Provision the servers with the privileged user, then migrate as the owner."""
        report = (lambda _: None) if quiet else self.stdout.write
        provisioning.provision(prefix=settings.DATABASE_PREFIX, report=report)
        call_command("migrate", quiet=True)
        home = tenants.create_pool(name="pool_1")
        report(f"home {home.name} is {home.state}")
