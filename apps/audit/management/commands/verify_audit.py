"""`manage.py verify_audit`: prove that nothing sealed was altered, removed or inserted."""

from collections.abc import Sequence
from dataclasses import asdict

from django.core.management import CommandError

from apps.audit import verification
from apps.audit.logs import Log
from apps.audit.reports import LogReport
from apps.audit.selection import DatabaseOption, TenantOption, chosen_logs
from apps.tenancy.management.base import Format, FormatOption, OperatorCommand

# Per log; JSON has the rest.
SHOWN_FAULTS = 20


class Command(OperatorCommand):
    help = (
        "Compare the audit log with its seals, and the seals with their anchors in another database. "
        "Names the first row that was altered, removed or inserted. Exits with 1 on any fault."
    )

    def handle(
        self,
        tenant: TenantOption = "",
        database: DatabaseOption = "",
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Verify log by log; print a line per log that has anything, then a line per fault."""
        logs = chosen_logs(tenant=tenant, database=database)
        reports = self._verify(logs)
        summary = summary_of(reports)
        if format is Format.JSON:
            self.say(summary, as_format=format, logs=[as_json(report) for report in reports])
        else:
            for report in reports:
                self._print(report)
        if not all(report.is_sound for report in reports):
            raise CommandError(summary)
        if format is Format.TEXT:
            self.stdout.write(summary)

    def _verify(self, logs: Sequence[Log]) -> list[LogReport]:
        total = sum(verification.count_seals(log=log) for log in logs)
        with self.progress("Seals", total=total) as advance:
            return [verification.verify_log(log=log, on_seal=advance) for log in logs]

    def _print(self, report: LogReport) -> None:
        if report.state == "empty":
            return
        self.stdout.write(line_of(report))
        for fault in report.faults[:SHOWN_FAULTS]:
            self.stdout.write(f"  {fault.text}")
        hidden = report.fault_count - SHOWN_FAULTS
        if hidden > 0:
            self.stdout.write(f"  … and {hidden} more")


def line_of(report: LogReport) -> str:
    """Return one line about a log."""
    parts = [f"{report.log}: {report.state}"]
    if report.seals:
        parts.append(f"{report.entries} entries under {report.seals} seals")
    if report.fault_count:
        parts.append(f"{report.fault_count} faults")
    if report.unsealed and report.seals:
        parts.append(f"{report.unsealed} entries are not sealed yet")
    elif report.unsealed:
        parts.append(f"{report.unsealed} entries")
    if report.unanchored:
        parts.append(f"the newest {report.unanchored} seals are not anchored yet")
    return "; ".join(parts)


def summary_of(reports: Sequence[LogReport]) -> str:
    """Return the last line."""
    faults = sum(report.fault_count for report in reports)
    entries = sum(report.entries for report in reports)
    unsealed = sum(report.unsealed for report in reports)
    if faults:
        first = next(report for report in reports if report.first)
        assert first.first is not None
        return f"{faults} faults. The first, in {first.log}: {first.first.text}."
    if not any(report.seals for report in reports):
        return f"Nothing is sealed yet: {unsealed} entries, and nothing to verify them by."
    return f"Verified: {entries} entries are as they were sealed; {unsealed} are not sealed yet."


def as_json(report: LogReport) -> dict[str, object]:
    """Return a report for scripts."""
    return {**asdict(report), "state": report.state}
