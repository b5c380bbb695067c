"""`manage.py issue_token`: an access token of the embedded issuer, for scripts and operators."""

from typing import Annotated

import typer
from django.core.management import CommandError

from apps.tenancy.identity import issuing
from apps.tenancy.management.base import Format, FormatOption, OperatorCommand
from apps.tenancy.models import Account, Membership, Role, Tenant
from apps.tenancy.operations import members, tenants


class Command(OperatorCommand):
    help = "Print an access token for an account, good in one tenant."

    def handle(
        self,
        tenant: Annotated[str, typer.Option(help="The tenant's slug.")],
        email: Annotated[str, typer.Option(help="The email address the account signs in with.")],
        role: Annotated[
            Role | None, typer.Option(help="The role it must have there; given with --create.")
        ] = None,
        ttl: Annotated[int, typer.Option(help="Seconds the token is good for.")] = 3600,
        create: Annotated[
            bool, typer.Option("--create", help="Make the account, or the membership, if missing.")
        ] = False,
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Print the token alone on standard output, or a JSON object with what it is good for."""
        where = tenants.get_tenant(slug=tenant)
        if create and not Account.objects.filter(email=email.strip().lower()).exists():
            # Nobody has seen the address confirmed, so nobody vouches for it here either.
            members.create_account(email=email)
        account = issuing.get_account(email=email)
        held = self._ensure_role(account, where, role, create)
        token = issuing.token_for(email=email, tenant=where, ttl=ttl)
        if format is Format.TEXT:
            self.stdout.write(token)
            return
        self.say(
            f"A token for {account.email} in {where.slug}.",
            as_format=format,
            access_token=token,
            token_type="Bearer",
            expires_in=ttl,
            tenant=where.slug,
            account_id=account.id,
            role=held,
        )

    def _ensure_role(
        self, account: Account, tenant: Tenant, role: Role | None, create: bool
    ) -> str | None:
        """Return the role the account has in the tenant, having made it so where asked to."""
        held = (
            Membership.objects.filter(tenant_id=tenant.id, account_id=account.id)
            .values_list("role", flat=True)
            .first()
        )
        if role is None or held == role:
            return held
        if held is not None:
            raise CommandError(
                f"{account.email} is {held} in {tenant.slug}, not {role.value}. Change the role "
                "through the API, or leave --role out."
            )
        if not create:
            raise CommandError(
                f"{account.email} is not of the staff of {tenant.slug}. Add --create to make it so."
            )
        members.add_member(tenant_id=tenant.id, account_id=account.id, role=role)
        return role.value
