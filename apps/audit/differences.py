"""Differences between what a seal covers and the rows that are there now."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from apps.audit import merkle
from apps.audit.canonical import BESIDE
from apps.audit.logs import Log
from apps.audit.models import AuditSeal
from apps.audit.reports import Fault, Kind
from apps.audit.statements import Run

ID_SIZE = 16
# What was altered need not be a time that Python knows.
DESCRIBED = (
    f"SELECT e.id, e.entity_type, c.occurred_at FROM {{table}} e {BESIDE} "
    "WHERE e.tenant_id = %s AND e.id = ANY (%s)"
)


def differences(
    log: Log, seal: AuditSeal, *, sealed: tuple[bytes, bytes], found: Run
) -> Iterator[Fault]:
    """Return one fault per row that is not as it was sealed, by position. Call it inside `reading`.

    :param sealed: the ids and the leaf hashes of the seal, joined.
    """
    before = _leaves(*sealed)
    now = _leaves(found.entry_ids, found.leaf_hashes)
    faults = sorted(
        [*_gone_or_altered(before, now), *_inserted(before, now)], key=lambda each: each[1]
    )
    # Nothing was altered, removed or inserted, and yet the leaves differ: their order does.
    faults = faults or list(_moved(before, now))
    known = _describe(log, {entry_id for _, _, entry_id in faults})
    for kind, position, entry_id in faults:
        entity_type, occurred_at = known.get(entry_id, (None, None))
        # A removed row that is in the log all the same was given another transaction.
        actual = Kind.ROW_MOVED if kind is Kind.ROW_REMOVED and entity_type else kind
        yield Fault(
            actual,
            _sentence(actual, position, entry_id, entity_type, occurred_at, seal.number),
            seal.number,
            entry_id=entry_id,
            position=position,
            occurred_at=occurred_at,
            entity_type=entity_type,
        )


Leaf = tuple[UUID, bytes]
Finding = tuple[Kind, int, UUID]


def _leaves(entry_ids: bytes, leaf_hashes: bytes) -> list[Leaf]:
    ids = [UUID(bytes=each) for each in merkle.split(entry_ids, ID_SIZE) if len(each) == ID_SIZE]
    # Bytes of a seal that was altered need not come out even.
    return list(zip(ids, merkle.split(leaf_hashes, merkle.HASH_SIZE), strict=False))


def _gone_or_altered(before: Sequence[Leaf], now: Sequence[Leaf]) -> Iterator[Finding]:
    hashes: dict[UUID, set[bytes]] = {}
    for entry_id, leaf in now:
        hashes.setdefault(entry_id, set()).add(leaf)
    for position, (entry_id, leaf) in enumerate(before):
        if entry_id not in hashes:
            yield Kind.ROW_REMOVED, position, entry_id
        elif leaf not in hashes[entry_id]:
            yield Kind.ROW_ALTERED, position, entry_id


def _inserted(before: Sequence[Leaf], now: Sequence[Leaf]) -> Iterator[Finding]:
    expected = Counter(entry_id for entry_id, _ in before)
    for position, (entry_id, _) in enumerate(now):
        expected[entry_id] -= 1
        if expected[entry_id] < 0:
            yield Kind.ROW_INSERTED, position, entry_id


def _moved(before: Sequence[Leaf], now: Sequence[Leaf]) -> Iterator[Finding]:
    for position, (sealed, found) in enumerate(zip(before, now, strict=True)):
        if sealed != found:
            yield Kind.ROW_MOVED, position, sealed[0]


def _describe(log: Log, ids: Iterable[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return table and time of the rows that are there, by id; the time as it is hashed."""
    rows = log.select(DESCRIBED.format(table=log.table), [log.tenant.id, list(ids)])
    return {entry_id: (entity_type, occurred_at) for entry_id, entity_type, occurred_at in rows}


def _sentence(
    kind: Kind,
    position: int,
    entry_id: UUID,
    entity_type: str | None,
    occurred_at: str | None,
    seal: int,
) -> str:
    which = f"entry {entry_id}"
    if entity_type is not None and occurred_at is not None:
        which += f" ({entity_type}, {occurred_at})"
    happened = {
        Kind.ROW_ALTERED: "was altered after it was sealed",
        Kind.ROW_REMOVED: "was removed after it was sealed",
        Kind.ROW_INSERTED: "was inserted after the sealing",
        Kind.ROW_MOVED: "was moved after it was sealed: its transaction number is another",
    }
    return f"{which} {happened[kind]}: leaf {position + 1} of seal {seal}"
