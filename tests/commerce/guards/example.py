"""How an example says what it does to which row."""

from dataclasses import dataclass, field
from typing import Any

from config.databases import APP, OWNER

NOBODY = "0190dead-0000-7000-8000-000000000000"
# When the market's things began; and a moment before.
BEGUN = "2026-01-31T12:00:00+00:00"
EARLIER = "2026-01-31T11:59:59+00:00"
# In minor units: one more than an amount may be.
TOO_MUCH = 10**12 + 1
# What no currency is called.
NO_CODES = ("usd", "US", "U5D")


@dataclass(frozen=True)
class Example:
    """A statement that breaks one rule and no other.

    :param row: the kind of the row that is changed or copied; the table's first, if not said.
    :param values: what the row is given; <kind> stands for the id of the thing of that kind.
    :param is_new: whether it is a further row, the copy of the other but for its id and `values`.
    :param role: who tries; somebody else than the app, where the app may not write at all.
    """

    table: str
    row: str
    values: dict[str, Any] = field(hash=False)
    is_new: bool = False
    role: str = APP

    def __str__(self) -> str:
        return f"{'INSERT' if self.is_new else 'UPDATE'} {self.table} {self.values}"


def change(table: str, row: str = "", **values: Any) -> Example:
    """Change columns of a row."""
    return Example(table, row, values)


def copy(table: str, row: str = "", **values: Any) -> Example:
    """Add a row that is as another, but for its id and `values`."""
    return Example(table, row, values, is_new=True)


def copy_as_owner(table: str, row: str = "", **values: Any) -> Example:
    """Add a row to what triggers alone write."""
    return Example(table, row, values, is_new=True, role=OWNER)
