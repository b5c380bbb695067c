"""Partitions by month: made ahead by `migrate` and by the scheduler, with a default for the rest.

A partition is walled like a table, and the run-time role has no grant on it: rows are reached through
the partitioned table, whose policy and guards bind. Read directly, a partition knows no policy of
its parent, and a TRUNCATE trigger is not inherited.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from django.apps import apps
from django.db import transaction

from apps.tenancy.fields import partition_key_of, tenant_key_of
from apps.tenancy.models.constraints import CONTROL_SCHEMA
from apps.tenancy.postgresql.base import DatabaseWrapper
from apps.tenancy.postgresql.schema import CONDITION, POLICY
from apps.tenancy.roles import owner_connection
from config.databases import APP, AUDITOR, LEDGER, PLAN

MONTHS_AHEAD = 3
# No transaction that writes a month's first row may wait longer for the catalog than a request may.
LOCK_TIMEOUT = "2s"


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in UTC."""

    year: int
    month: int

    @classmethod
    def of(cls, moment: datetime) -> "Month":
        """Return the month of a moment."""
        utc = moment.astimezone(UTC)
        return cls(utc.year, utc.month)

    @property
    def next(self) -> "Month":
        """The month after."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    @property
    def suffix(self) -> str:
        """How a partition's name ends: 2026_11."""
        return f"{self.year:04d}_{self.month:02d}"

    @property
    def start(self) -> str:
        """Its first moment, as PostgreSQL reads it."""
        return f"{self.year:04d}-{self.month:02d}-01 00:00:00+00"


def wanted_months(*, now: datetime, ahead: int = MONTHS_AHEAD) -> list[Month]:
    """Return this month and so many after it."""
    months = [Month.of(now)]
    for _ in range(ahead):
        months.append(months[-1].next)
    return months


def partitioned_tables(alias: str) -> list[str]:
    """Return the tables of a database that are kept by month."""
    return sorted(
        model._meta.db_table
        for model in apps.get_models()
        if model._meta.app_label in PLAN[alias].labels and partition_key_of(model)
    )


def partition_names(alias: str, *, now: datetime, ahead: int = MONTHS_AHEAD) -> set[str]:
    """Return the partitions that each home of a database should have at a moment."""
    suffixes = ["default", *(month.suffix for month in wanted_months(now=now, ahead=ahead))]
    return {f"{table}_{suffix}" for table in partitioned_tables(alias) for suffix in suffixes}


def homes_lacking(alias: str, *, now: datetime, ahead: int = MONTHS_AHEAD) -> set[str]:
    """Return the schemas that have partitioned tables but not all the partitions they should.

    Call it as the owner.
    """
    wanted = partition_names(alias, now=now, ahead=ahead)
    with owner_connection(alias).cursor() as cursor:
        cursor.execute(
            "SELECT n.nspname, array_agg(c.relname::text) FILTER (WHERE c.relispartition) "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relispartition OR (c.relkind = 'p' AND c.relname = ANY (%s)) "
            "GROUP BY n.nspname",
            [partitioned_tables(alias)],
        )
        return {home for home, present in cursor.fetchall() if wanted - set(present or ())}


def ensure_partitions(
    alias: str, home: str | None, *, now: datetime, ahead: int = MONTHS_AHEAD
) -> list[str]:
    """Make the partitions that one home lacks; return their names. Call it as the owner.

    Rows of a month that came before its partition lie in the default one, and are moved.
    """
    schema = home or CONTROL_SCHEMA
    made = []
    for table in partitioned_tables(alias):
        for name, month in _lacking(alias, schema, table, now=now, ahead=ahead):
            _make(owner_connection(alias), schema=schema, table=table, name=name, month=month)
            made.append(name)
    return made


def lacking_partitions(
    alias: str, home: str | None, *, now: datetime, ahead: int = MONTHS_AHEAD
) -> list[str]:
    """Return the partitions that `ensure_partitions` would make. Call it as the owner."""
    schema = home or CONTROL_SCHEMA
    return [
        name
        for table in partitioned_tables(alias)
        for name, _ in _lacking(alias, schema, table, now=now, ahead=ahead)
    ]


