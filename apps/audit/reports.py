"""What verification says of a log."""

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

# More are counted and not kept.
KEPT_FAULTS = 10_000


class Kind(StrEnum):
    """What is wrong."""

    ROW_ALTERED = "row-altered"
    ROW_REMOVED = "row-removed"
    ROW_INSERTED = "row-inserted"
    ROW_MOVED = "row-moved"
    SEAL_ALTERED = "seal-altered"
    SEAL_REMOVED = "seal-removed"
    SIGNATURE_WRONG = "signature-wrong"
    KEY_UNKNOWN = "key-unknown"
    ANCHOR_REMOVED = "anchor-removed"
    ANCHOR_DIFFERS = "anchor-differs"
    ANCHOR_FORGED = "anchor-forged"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: with a seal, or with the row at a position among its leaves."""

    kind: Kind
    text: str
    seal: int
    entry_id: UUID | None = None
    position: int | None = None
    occurred_at: str | None = None
    entity_type: str | None = None


@dataclass(slots=True)
class LogReport:
    """What was found in one log; `seals` and `entries` are how many were compared."""

    log: str
    seals: int = 0
    entries: int = 0
    unsealed: int = 0
    unanchored: int = 0
    fault_count: int = 0
    faults: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Take a fault in."""
        self.fault_count += 1
        if len(self.faults) < KEPT_FAULTS:
            self.faults.append(fault)

    @property
    def first(self) -> Fault | None:
        """The first fault, in the order of the seals and of the rows in each."""
        return self.faults[0] if self.faults else None

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong; which proves nothing where nothing is sealed."""
        return not self.fault_count

    @property
    def state(self) -> str:
        """One of: verified, nothing sealed yet, empty, faulty."""
        if self.fault_count:
            return "faulty"
        if self.seals:
            return "verified"
        return "nothing sealed yet" if self.unsealed else "empty"
