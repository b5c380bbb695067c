"""`manage.py prove_audit`: write the receipt of one entry, to be verified without the database."""

import json
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from django.core.management import CommandError

from apps.audit import receipts
from apps.audit.errors import EntryNotFound
from apps.audit.logs import Log
from apps.audit.selection import DatabaseOption, TenantOption, chosen_logs
from apps.tenancy.management.base import OperatorCommand


class Command(OperatorCommand):
    help = (
        "Write the receipt of an entry of the audit log. Anybody can verify it, with "
        "docs/verify_receipt.py and a public key that they trust."
    )

    def handle(
        self,
        entry: Annotated[UUID, typer.Argument(help="The entry's id.")],
        tenant: TenantOption = "",
        database: DatabaseOption = "",
        output: Annotated[str, typer.Option(help="The file to write; else it is printed.")] = "",
    ) -> None:
        """Find the entry, prove it, and write the receipt."""
        log = find(entry, chosen_logs(tenant=tenant, database=database))
        receipt = receipts.receipt_of(log=log, entry_id=entry)
        text = json.dumps(receipt, indent=2, ensure_ascii=False)
        if not output:
            self.stdout.write(text)
            return
        try:
            Path(output).write_text(f"{text}\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{output} can't be written: {error.strerror}.") from error
        self.stdout.write(
            f"The receipt of {entry} ({log}) is in {output}; it is signed by key {receipt['key_id']}."
        )


def find(entry_id: UUID, logs: list[Log]) -> Log:
    """Return the log that has the entry.

    :raises EntryNotFound: none has.
    """
    for log in logs:
        if receipts.has_entry(log=log, entry_id=entry_id):
            return log
    raise EntryNotFound(f"There is no entry {entry_id} in the {len(logs)} logs that were searched.")