def _lacking(
    alias: str, schema: str, table: str, *, now: datetime, ahead: int
) -> Iterator[tuple[str, Month | None]]:
    connection = owner_connection(alias)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = to_regclass(%s)",
            [f"{connection.ops.quote_name(schema)}.{connection.ops.quote_name(table)}"],
        )
        present = {name for (name,) in cursor.fetchall()}
    wanted: list[tuple[str, Month | None]] = [(f"{table}_default", None)]
    wanted += [(f"{table}_{month.suffix}", month) for month in wanted_months(now=now, ahead=ahead)]
    yield from ((name, month) for name, month in wanted if name not in present)


def _make(
    connection: DatabaseWrapper, *, schema: str, table: str, name: str, month: Month | None
) -> None:
    quote = connection.ops.quote_name
    whole, part = f"{quote(schema)}.{quote(table)}", f"{quote(schema)}.{quote(name)}"
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        # Locked before the default partition is looked at: no row may come between.
        cursor.execute(
            f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'; LOCK TABLE {whole} IN ACCESS EXCLUSIVE MODE"
        )
        if month is None:
            statements = [f"CREATE TABLE {part} PARTITION OF {whole} DEFAULT"]
        else:
            statements = list(_month_statements(connection, schema, table, name, month))
        statements += _wall(connection, schema=schema, table=table, part=part)
        cursor.execute("; ".join(statements))


def _month_statements(
    connection: DatabaseWrapper, schema: str, table: str, name: str, month: Month
) -> Iterator[str]:
    quote = connection.ops.quote_name
    whole, part = f"{quote(schema)}.{quote(table)}", f"{quote(schema)}.{quote(name)}"
    default, rest = (f"{quote(schema)}.{quote(f'{table}_{end}')}" for end in ("default", "rest"))
    key = quote(_key_of(table))
    span = f"FOR VALUES FROM ('{month.start}') TO ('{month.next.start}')"
    within = f"{key} >= '{month.start}' AND {key} < '{month.next.start}'"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {default} WHERE {within})")
        has_early_rows = cursor.fetchone()[0]
    if not has_early_rows:
        yield f"CREATE TABLE {part} PARTITION OF {whole} {span}"
        return
    # A row can't be deleted here by anybody: the default partition is replaced, not emptied.
    yield f"ALTER TABLE {whole} DETACH PARTITION {default}"
    yield f"ALTER TABLE {default} RENAME TO {quote(f'{table}_rest')}"
    yield f"CREATE TABLE {part} PARTITION OF {whole} {span}"
    yield f"CREATE TABLE {default} PARTITION OF {whole} DEFAULT"
    yield f"INSERT INTO {whole} SELECT * FROM {rest}"
    yield f"DROP TABLE {rest}"
    yield from _wall(connection, schema=schema, table=table, part=default)


def _key_of(table: str) -> str:
    for model in apps.get_models():
        key = partition_key_of(model)
        if key is not None and model._meta.db_table == table:
            return str(key.column)
    raise LookupError(table)


def _is_walled(table: str) -> bool:
    return any(
        model._meta.db_table == table and tenant_key_of(model) for model in apps.get_models()
    )


def _wall(connection: DatabaseWrapper, *, schema: str, table: str, part: str) -> list[str]:
    """Return the SQL that makes a partition as safe as the table it is a part of."""
    whole = f"{connection.ops.quote_name(schema)}.{connection.ops.quote_name(table)}"
    statements = [f"REVOKE ALL ON {part} FROM PUBLIC, {APP}, {AUDITOR}, {LEDGER}"]
    if schema != CONTROL_SCHEMA and _is_walled(table):
        statements += [
            f"ALTER TABLE {part} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {part} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY {POLICY} ON {part} FOR ALL USING ({CONDITION}) WITH CHECK ({CONDITION})",
        ]
    with connection.cursor() as cursor:
        # 32 is TRUNCATE.
        cursor.execute(
            "SELECT tgname::text, tgfoid::regproc::text FROM pg_trigger "
            "WHERE tgrelid = to_regclass(%s) AND tgtype::integer & 32 <> 0",
            [whole],
        )
        guards = cursor.fetchall()
    for trigger, function in guards:
        statements += [
            f"CREATE TRIGGER {trigger} BEFORE TRUNCATE ON {part} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()",
            f"ALTER TABLE {part} ENABLE ALWAYS TRIGGER {trigger}",
        ]
    return statements
