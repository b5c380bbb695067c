"""Receipts: the proof that one entry is under a seal, which anybody can verify without the database."""

import base64
import json
from typing import Any
from uuid import UUID

from apps.audit import merkle
from apps.audit.canonical import BESIDE, LEAF, TEXT
from apps.audit.errors import EntryNotFound, EntryUnprovable, NotSealedYet
from apps.audit.keys import configured, is_signed, public_text
from apps.audit.logs import Log
from apps.audit.models import AuditSeal
from apps.audit.statements import members_of

FORMAT = "quintet-receipt-1"
ID_SIZE = 16

ENTRY = (
    f"SELECT {TEXT}, {LEAF}, e.xid::text FROM {{table}} e {BESIDE} "
    "WHERE e.tenant_id = %s AND e.id = %s"
)


def has_entry(*, log: Log, entry_id: UUID) -> bool:
    """Whether the entry is in this log."""
    with log.reading():
        return bool(log.entries().filter(id=entry_id).exists())


def receipt_of(*, log: Log, entry_id: UUID) -> dict[str, Any]:
    """Return the receipt of an entry, for JSON. May be called in a block that reads the same tenant.

    It holds only if it is verified with a public key that came another way: its own proves nothing.

    :raises EntryNotFound: the log has no such entry.
    :raises NotSealedYet: the transaction that wrote it is not under a seal.
    :raises EntryUnprovable: the entry or its seal is not as it was sealed, or its key is unknown.
    """
    with log.reading():
        rows = log.select(ENTRY.format(table=log.table), [log.tenant.id, entry_id])
        if not rows:
            raise EntryNotFound()
        text, leaf, xid = rows[0]
        covering = log.seals().filter(number__gt=0, from_xid__lte=xid, to_xid__gt=xid)
        seal = covering.in_order().defer("sealed_at").first()
    if seal is None:
        raise NotSealedYet()
    if len(rows) > 1:
        raise EntryUnprovable(
            f"There are {len(rows)} entries {entry_id}: all but one were inserted."
        )
    return _receipt(json.loads(text), entry_id, bytes(leaf), seal)


def _receipt(
    entry: dict[str, str | None], entry_id: UUID, leaf: bytes, seal: AuditSeal
) -> dict[str, Any]:
    leaves = merkle.split(bytes(seal.leaf_hashes), merkle.HASH_SIZE)
    ids = merkle.split(bytes(seal.entry_ids), ID_SIZE)
    try:
        index = ids.index(entry_id.bytes)
        path = merkle.audit_path(leaves, index)
    except (ValueError, IndexError):
        raise EntryUnprovable(
            f"Entry {entry_id} was inserted after seal {seal.number}, which covers its transaction."
        ) from None
    _check(entry_id, leaf, seal, index=index, leaves=leaves, path=path)
    return {
        "format": FORMAT,
        "entry": entry,
        "leaf_index": index,
        "tree_size": len(leaves),
        "audit_path": [each.hex() for each in path],
        "statement": seal.statement,
        "signature": base64.b64encode(bytes(seal.signature)).decode(),
        "key_id": seal.key_id,
        "public_key": public_text(configured().public_keys()[seal.key_id]),
    }


def _check(
    entry_id: UUID,
    leaf: bytes,
    seal: AuditSeal,
    *,
    index: int,
    leaves: list[bytes],
    path: list[bytes],
) -> None:
    """Refuse to write a receipt that would not verify."""
    key = configured().public_keys().get(seal.key_id)
    if key is None:
        raise EntryUnprovable(
            f"Seal {seal.number} can't be verified: key {seal.key_id} is unknown. "
            "Add its public key to QUINTET_SEAL_PUBLIC_KEYS."
        )
    if leaves[index] != leaf:
        raise EntryUnprovable(f"Entry {entry_id} was altered after it was sealed.")
    # What was not signed need not have a root.
    holds = is_signed(seal.statement, bytes(seal.signature), key=key) and merkle.is_included(
        leaf,
        index=index,
        size=len(leaves),
        path=path,
        tree_root=bytes.fromhex((members_of(seal.statement) or {}).get("root", "")),
    )
    if not holds:
        raise EntryUnprovable(f"Seal {seal.number} was altered: run `manage.py verify_audit`.")
