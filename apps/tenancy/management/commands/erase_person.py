"""`manage.py erase_person`: erase everything personal of somebody, and certify what was removed."""

from dataclasses import asdict
from typing import Annotated

import typer
from django.utils import timezone

from apps.tenancy.management.base import DryRun, Format, FormatOption, OperatorCommand
from apps.tenancy.models import Tenant
from apps.tenancy.operations import people, tenants


class Command(OperatorCommand):
    help = "Erase everything personal of somebody, for good. Safe to run again after a crash."

    def handle(
        self,
        who: Annotated[str, typer.Argument(help="Their email address, or their id.")],
        tenant: Annotated[
            str, typer.Option("--tenant", help="In this tenant only; their account stays.")
        ] = "",
        dry_run: DryRun = False,
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Find the person, erase, and print the certificate."""
        place = tenants.get_tenant(slug=tenant) if tenant else None
        subject = people.find_subject(who)
        now = timezone.now()
        if place is not None:
            certificate = people.erase_in_one_tenant(
                subject=subject, tenant=place, erased_at=now, dry_run=dry_run
            )
        else:
            with self.progress("Tenants", total=Tenant.objects.count()) as advance:
                certificate = people.erase_everywhere(
                    subject=subject, erased_at=now, dry_run=dry_run, advance=advance
                )
        self._print(certificate, dry_run=dry_run, as_format=format)

    def _print(self, certificate: people.Certificate, *, dry_run: bool, as_format: Format) -> None:
        rows = [asdict(each) for each in certificate.removed]
        total = sum(each.rows for each in certificate.removed)
        verb = "would be" if dry_run else "were"
        line = f"{total} rows {verb} removed or emptied, in {certificate.tenants} tenants."
        if as_format is Format.TEXT:
            self.answer(rows, as_format=as_format)
        self.say(
            line,
            as_format=as_format,
            person_id=certificate.person_id,
            erased_at=certificate.erased_at,
            is_dry_run=dry_run,
            tenants=certificate.tenants,
            removed=rows,
        )
