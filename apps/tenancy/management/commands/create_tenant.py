"""`manage.py create_tenant`: provision a tenant in a pool, or in a home of its own."""

from typing import Annotated

import typer

from apps.tenancy.management.base import DryRun, Format, FormatOption, OperatorCommand
from apps.tenancy.operations import members, tenants


class Command(OperatorCommand):
    help = "Provision a tenant. Safe to run again after a crash: it carries on where it stopped."

    def handle(
        self,
        slug: Annotated[str, typer.Argument(help="Lower-case letters, digits and hyphens.")],
        name: Annotated[str, typer.Option(help="What people call it; the slug if left out.")] = "",
        domain: Annotated[
            str, typer.Option(help="Its host; <slug>.<platform's base domain> if left out.")
        ] = "",
        pool: Annotated[
            str, typer.Option(help="The pool to live in; the emptiest if left out.")
        ] = "",
        own_home: Annotated[bool, typer.Option("--own-home", help="Give it its own home.")] = False,
        owner: Annotated[str, typer.Option(help="Email of the account that will own it.")] = "",
        dry_run: DryRun = False,
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Check the whole order first, then provision."""
        order = tenants.check_order(
            slug=slug, name=name, domain=domain or None, pool=pool or None, own_home=own_home
        )
        if owner:
            members.check_first_owner(email=owner)
        if dry_run:
            place = tenants.own_home_name(slug=slug) if own_home else pool or "the emptiest pool"
            self.say(f"Would create {slug} on {order.domain} in {place}.", as_format=format)
            return
        tenant = tenants.create_tenant(order)
        if owner:
            members.appoint_first_owner(tenant=tenant, email=owner)
        self.say(
            f"{tenant.slug} is served on {order.domain}, in {tenant.schema_name}.",
            as_format=format,
            id=tenant.id,
            slug=tenant.slug,
            domain=order.domain,
            home=tenant.schema_name,
        )
