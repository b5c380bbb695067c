"""What a sweep finds, and how its rules are written down."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Cursor(Protocol):
    """Django's cursor, or psycopg's own."""

    def execute(self, query: str, parameters: Mapping[str, Any]) -> Any: ...

    def fetchall(self) -> list[tuple[Any, ...]]: ...


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One place where the wall has a hole.

    `database` is an alias; `home` is empty for what belongs to no home, `thing` for a whole home.
    """

    database: str
    home: str
    thing: str
    rule: str
    text: str

    @property
    def line(self) -> str:
        """The fault in one line."""
        place = ".".join(part for part in (self.home, self.thing) if part)
        return f"{self.database} {place}: {self.text}" if place else f"{self.database}: {self.text}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, and the one query over the catalogs that finds everything that breaks it.

    The query returns (home, thing, text), and may use the parameters of `sweep.parameters_of`.
    """

    name: str
    query: str


def faults_of(
    rule: Rule, *, cursor: Cursor, alias: str, parameters: Mapping[str, Any]
) -> list[Fault]:
    """Return what breaks a rule in one database."""
    cursor.execute(rule.query, parameters)
    return [
        Fault(alias, home or "", thing or "", rule.name, text)
        for home, thing, text in cursor.fetchall()
    ]
