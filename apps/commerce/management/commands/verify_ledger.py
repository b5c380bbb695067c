"""`manage.py verify_ledger`: prove that the books balance, and that no row of them was altered."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from django.core.management import CommandError

from apps.commerce.queries import ledger_verification as verification
from apps.commerce.queries.ledger_verification import LedgerReport
from apps.tenancy.management.base import Format, FormatOption, OperatorCommand
from apps.tenancy.models import Tenant
from apps.tenancy.operations import tenants

# Per tenant; JSON has more.
SHOWN_FAULTS = 20


class Command(OperatorCommand):
    help = (
        "Check that each tenant's books balance, that balances are what their entries add up to, and that "
        "every row of the ledger is as the audit log saw it written; verify_audit proves the log. "
        "Names the first row that is wrong. Exits with 1 on any fault."
    )

    def handle(
        self,
        tenant: Annotated[str, typer.Option(help="Only this tenant's ledger.")] = "",
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Verify ledger by ledger; print a line for each that has anything, then a line per fault."""
        reports = self._verify(_chosen(tenant))
        summary = summary_of(reports)
        if format is Format.JSON:
            self.say(summary, as_format=format, ledgers=[as_json(each) for each in reports])
        else:
            for report in reports:
                self._print(report)
        if not all(report.is_sound for report in reports):
            raise CommandError(summary)
        if format is Format.TEXT:
            self.stdout.write(summary)

    def _verify(self, chosen: Sequence[Tenant]) -> list[LedgerReport]:
        total = len(chosen) * verification.STEPS
        with self.progress("Checks", total=total) as advance:
            return [verification.verify_ledger(tenant=each, on_step=advance) for each in chosen]

    def _print(self, report: LedgerReport) -> None:
        if not report.transactions and report.is_sound:
            return
        self.stdout.write(line_of(report))
        for fault in report.faults[:SHOWN_FAULTS]:
            self.stdout.write(f"  {fault.text}")
        hidden = report.fault_count - SHOWN_FAULTS
        if hidden > 0:
            self.stdout.write(f"  … and {hidden} more")


def _chosen(slug: str) -> Sequence[Tenant]:
    if slug:
        return [tenants.get_tenant(slug=slug)]
    return list(Tenant.objects.exclude(status=Tenant.Status.PROVISIONING).in_order())


def line_of(report: LedgerReport) -> str:
    """Return one line about a ledger."""
    state = f"{report.fault_count} faults" if report.fault_count else "sound"
    return (
        f"{report.tenant}: {state}; {report.transactions} transactions, {report.entries} entries, "
        f"{report.accounts} accounts"
    )


def summary_of(reports: Sequence[LedgerReport]) -> str:
    """Return the last line."""
    faults = sum(report.fault_count for report in reports)
    if faults:
        first = next(report for report in reports if report.faults)
        return f"{faults} faults. The first, in {first.tenant}: {first.faults[0].text}."
    transactions = sum(report.transactions for report in reports)
    if not transactions:
        return "There are no transactions yet."
    return (
        f"Verified: {transactions} transactions balance and are as they were written. "
        "Whether the log that says so is genuine, verify_audit proves."
    )


def as_json(report: LedgerReport) -> dict[str, object]:
    """Return a report for scripts."""
    return {**asdict(report), "is_sound": report.is_sound}
