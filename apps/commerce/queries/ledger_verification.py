"""Verification: do the books balance, and is every row as it was written?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connections

from apps.commerce.queries.ledger_checks import CHECKS, END_OF_PAGE, IMAGES, TABLES
from apps.tenancy import binding

# Of one snapshot, however long it takes; with values as the audit log writes them.
SETTINGS = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL statement_timeout = 0; "
    "SET LOCAL work_mem = '64MB'; SET LOCAL jit = off; SET LOCAL extra_float_digits = 1; "
    "SET LOCAL timezone = 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL intervalstyle = 'iso_8601'"
)
COUNTS = (
    "SELECT (SELECT count(*) FROM ledger_accounts), (SELECT count(*) FROM transactions), "
    "(SELECT count(*) FROM ledger_entries)"
)
# Rows of a table that are compared at once.
PAGE = 20_000
# Faults that are kept of one check; all are counted.
KEPT = 100
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
STEPS = len(CHECKS) + len(TABLES)


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that is not as it must be. Without an id, it is no single row."""

    check: str
    table: str
    id: UUID | None
    what: str

    @property
    def text(self) -> str:
        """The fault as a sentence."""
        return f"{self.table} {self.id or ''}".strip() + f": {self.what}"


@dataclass
class LedgerReport:
    """What was looked at in one tenant's ledger, and what is wrong with it."""

    tenant: str
    accounts: int = 0
    transactions: int = 0
    entries: int = 0
    fault_count: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.fault_count

    def add(self, found: Iterator[Fault]) -> None:
        """Count faults, and keep the first."""
        for number, fault in enumerate(found):
            self.fault_count += 1
            if number < KEPT:
                self.faults.append(fault)


def verify_ledger(
    *, tenant: binding.Placed, on_step: Callable[[], object] = lambda: None
) -> LedgerReport:
    """Check a tenant's ledger in one snapshot; return what does not hold. Reads only, takes no lock.

    Whether the audit log, which rows are compared with, is genuine itself, its seals tell. Call it unbound.

    :param on_step: called after each of `STEPS` steps.
    """
    report = LedgerReport(tenant=getattr(tenant, "slug", str(tenant.id)))
    with binding.bind(tenant):
        with connections["commerce"].cursor() as cursor:
            cursor.execute(SETTINGS)
            cursor.execute(COUNTS)
            report.accounts, report.transactions, report.entries = cursor.fetchone()
        # What was written past the log comes first: it is why the books don't balance.
        for table in TABLES:
            report.add(_altered(table))
            on_step()
        for check in CHECKS:
            report.add(_failing(check.name, check.faults))
            on_step()
    return report


def _failing(name: str, statement: str) -> Iterator[Fault]:
    with connections["commerce"].chunked_cursor() as cursor:
        cursor.execute(statement)
        for table, id_, what in cursor:
            yield Fault(name, table, id_, what)


def _altered(table: str) -> Iterator[Fault]:
    """Yield rows that are not what the audit log says was written; a page at a time."""
    after = FIRST
    with connections["commerce"].cursor() as cursor:
        while after != LAST:
            cursor.execute(END_OF_PAGE.format(table=table), {"after": after, "rows": PAGE})
            ended = cursor.fetchone()
            to = ended[0] if ended else LAST
            cursor.execute(IMAGES.format(table=table), {"after": after, "to": to})
            for id_, what in cursor.fetchall():
                yield Fault("every row is as it was written", table, id_, what)
            after = to
