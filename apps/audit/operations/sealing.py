"""Sealing: the entries since the last seal become leaves of a tree, whose root is signed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from apps.audit import merkle
from apps.audit.canonical import BESIDE, LEAF
from apps.audit.errors import LastSealForged, LogRestored
from apps.audit.keys import SealKeys, configured, is_signed, key_id_of
from apps.audit.logs import Log
from apps.audit.models import AuditSeal
from apps.audit.operations.anchoring import anchor_log
from apps.audit.statements import Run, members_of, stated_columns, statement_of
from apps.kernel.errors import Problem

# A seal's bytes are read as a whole by whoever proves or verifies an entry of it.
ENTRIES_PER_SEAL = 50_000

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
SNAPSHOT = (
    "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint "
    "FROM pg_current_snapshot() s"
)
IN_RUN = "e.tenant_id = %s AND e.xid >= %s::xid8 AND e.xid < %s::xid8"
FIRST = f"SELECT e.xid::text FROM {{table}} e WHERE {IN_RUN} ORDER BY e.xid, e.id LIMIT 1"
BEHIND = (
    f"SELECT e.xid::text FROM {{table}} e WHERE {IN_RUN} ORDER BY e.xid, e.id LIMIT 1 OFFSET %s"
)
# Written for verification too, which has to see the same bytes in the same order.
LEAVES = (
    "SELECT count(*), string_agg(uuid_send(r.id), ''::bytea ORDER BY r.xid, r.id), "
    "string_agg(r.leaf, ''::bytea ORDER BY r.xid, r.id) "
    # OFFSET 0 has the leaves made before they are sorted: whole rows would be sorted on disk.
    f"FROM (SELECT e.xid, e.id, {LEAF} AS leaf FROM {{table}} e {BESIDE} WHERE {IN_RUN} OFFSET 0) r"
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one sealing did."""

    seals: int
    entries: int
    anchored: int


def seal_log(*, log: Log, sealed_at: datetime) -> Sealed:
    """Seal what every transaction wrote that is older than the oldest still running; anchor the seals.

    Each seal is a transaction of its own, and so is its anchor. Killed at any point, the next call
    carries on; of two at once, the second waits and goes on behind the first. Call it unbound.

    :raises SealKeyMissing: there is no key to sign with.
    :raises LastSealForged: the last seal is none that was made here, and nothing can follow it.
    :raises LogRestored: the server's transaction numbers are behind those that are sealed.
    :raises NoPlaceForAnchors: it is the platform's own log, and there is no pool.
    """
    keys = configured()
    keys.signing_key()
    anchored = anchor_log(log=log, anchored_at=sealed_at)
    seals = entries = 0
    while seal := _seal_run(log, keys, sealed_at):
        seals += 1
        entries += seal.entries
        anchored += anchor_log(log=log, anchored_at=sealed_at)
    return Sealed(seals=seals, entries=entries, anchored=anchored)


def seal_logs(
    *, logs: Iterable[Log], sealed_at: datetime, on_log: Callable[[], object] = lambda: None
) -> Sealed:
    """Seal several logs, each as `seal_log` does: what refuses one does not keep the others.

    :raises Problem: the first refusal, after all were tried.
    """
    done = Sealed(seals=0, entries=0, anchored=0)
    refusals = []
    for log in logs:
        try:
            one = seal_log(log=log, sealed_at=sealed_at)
        except Problem as problem:
            refusals.append(problem)
        else:
            done = Sealed(
                seals=done.seals + one.seals,
                entries=done.entries + one.entries,
                anchored=done.anchored + one.anchored,
            )
        on_log()
    if refusals:
        raise refusals[0]
    return done


def read_run(log: Log, *, from_xid: int, to_xid: int) -> Run:
    """Return ids and leaf hashes of the entries as they are now. Call it inside `reading`."""
    parameters = [log.tenant.id, str(from_xid), str(to_xid)]
    ((entries, ids, hashes),) = log.select(LEAVES.format(table=log.table), parameters)
    return Run(from_xid, to_xid, entries, bytes(ids or b""), bytes(hashes or b""))


def _seal_run(log: Log, keys: SealKeys, sealed_at: datetime) -> AuditSeal | None:
    """Seal one run; None where there is nothing to seal."""
    with log.writing():
        log.select(LOCK, [f"quintet seal {log.tenant.id}"])
        # From here on, each statement sees what another sealer has committed.
        chain = log.seals().filter(number__gt=0).in_order()
        previous = chain.defer("entry_ids", "leaf_hashes", "sealed_at").last()
        if previous is not None and not _is_ours(previous, log, keys):
            raise LastSealForged(log=str(log), number=previous.number)
        from_xid = previous.to_xid if previous else 0
        horizon = _horizon(log, from_xid)
        to_xid = _end_of_run(log, from_xid, horizon)
        if to_xid is None:
            return None
        run = read_run(log, from_xid=from_xid, to_xid=to_xid)
        return _sign(run, log=log, keys=keys, previous=previous, sealed_at=sealed_at)


def _is_ours(seal: AuditSeal, log: Log, keys: SealKeys) -> bool:
    """Whether a new seal can follow this one: it says what its row says, and is signed by its key.

    One by a key that is not known any more is followed: verification tells of it.
    """
    members = members_of(seal.statement) or {}
    stated = stated_columns(seal, log=log, sealed_at=members.get("sealed_at", ""))
    key = keys.public_keys().get(seal.key_id)
    is_whole = all(members.get(name) == value for name, value in stated.items())
    return is_whole and (key is None or is_signed(seal.statement, bytes(seal.signature), key=key))


def _horizon(log: Log, from_xid: int) -> int:
    """Return the oldest transaction that still runs.

    What is older has ended: committed, and visible to every later statement, or never to be seen.

    :raises LogRestored: the last seal is of numbers that this server has not given out.
    """
    ((oldest, following),) = log.select(SNAPSHOT, [])
    if from_xid > following:
        raise LogRestored(log=str(log), to_xid=from_xid, next_xid=following)
    return int(oldest)


def _end_of_run(log: Log, from_xid: int, horizon: int) -> int | None:
    """Return where the next run ends: between two transactions; None where there is none."""
    parameters = [log.tenant.id, str(from_xid), str(horizon)]
    first = log.select(FIRST.format(table=log.table), parameters)
    if not first:
        return None
    behind = log.select(BEHIND.format(table=log.table), [*parameters, ENTRIES_PER_SEAL])
    if not behind:
        return horizon
    start, cut = int(first[0][0]), int(behind[0][0])
    # A transaction that is larger than a seal is taken whole.
    return cut if cut > start else cut + 1


def _sign(
    run: Run, *, log: Log, keys: SealKeys, previous: AuditSeal | None, sealed_at: datetime
) -> AuditSeal:
    key = keys.signing_key()
    key_id = key_id_of(key.public_key())
    statement = statement_of(
        run,
        log=log,
        root=merkle.root(merkle.split(run.leaf_hashes, merkle.HASH_SIZE)),
        previous=previous,
        sealed_at=sealed_at,
        key_id=key_id,
    )
    return AuditSeal.objects.using(log.database).create(
        tenant_id=log.tenant.id,
        number=previous.number + 1 if previous else 1,
        from_xid=run.from_xid,
        to_xid=run.to_xid,
        entries=run.entries,
        sealed_at=sealed_at,
        key_id=key_id,
        statement=statement,
        signature=key.sign(statement.encode()),
        entry_ids=run.entry_ids,
        leaf_hashes=run.leaf_hashes,
    )
