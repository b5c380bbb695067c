"""`manage.py appoint_owner`: give a tenant an owner."""

from typing import Annotated

import typer

from apps.tenancy.management.base import DryRun, Format, FormatOption, OperatorCommand
from apps.tenancy.operations import members, tenants


class Command(OperatorCommand):
    help = "Make somebody an owner of a tenant. Saying it twice changes nothing."

    def handle(
        self,
        slug: Annotated[str, typer.Argument(help="The tenant's slug.")],
        email: Annotated[str, typer.Argument(help="The owner's; the account is made if need be.")],
        dry_run: DryRun = False,
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Check the address first, then appoint."""
        tenant = tenants.get_tenant(slug=slug)
        members.check_first_owner(email=email)
        if dry_run:
            self.say(f"Would make {email} an owner of {slug}.", as_format=format)
            return
        member = members.appoint_first_owner(tenant=tenant, email=email)
        self.say(f"{email} is an owner of {slug}.", as_format=format, id=member.id, slug=slug)
