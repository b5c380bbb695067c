"""Verification: is a log what its seals say, and are the seals what their anchors say?"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db.models import Max
from django.db.models.expressions import RawSQL

from apps.audit import merkle
from apps.audit.differences import differences
from apps.audit.keys import configured, is_signed
from apps.audit.logs import Log, anchor_log_of
from apps.audit.models import AuditAnchor, AuditSeal
from apps.audit.operations.sealing import read_run
from apps.audit.reports import Fault, Kind, LogReport
from apps.audit.statements import NO_SEAL, digest_of, members_of, stated_columns

PAGE = 200
PROOF = ("entry_ids", "leaf_hashes")
# As `moment` has it. A row that was forged need not hold a time that Python knows.
SEALED_AT = RawSQL("""to_char(sealed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""", [])
# Before every number that a row can have; seals are numbered from 1.
BEFORE_ALL = -(2**63)


def count_seals(*, log: Log) -> int:
    """Return how many seals there are to verify."""
    with log.reading():
        return int(log.seals().count())


def verify_log(*, log: Log, on_seal: Callable[[], object] = lambda: None) -> LogReport:
    """Compare rows with seals, and seals with anchors; return what does not agree.

    Reads only, a seal at a time, and takes no lock: writers and sealers go on. What they add meanwhile
    is left for the next time. Call it unbound.

    :param on_seal: called after each seal.
    :raises SealKeyMalformed: a configured key is none.
    :raises NoPlaceForAnchors: it is the platform's own log, and there is no pool.
    """
    verifier = _Verifier(log)
    for seal, anchor in verifier.pairs():
        verifier.check(seal, anchor)
        if seal is not None:
            on_seal()
    verifier.count_unsealed()
    return verifier.report


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The last numbers at the start."""

    sealed: int
    anchored: int


class _Verifier:
    """Goes over the seals of one log in the order of their numbers."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.place = anchor_log_of(log)
        self.keys: Mapping[str, Ed25519PublicKey] = configured().public_keys()
        self.report = LogReport(log=str(log))
        self.previous: AuditSeal | None = None
        self.next_number = 1
        self.covered_to = 0
        # Anchors first: one that is seen here has its seal, however many are made meanwhile.
        with self.place.reading():
            last = self.place.anchors_of(log).aggregate(last=Max("number"))["last"] or 0
        with log.reading():
            self.bounds = _Bounds(
                sealed=log.seals().aggregate(last=Max("number"))["last"] or 0, anchored=last
            )

    def pairs(self) -> Iterator[tuple[AuditSeal | None, AuditAnchor | None]]:
        """Yield seals and anchors by number; each without the other where that is missing."""
        seals = self._seals()
        anchors = self._anchors()
        seal, anchor = next(seals, None), next(anchors, None)
        while seal or anchor:
            numbers = [each.number for each in (seal, anchor) if each]
            first = min(numbers)
            now = (
                seal if seal and seal.number == first else None,
                anchor if anchor and anchor.number == first else None,
            )
            yield now
            seal = next(seals, None) if now[0] else seal
            anchor = next(anchors, None) if now[1] else anchor

    def check(self, seal: AuditSeal | None, anchor: AuditAnchor | None) -> None:
        """Check one seal and what covers it."""
        number = seal.number if seal else anchor.number if anchor else 0
        if seal is not None and number < 1:
            # Nothing comes before the first: it follows nothing, and what it claims to cover is its own.
            self.report.add(_altered(seal, "it is none of the chain, which is numbered from 1"))
            return
        if seal is None and anchor is not None and not self._is_genuine(anchor):
            self.report.add(
                Fault(
                    Kind.ANCHOR_FORGED,
                    f"an anchor of seal {number} in {self.place.database} is not signed by a known key, "
                    "and there is no such seal",
                    number,
                )
            )
            return
        if number > self.next_number:
            self._missing(self.next_number, number - 1)
        self.next_number = max(self.next_number, number + 1)
        if seal is None:
            self._missing(number, number)
            return
        self.report.seals += 1
        for fault in chain(
            self._of_statement(seal), self._of_chain(seal), self._of_anchor(seal, anchor)
        ):
            self.report.add(fault)
        self._check_rows(seal)
        self.previous = seal
        self.covered_to = seal.to_xid

    def count_unsealed(self) -> None:
        """Count the rows behind the last seal."""
        with self.log.reading():
            ((self.report.unsealed,),) = self.log.select(
                f"SELECT count(*) FROM {self.log.table} WHERE tenant_id = %s AND xid >= %s::xid8",
                [self.log.tenant.id, str(self.covered_to)],
            )

    def _is_genuine(self, anchor: AuditAnchor) -> bool:
        members = members_of(anchor.statement) or {}
        key = self.keys.get(members.get("key_id", ""))
        own = (str(anchor.number), self.log.database, str(self.log.tenant.id))
        # The copy of another seal's statement proves that one, and no seal of this number.
        if tuple(map(members.get, ("number", "database", "tenant_id"))) != own:
            return False
        # Whether a key was lost or never was: an anchor that can't be checked accuses nobody.
        return key is not None and is_signed(anchor.statement, bytes(anchor.signature), key=key)

    def _missing(self, first: int, last: int) -> None:
        which = f"seal {first} was" if first == last else f"seals {first} to {last} were"
        self.report.add(
            Fault(
                Kind.SEAL_REMOVED, f"{which} removed: what it covered is proved by nothing", first
            )
        )
        # The next one follows a seal that is not there.
        self.previous = None

    def _of_statement(self, seal: AuditSeal) -> Iterator[Fault]:
        key = self.keys.get(seal.key_id)
        if key is None:
            yield Fault(
                Kind.KEY_UNKNOWN,
                f"seal {seal.number} can't be verified: key {seal.key_id} is unknown",
                seal.number,
            )
        elif not is_signed(seal.statement, bytes(seal.signature), key=key):
            yield Fault(
                Kind.SIGNATURE_WRONG,
                f"seal {seal.number} was altered or forged: its signature is not by key {seal.key_id}",
                seal.number,
            )
        members = members_of(seal.statement) or {}
        wrong = [
            name
            for name, value in _columns_of(seal, self.log).items()
            if members.get(name) != value
        ]
        if wrong:
            yield _altered(seal, f"its {', '.join(wrong)} differ from its statement")

    def _of_chain(self, seal: AuditSeal) -> Iterator[Fault]:
        before = self.previous
        if before is None and seal.number > 1:
            return
        members = members_of(seal.statement) or {}
        if members.get("previous") != (digest_of(before.statement) if before else NO_SEAL):
            yield _altered(seal, "it does not follow the seal before it")
        if seal.from_xid != (before.to_xid if before else 0) or seal.to_xid <= seal.from_xid:
            yield _altered(seal, "it does not begin where the seal before it ends")

    def _of_anchor(self, seal: AuditSeal, anchor: AuditAnchor | None) -> Iterator[Fault]:
        where = self.place.database
        if anchor is None and seal.number <= self.bounds.anchored:
            yield Fault(
                Kind.ANCHOR_REMOVED,
                f"the anchor of seal {seal.number} was removed from {where}",
                seal.number,
            )
        elif anchor is None:
            self.report.unanchored += 1
        elif (anchor.statement, bytes(anchor.signature)) != (
            seal.statement,
            bytes(seal.signature),
        ):
            yield Fault(
                Kind.ANCHOR_DIFFERS,
                f"seal {seal.number} differs from its anchor in {where}: one of them was altered",
                seal.number,
            )

    def _check_rows(self, seal: AuditSeal) -> None:
        with self.log.reading():
            proof = self.log.seals().filter(id=seal.id).values_list(*PROOF).first()
            run = read_run(self.log, from_xid=seal.from_xid, to_xid=seal.to_xid)
            ids, hashes = (bytes(part) for part in proof) if proof else (b"", b"")
            self.report.entries += run.entries
            stated = (members_of(seal.statement) or {}).get("root")
            if _root_of(hashes) != stated:
                self.report.add(_altered(seal, "its leaf hashes do not give its root"))
            elif run.leaf_hashes == hashes and run.entry_ids != ids:
                self.report.add(_altered(seal, "it lists other entries than its root covers"))
            # What gives the signed root is as it was, whatever else became of the seal.
            if run.leaf_hashes == hashes or _root_of(run.leaf_hashes) == stated:
                return
            for fault in differences(self.log, seal, sealed=(ids, hashes), found=run):
                self.report.add(fault)

    def _seals(self) -> Iterator[AuditSeal]:
        listed = self.log.seals().filter(number__lte=self.bounds.sealed)
        listed = listed.defer(*PROOF, "sealed_at").annotate(stated_at=SEALED_AT)
        yield from _pages(self.log, listed)

    def _anchors(self) -> Iterator[AuditAnchor]:
        listed = self.place.anchors_of(self.log).filter(number__lte=self.bounds.anchored)
        yield from _pages(self.place, listed.defer("anchored_at"))


def _pages(log: Log, listed: Any) -> Iterator[Any]:
    """Yield rows by number; nothing is yielded inside a transaction."""
    after = BEFORE_ALL
    while True:
        with log.reading():
            page = list(listed.filter(number__gt=after).order_by("number")[:PAGE])
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].number


def _columns_of(seal: AuditSeal, log: Log) -> Mapping[str, str]:
    # PostgreSQL says nothing of a time without end.
    return stated_columns(seal, log=log, sealed_at=seal.stated_at or "")  # type: ignore[attr-defined]


def _root_of(leaf_hashes: bytes) -> str:
    return merkle.root(merkle.split(leaf_hashes, merkle.HASH_SIZE)).hex()


def _altered(seal: AuditSeal, how: str) -> Fault:
    return Fault(Kind.SEAL_ALTERED, f"seal {seal.number} was altered: {how}", seal.number)
