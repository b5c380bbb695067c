"""Salts: what the audit log's commitments open with, until their subject is erased."""

from collections.abc import Collection
from uuid import UUID

from django.db import connections


def forget_subjects(*, alias: str, ids: Collection[UUID]) -> int:
    """Destroy the salts of some subjects; return how many there were.

    Call it in the transaction that empties their rows, after that: the triggers write what was there
    under the salt one last time. In a home it reaches the bound tenant's salts alone.

    :param alias: the database whose log it is.
    """
    if not ids:
        return 0
    with connections[alias].cursor() as cursor:
        cursor.execute("DELETE FROM audit_salts WHERE subject_id = ANY(%s::uuid[])", [list(ids)])
        return int(cursor.rowcount)
