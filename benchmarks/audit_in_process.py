"""Called in a worker with Quintet's settings: the same writes with the audit triggers and without."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from time import perf_counter
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connections
from django.utils import timezone
from psycopg import sql

from apps.audit.logs import Log
from apps.audit.operations import seal_log
from apps.kernel.ids import uuid7
from apps.tenancy.binding import bind
from apps.tenancy.models import Tenant
from apps.tenancy.operations import tenants
from apps.tenancy.resolution import resolved
from apps.tenancy.roles import as_owner
from apps.users.models import Profile
from benchmarks import content, quintet
from config.databases import APP

SLUG = "audited"
PROFILES = 10_000
CALLS = 40
WRITERS = 4
TRIGGER = "profiles_audit_update"
BULK = {
    "bulk": "UPDATE profiles SET display_weight = display_weight + 1",
    "bulk_personal": "UPDATE profiles SET title = 'Title ' || %(turn)s::text",
}


def prepare() -> None:
    """Provision a tenant with 10,000 celebrities, once."""
    if Tenant.objects.filter(slug=SLUG).exists():
        return
    tenant = tenants.create_tenant(tenants.check_order(slug=SLUG, pool=quintet.POOL))
    rows = content.rows(
        celebrities=PROFILES, fans=0, tag_ids=[uuid7() for _ in range(quintet.TAGS)], seed=10_000
    )
    quintet._write([(tenant.id, rows)])
    quintet._analyze()


def measure(*, rounds: int, bulk_rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return seconds per write with the triggers and without, a number for each round."""
    prepare()
    tenant = resolved(Tenant.objects.get(slug=SLUG))
    with bind(tenant):
        ids = list(Profile.objects.order_by("id").values_list("id", flat=True))
    turns = iter(range(10**9))
    with _as_app(tenant) as raw:
        through_orm = _single_by_orm(tenant, cycle(ids), turns)
        through_sql = _single_by_sql(raw, tenant, cycle(reversed(ids)), turns)
        times = {
            "orm": _alternate(lambda: _per_call(through_orm), rounds=rounds),
            "sql": _alternate(lambda: _per_call(through_sql), rounds=rounds),
        }
        for name, statement in BULK.items():
            times[name] = _alternate(
                lambda statement=statement: _bulk(raw, tenant, statement, turn=next(turns)),
                rounds=bulk_rounds,
            )
    return times


def seal_and_write(*, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return rows of the log per second, written and sealed: by one writer, and by four at a time."""
    prepare()
    tenant = resolved(Tenant.objects.get(slug=SLUG))
    turns = iter(range(10**9))

    def one() -> float:
        with _as_app(tenant) as raw:
            return _bulk(raw, tenant, BULK["bulk_personal"], turn=next(turns))

    writers = {"one": one, "four": lambda: _four_writers(tenant, turn=next(turns))}
    rates: dict[str, dict[str, list[float]]] = {
        name: {"sealed": [], "written": []} for name in writers
    }
    _seal(tenant)
    for _ in range(rounds):
        for name, write in writers.items():
            _vacuum()
            rates[name]["written"].append(PROFILES / write())
            rates[name]["sealed"].append(PROFILES / _seal(tenant, rows=PROFILES))
    return rates


def _seal(tenant: Any, *, rows: int | None = None) -> float:
    """Seal the log, which must have so many rows to be sealed; return seconds."""
    begun = perf_counter()
    done = seal_log(log=Log("users", tenant), sealed_at=timezone.now())
    taken = perf_counter() - begun
    assert rows is None or done.entries == rows, f"{done.entries} rows were sealed"
    return taken


def _single_by_orm(tenant: Any, ids: Iterator[UUID], turns: Iterator[int]) -> Callable[[], None]:
    def write() -> None:
        with bind(tenant, writes="users"):
            Profile.objects.filter(id=next(ids)).update(title=f"Title {next(turns)}")

    return write


def _single_by_sql(
    raw: psycopg.Connection, tenant: Any, ids: Iterator[UUID], turns: Iterator[int]
) -> Callable[[], None]:
    def write() -> None:
        with raw.transaction():
            raw.execute(_settings(tenant))
            raw.execute(
                "UPDATE profiles SET title = %s WHERE id = %s", [f"Title {next(turns)}", next(ids)]
            )

    return write


def _bulk(raw: psycopg.Connection, tenant: Any, statement: str, *, turn: int) -> float:
    begun = perf_counter()
    with raw.transaction():
        raw.execute(_settings(tenant))
        written = raw.execute(statement, {"turn": turn}).rowcount
    taken = perf_counter() - begun
    assert written == PROFILES, f"{written} rows were written"
    return taken


def _four_writers(tenant: Any, *, turn: int) -> float:
    """Return the seconds in which four connections write a quarter of the rows each."""

    def write(number: int) -> int:
        with _as_app(tenant) as raw, raw.transaction():
            raw.execute(_settings(tenant))
            return raw.execute(
                "UPDATE profiles SET title = %s WHERE get_byte(uuid_send(id), 15) %% %s = %s",
                [f"Title {turn}", WRITERS, number],
            ).rowcount

    begun = perf_counter()
    with ThreadPoolExecutor(max_workers=WRITERS) as pool:
        written = sum(pool.map(write, range(WRITERS)))
    taken = perf_counter() - begun
    assert written == PROFILES, f"{written} rows were written"
    return taken


def _alternate(measure_once: Callable[[], float], *, rounds: int) -> dict[str, list[float]]:
    """Measure with the triggers and without in turn, each first every other round."""
    times: dict[str, list[float]] = {"audited": [], "plain": []}
    try:
        for number in range(rounds + 1):
            sides = [("audited", True), ("plain", False)]
            for name, is_on in sides if number % 2 == 0 else reversed(sides):
                _set_trigger(is_on=is_on)
                _vacuum()
                taken = measure_once()
                # The first round fills caches, and the salts of subjects that have none yet.
                if number:
                    times[name].append(taken)
    finally:
        _set_trigger(is_on=True)
    return times


def _per_call(write: Callable[[], None]) -> float:
    write()
    begun = perf_counter()
    for _ in range(CALLS):
        write()
    return (perf_counter() - begun) / CALLS


def _set_trigger(*, is_on: bool) -> None:
    how = "ENABLE ALWAYS" if is_on else "DISABLE"
    _run_as_owner(f"ALTER TABLE profiles {how} TRIGGER {TRIGGER}")


def _vacuum() -> None:
    _run_as_owner("VACUUM profiles")


def _run_as_owner(statement: str) -> None:
    with (
        as_owner(aliases=["users"], home=quintet.POOL),
        connections["users"].cursor() as cursor,
    ):
        cursor.execute(statement)


@contextmanager
def _as_app(tenant: Any) -> Iterator[psycopg.Connection]:
    """Connect as the run-time role, without Django."""
    database = settings.DATABASES["users"]
    with psycopg.connect(
        host=database["HOST"],
        port=database["PORT"] or None,
        user=APP,
        password=settings.APP_PASSWORD,
        dbname=database["NAME"],
        autocommit=True,
    ) as connection:
        yield connection


def _settings(tenant: Any) -> sql.Composed:
    """Return what binds a transaction to a tenant, in one round trip."""
    return sql.SQL("SET LOCAL search_path = {}, extensions; SET LOCAL app.tenant_id = {}").format(
        sql.Identifier(tenant.schema_name), sql.Literal(str(tenant.id))
    )
