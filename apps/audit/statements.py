"""Statements: what is signed of a seal, as canonical JSON whose values are all strings."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from apps.audit.canonical import canonical_bytes
from apps.audit.logs import Log
from apps.audit.models import AuditSeal

FORMAT = "quintet-seal-1"
# Stands for the seal before the first.
NO_SEAL = "0" * 64


@dataclass(frozen=True, slots=True)
class Run:
    """What is sealed together: all entries of the transactions from `from_xid` up to `to_xid`.

    `entry_ids` are 16 and `leaf_hashes` 32 bytes per entry, by transaction and then by id.
    """

    from_xid: int
    to_xid: int
    entries: int
    entry_ids: bytes
    leaf_hashes: bytes


def statement_of(
    run: Run, *, log: Log, root: bytes, previous: AuditSeal | None, sealed_at: datetime, key_id: str
) -> str:
    """Return the statement of the seal that follows `previous`."""
    members = {
        "format": FORMAT,
        "database": log.database,
        "tenant_id": str(log.tenant.id),
        "number": str(previous.number + 1 if previous else 1),
        "from_xid": str(run.from_xid),
        "to_xid": str(run.to_xid),
        "entries": str(run.entries),
        "root": root.hex(),
        "previous": digest_of(previous.statement) if previous else NO_SEAL,
        "sealed_at": moment(sealed_at),
        "key_id": key_id,
    }
    return canonical_bytes(members).decode()


def digest_of(statement: str) -> str:
    """Return what the next statement says of this one."""
    return sha256(statement.encode()).hexdigest()


def members_of(statement: str) -> Mapping[str, str] | None:
    """Return what a statement says, or None where it is no statement.

    Anybody who may write the table could have written it: it may be any JSON, however deep.
    """
    try:
        members = json.loads(statement)
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict) or members.get("format") != FORMAT:
        return None
    return members if all(isinstance(value, str) for value in members.values()) else None


def stated_columns(seal: AuditSeal, *, log: Log, sealed_at: str) -> Mapping[str, str]:
    """Return what a seal's columns say, as its statement has to say it.

    :param sealed_at: when it was sealed, in the form of `moment`.
    """
    return {
        "database": log.database,
        "tenant_id": str(seal.tenant_id),
        "number": str(seal.number),
        "from_xid": str(seal.from_xid),
        "to_xid": str(seal.to_xid),
        "entries": str(seal.entries),
        "sealed_at": sealed_at,
        "key_id": seal.key_id,
    }


def moment(at: datetime) -> str:
    """Return a moment in UTC, to the microsecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
