"""Homes: making the schemas, and migrating what is in them.

A home that stands at the head of its migrations carries the fingerprint of them as the comment of
its schema, so that a migration with nothing to do costs one catalog query per database, however
many tenants there are.
"""

import hashlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path

from django.apps import apps
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections, transaction
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.utils import timezone

from apps.tenancy import partitions
from apps.tenancy.models import Home, audited, constraints, messages
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
    makers = "".join(
        inspect.getsource(module) for module in (schema, constraints, audited, messages, partitions)
    )
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
    """Return every home that is behind its migrations, or lacks a partition for a month to come."""
    steps = []
    with as_owner():
        names = list(Home.objects.order_by("name").values_list("name", flat=True))
        for alias in HOME_ALIASES:
            head = fingerprint(alias)
            found = fingerprints_of_homes(alias)
            lacking = partitions.homes_lacking(alias, now=timezone.now())
            steps += [
                HomeStep(alias, name)
                for name in names
                if found.get(name) != head or name in lacking
            ]
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
        partitions.ensure_partitions(step.alias, step.home, now=timezone.now())
        if step.home is not None:
            _mark(step.alias, step.home, fingerprint(step.alias))
    return count


def migrate_control_plane(*, report: Callable[[str], object] = lambda _: None) -> int:
    """Bring the control plane to its head; return how many migrations ran."""
    with as_owner(aliases=["default"]):
        with _migration_lock("default"):
            count = _apply("default", report=report)
            partitions.ensure_partitions("default", None, now=timezone.now())
            with owner_connection("default").cursor() as cursor:
                # What is made in the control plane is granted to the run-time role by default.
                cursor.execute(f"REVOKE ALL ON django_migrations FROM {APP}")
        if count:
            emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    return count


def make_partitions(
    *, now: datetime, ahead: int = partitions.MONTHS_AHEAD, dry_run: bool = False
) -> list[dict[str, str]]:
    """Make the partitions that are missing anywhere, so many months ahead; safe to run again.

    :returns: database, home and partition of each that was made, or would be.
    """
    made = []
    for alias in PLAN:
        with as_owner(aliases=[alias]):
            names = sorted(partitions.homes_lacking(alias, now=now, ahead=ahead))
        for name in names:
            home = None if name == constraints.CONTROL_SCHEMA else name
            # Under the lock it is asked again: another process may have made them meanwhile.
            with as_owner(aliases=[alias], home=home), _migration_lock(alias):
                how = partitions.lacking_partitions if dry_run else partitions.ensure_partitions
                found = how(alias, home, now=now, ahead=ahead)
            made += [{"database": alias, "home": name, "partition": part} for part in found]
    return made


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


class _Executor(MigrationExecutor):
    """Notes a migration in the transaction that makes it, so that a crash leaves both or neither.

    Django notes one with deferred SQL, such as a foreign key, after it is committed.
    """

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """Run a migration forwards."""
        whole = transaction.atomic(using=self.connection.alias)
        with whole if migration.atomic else nullcontext():
            return super().apply_migration(state, migration, fake, fake_initial)


def _apply(alias: str, *, report: Callable[[str], object]) -> int:
    executor = _Executor(connections[alias])
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
