"""`manage.py list_tenants`: who lives where, and whether they are served."""

from typing import Annotated

import typer
from django.db.models import F

from apps.tenancy.management.base import Format, FormatOption, OperatorCommand
from apps.tenancy.models import Domain, Tenant


class Command(OperatorCommand):
    help = "List tenants with their status, home and primary domain."

    def handle(
        self,
        status: Annotated[
            str, typer.Option(help="Only tenants of this status: ACTIVE, SUSPENDED, PROVISIONING.")
        ] = "",
        home: Annotated[str, typer.Option(help="Only tenants of this home.")] = "",
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Print one line per tenant, oldest first."""
        queryset = Tenant.objects.in_order()
        if status:
            queryset = queryset.filter(status=status.upper())
        if home:
            queryset = queryset.filter(home_id=home)
        domains = dict(Domain.objects.filter(is_primary=True).values_list("tenant_id", "domain"))
        rows = [
            {**row, "domain": domains.get(row["id"])}
            for row in queryset.values(
                "slug", "name", "status", "created_at", "id", lives_in=F("home")
            )
        ]
        self.answer(rows, as_format=format)
