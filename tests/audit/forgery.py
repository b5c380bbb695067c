"""What a superuser can do to a log, and what tests of sealing need: rows, seals, reports."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from psycopg import sql

from apps.audit import operations, verification
from apps.audit.canonical import canonical_bytes
from apps.audit.keys import configured
from apps.audit.logs import Log
from apps.audit.reports import LogReport
from apps.tenancy import binding
from apps.users.models import Profile
from tests.conftest import admin
from tests.factories import FanFactory

NOW = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)
GUARDED = ("audit_log", "audit_seals", "audit_anchors")
# One character of a text, one bit of it; and one digit of a UUID.
FUNCTIONS = """
CREATE FUNCTION pg_temp.flip(t text) RETURNS text LANGUAGE sql AS $$
    SELECT overlay(t placing chr(ascii(substr(t, p, 1)) # 2) from p for 1)
    FROM (SELECT 1 + floor(random() * length(t))::integer AS p) s $$;
CREATE FUNCTION pg_temp.flip(u uuid) RETURNS uuid LANGUAGE sql AS $$
    SELECT overlay(u::text placing CASE substr(u::text, p, 1) WHEN '0' THEN '1' ELSE '0' END
        from p for 1)::uuid
    FROM (SELECT 25 + floor(random() * 12)::integer AS p) s $$;
"""
# Rows with something in every column. Quotes, backslashes, controls and letters outside of ASCII
# are what a canonical form can get wrong.
FILL = """
INSERT INTO audit_log (tenant_id, occurred_at, actor_type, actor_id, actor_tenant_id, source,
    request_id, session_id, ip_address, user_agent, action, entity_type, entity_id, changed_fields,
    old_values, new_values, details)
SELECT %(tenant)s, now() - n * interval '1 millisecond', 'person', 'ada-' || n, gen_random_uuid(),
    'api', gen_random_uuid(), 'session ' || n, '10.1.2.3'::inet + n, E'Agent "é" \\\\ 😀 \\t' || n, 'UPDATE',
    'profiles', gen_random_uuid()::text, ARRAY['bio', 'title'], jsonb_build_object('bio', 'old ' || n),
    jsonb_build_object('bio', E'new "\\\\\\u0001" ü ' || n), jsonb_build_object('fields', 'bio ' || n)
FROM generate_series(1, %(rows)s) n
"""


def schema_of(log: Log) -> str:
    """Where the log's tables lie."""
    return "public" if log.database == "default" else log.tenant.schema_name


@contextmanager
def superuser(log: Log) -> Iterator[psycopg.Connection]:
    """Open a transaction beside a log in which nothing is guarded; the guards come back after it."""
    with admin(database=settings.DATABASES[log.database]["NAME"]) as connection:
        connection.execute(
            sql.SQL("SET search_path = {}, extensions").format(sql.Identifier(schema_of(log)))
        )
        connection.execute(FUNCTIONS)
        with connection.transaction():
            for table in GUARDED:
                connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_guard_rows")
            yield connection
            for table in GUARDED:
                connection.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_guard_rows")


def forge(log: Log, statement: str, parameters: Any = None) -> list[tuple[Any, ...]]:
    """Run one statement that nobody may run; return its rows."""
    with superuser(log) as connection:
        cursor = connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def fill(log: Log, *, rows: int) -> None:
    """Log rows that have something in every column."""
    forge(log, FILL, {"tenant": log.tenant.id, "rows": rows})


def add_fans(log: Log, *, rows: int = 1) -> None:
    """Write profiles as the product does, in one transaction; each is logged by its trigger."""
    with binding.bind(log.tenant, writes="users"):
        Profile.objects.bulk_create(FanFactory.build_batch(rows))


def move_ahead(log: Log, *, to_xid: int) -> None:
    """Have the one seal of a log end where another server's numbers were; it is signed as ever."""
    with log.reading():
        members = json.loads(log.seals().get().statement)
    statement = canonical_bytes({**members, "to_xid": str(to_xid)}).decode()
    forge(
        log,
        "UPDATE audit_seals SET to_xid = %s::xid8, statement = %s, signature = %s WHERE tenant_id = %s",
        [
            str(to_xid),
            statement,
            configured().signing_key().sign(statement.encode()),
            log.tenant.id,
        ],
    )


def settle() -> None:
    """Wait until all that is written by now may be sealed: transactions of other databases count."""
    with admin() as connection:
        now = connection.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            oldest = connection.execute(
                "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
            ).fetchone()
            if oldest > now:
                return
            time.sleep(0.02)
    raise AssertionError("a transaction was open for a minute")


def seal(log: Log) -> int:
    """Seal everything that is written by now; return how many entries that were."""
    settle()
    return operations.seal_log(log=log, sealed_at=NOW).entries


def verify(log: Log) -> LogReport:
    """Verify."""
    return verification.verify_log(log=log)


def ids_of(log: Log) -> list[UUID]:
    """The entries' ids, in the order of the leaves."""
    with log.reading():
        return list(log.entries().order_by("xid", "id").values_list("id", flat=True))


def kinds(report: LogReport) -> list[str]:
    """What is wrong, in order."""
    return [str(fault.kind) for fault in report.faults]
