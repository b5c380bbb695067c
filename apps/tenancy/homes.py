"""Homes: making the schemas, and migrating what is in them.

A home that stands at the head of its migrations carries the fingerprint of them as the comment of
its schema, so that a migration with nothing to do costs one catalog query per database, however
many tenants there are.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from django.apps import apps
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from apps.tenancy.models import Home, constraints
from apps.tenancy.postgresql import schema
from apps.tenancy.roles import as_owner, owner_connection
from config.databases import APP, AUDITOR, HOME_ALIASES, LEDGER, PLAN

FINGERPRINT_PREFIX = "quintet:"
# Any number will do that nothing else locks in these databases.
MIGRATION_LOCK = 7_105_000_002


@dataclass(frozen=True)
class HomeStep:
    """One home of one database that has migrations to run; `home` is None for the control plane."""

    alias: str
    home: str | None


def fingerprint(alias: str) -> str:
    """Return the fingerprint of everything that decides what a home of this database looks like."""
    makers = "".join(inspect.getsource(module) for module in (schema, constraints))
    digest = hashlib.sha256(makers.encode())
    for label in sorted(PLAN[alias].labels & {config.label for config in apps.get_app_configs()}):
        module_name = MigrationLoader.migrations_module(label)[0]
        try:
            package = import_module(module_name) if module_name else None
        except ModuleNotFoundError:
            continue  # an app without models has no migrations
        for path in package.__path__ if package else ():
            for file in sorted(Path(path).glob("[0-9]*.py")):
                digest.update(f"{label}.{file.stem}".encode())
                digest.update(file.read_bytes())
    return FINGERPRINT_PREFIX + digest.hexdigest()[:32]


def fingerprint_of_everything() -> str:
    """Return one fingerprint of the migrations of all databases, the control plane's included."""
    together = "".join(fingerprint(alias) for alias in PLAN)
    return hashlib.sha256(together.encode()).hexdigest()[:32]


def fingerprints_of_homes(alias: str) -> dict[str, str]:
    """Return the fingerprint each schema of a database carries; the empty string where it has none.

    Call it as the owner.
    """
    with owner_connection(alias).cursor() as cursor:
        cursor.execute(
            "SELECT nspname, coalesce(obj_description(oid, 'pg_namespace'), '') "
            "FROM pg_namespace WHERE nspname ~ '^(pool_|t_)'"
        )
        return dict(cursor.fetchall())


def outstanding() -> list[HomeStep]:
    """Return every home of every database that is not at the head of its migrations."""
    steps = []
    with as_owner():
        names = list(Home.objects.order_by("name").values_list("name", flat=True))
        for alias in HOME_ALIASES:
            head = fingerprint(alias)
            found = fingerprints_of_homes(alias)
            steps += [HomeStep(alias, name) for name in names if found.get(name) != head]
    return steps


@contextmanager
def _migration_lock(alias: str) -> Iterator[None]:
    """Keep a second migration of the same database waiting; the lock goes with the session."""
    with owner_connection(alias).cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
    try:
        yield
    finally:
        with owner_connection(alias).cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def run_step(step: HomeStep, *, report: Callable[[str], object] = lambda _: None) -> int:
    """Bring one home of one database to its head; return how many migrations ran."""
    with as_owner(aliases=[step.alias], home=step.home), _migration_lock(step.alias):
        if step.home is not None:
            _ensure_schema(step.alias, step.home)
        count = _apply(step.alias, report=report)
        if step.home is not None:
            _mark(step.alias, step.home, fingerprint(step.alias))
    return count


def migrate_control_plane(*, report: Callable[[str], object] = lambda _: None) -> int:
    """Bring the control plane to its head; return how many migrations ran."""
    with as_owner(aliases=["default"]):
        with _migration_lock("default"):
            count = _apply("default", report=report)
        if count:
            emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    return count


def create_schemas(name: str) -> None:
    """Make a home's schemas in every database and bring them to head. Safe to run again."""
    for alias in HOME_ALIASES:
        run_step(HomeStep(alias, name))


def drop_schemas(name: str) -> None:
    """Drop a home's schemas with everything in them. The caller has made sure nobody lives there."""
    for alias in HOME_ALIASES:
        with as_owner(aliases=[alias]):
            connection = owner_connection(alias)
            with connection.cursor() as cursor:
                cursor.execute(f"DROP SCHEMA IF EXISTS {connection.ops.quote_name(name)} CASCADE")


def _apply(alias: str, *, report: Callable[[str], object]) -> int:
    executor = MigrationExecutor(connections[alias])
    executor.loader.check_consistent_history(connections[alias])
    labels = PLAN[alias].labels
    targets = [node for node in executor.loader.graph.leaf_nodes() if node[0] in labels]
    plan = executor.migration_plan(targets)
    if plan:
        state = executor._create_project_state(with_applied_migrations=True)  # type: ignore[attr-defined]
        executor.migrate(targets, plan=plan, state=state)
    for migration, _ in plan:
        report(f"{alias}: {migration.app_label}.{migration.name}")
    return len(plan)


def _ensure_schema(alias: str, name: str) -> None:
    connection = owner_connection(alias)
    quoted = connection.ops.quote_name(name)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted}")
        cursor.execute(f"GRANT USAGE ON SCHEMA {quoted} TO {APP}, {AUDITOR}, {LEDGER}")


def _mark(alias: str, name: str, value: str) -> None:
    connection = owner_connection(alias)
    with connection.cursor() as cursor:
        cursor.execute(f"COMMENT ON SCHEMA {connection.ops.quote_name(name)} IS %s", [value])
