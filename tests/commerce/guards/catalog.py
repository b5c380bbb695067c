"""What the database says about the guards of commerce's tables, those of the ledger apart."""

import re
from dataclasses import dataclass

import psycopg
from django.apps import apps

from tests.commerce.ledger.test_mutants import TABLES as LEDGER_TABLES

# All but primary keys and NOT NULLs. An index is not named again that a constraint already names.
_GUARDS = """
SELECT conname::text, relname::text, contype::text, array(
    SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k (number, place)
    JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place
), true
FROM pg_constraint JOIN pg_class c ON c.oid = conrelid
WHERE relnamespace = to_regnamespace(%(home)s) AND relname = ANY (%(tables)s)
    AND contype NOT IN ('p', 'n', 't')
UNION ALL SELECT c.relname::text, t.relname::text, 'u', array(
    SELECT attname::text FROM unnest(i.indkey) WITH ORDINALITY k (number, place)
    JOIN pg_attribute ON attrelid = i.indrelid AND attnum = number ORDER BY place
), false
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
WHERE t.relnamespace = to_regnamespace(%(home)s) AND t.relname = ANY (%(tables)s) AND i.indisunique
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND contype <> 'f')
ORDER BY 1
"""
_KEYS = """
SELECT relname::text, array(
    SELECT attname::text FROM unnest(indkey) AS number
    JOIN pg_attribute ON attrelid = indrelid AND attnum = number
)
FROM pg_index JOIN pg_class c ON c.oid = indrelid
WHERE relnamespace = to_regnamespace(%(home)s) AND indisunique AND indpred IS NULL
"""
_TRIGGERS = """
SELECT relname::text, tgname::text, proname::text, tgtype::int & 32 > 0
FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid JOIN pg_proc f ON f.oid = tgfoid
WHERE relnamespace = to_regnamespace(%(home)s) AND relname = ANY (%(tables)s) AND NOT tgisinternal
ORDER BY 1, 2
"""
# A name that Django has made up, with digits out of what it is on.
_MADE_UP = re.compile(r"_[0-9a-f]{8}_(fk_|fk$|uniq$)")


@dataclass(frozen=True)
class Guard:
    """A constraint, or a unique index that is none.

    :param kind: as in `pg_constraint.contype`.
    """

    name: str
    table: str
    kind: str
    columns: tuple[str, ...]
    is_constraint: bool

    @property
    def key(self) -> str:
        """What examples call it: by its name, or by its column where Django has made up the name."""
        if not _MADE_UP.search(self.name):
            return self.name
        column = f"{self.table}.{', '.join(self.columns[1:])}"
        return column if self.kind == "f" else f"{column} once"

    @property
    def drop(self) -> str:
        """The SQL that takes it away, alone."""
        if self.is_constraint:
            return f'ALTER TABLE {self.table} DROP CONSTRAINT "{self.name}"'
        return f'DROP INDEX "{self.name}"'


@dataclass(frozen=True)
class Trigger:
    """A trigger, with the name of its function.

    :param is_whole: whether it is asked about TRUNCATE.
    """

    table: str
    name: str
    function: str
    is_whole: bool


def tables() -> list[str]:
    """Return the tables of commerce that the ledger's own mutants leave out."""
    found = {
        model._meta.db_table
        for model in apps.get_app_config("commerce").get_models()
        if model._meta.managed
    }
    return sorted(found - set(LEDGER_TABLES))


def guards(connection: psycopg.Connection, home: str) -> list[Guard]:
    rows = connection.execute(_GUARDS, {"home": home, "tables": tables()}).fetchall()
    return [
        Guard(name, table, kind, tuple(columns), is_) for name, table, kind, columns, is_ in rows
    ]


def stood_on(connection: psycopg.Connection, home: str, guard: Guard) -> bool:
    """Whether a key is there only for another to point at.

    All its rows differ in fewer columns already, so that it never is the one that refuses.
    """
    if guard.kind != "u":
        return False
    rows = connection.execute(_KEYS, {"home": home}).fetchall()
    return any(table == guard.table and set(key) < set(guard.columns) for table, key in rows)


def triggers(connection: psycopg.Connection, home: str) -> list[Trigger]:
    rows = connection.execute(_TRIGGERS, {"home": home, "tables": tables()}).fetchall()
    return [Trigger(*row) for row in rows]
