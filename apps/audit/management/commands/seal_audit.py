"""`manage.py seal_audit`: seal what was logged since the last seal, as the scheduler does."""

from django.utils import timezone

from apps.audit import operations
from apps.audit.selection import DatabaseOption, TenantOption, chosen_logs
from apps.tenancy.management.base import Format, FormatOption, OperatorCommand


class Command(OperatorCommand):
    help = "Seal the audit log, and anchor the seals in another database. Safe to run at any time."

    def handle(
        self,
        tenant: TenantOption = "",
        database: DatabaseOption = "",
        format: FormatOption = Format.TEXT,
    ) -> None:
        """Seal log by log."""
        logs = chosen_logs(tenant=tenant, database=database)
        with self.progress("Sealing", total=len(logs)) as advance:
            done = operations.seal_logs(logs=logs, sealed_at=timezone.now(), on_log=advance)
        self.say(
            f"{done.entries} entries in {len(logs)} logs sealed, under {done.seals} seals.",
            as_format=format,
            logs=len(logs),
            seals=done.seals,
            entries=done.entries,
        )
