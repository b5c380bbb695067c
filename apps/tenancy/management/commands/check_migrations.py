"""`manage.py check_migrations`: migrations are additive, reversible and, once released, frozen."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from django.core.management import CommandError
from django.db import migrations
from django.db.migrations.loader import MigrationLoader

from apps.tenancy.management.base import OperatorCommand

ROOT = Path(__file__).resolve().parents[4]
FROZEN = ROOT / "docs" / "migrations.json"
# The contract step of expand and contract says so in its name, and may take things away.
CONTRACT = "contract"
TAKES_AWAY = (
    migrations.DeleteModel,
    migrations.RemoveField,
    migrations.RenameField,
    migrations.RenameModel,
)


class Command(OperatorCommand):
    help = "Check our own migrations; --freeze records those that are new as released."

    def handle(
        self,
        freeze: Annotated[bool, typer.Option("--freeze", help="Record new migrations.")] = False,
    ) -> None:
        """Look at every operation, and compare what was released with what is there."""
        loader = MigrationLoader(None)
        ours = {
            f"{label}.{name}": migration
            for (label, name), migration in sorted(loader.disk_migrations.items())
            if type(migration).__module__.startswith("apps.")
        }
        faults = [fault for name, migration in ours.items() for fault in faults_of(name, migration)]
        frozen = json.loads(FROZEN.read_text()) if FROZEN.exists() else {}
        present = {name: _digest(migration) for name, migration in ours.items()}
        if freeze:
            frozen = {**present, **{name: frozen[name] for name in frozen if name in present}}
        faults += _changed(frozen, present)
        if faults:
            raise CommandError("\n".join(faults))
        if freeze:
            FROZEN.write_text(json.dumps(frozen, indent=2, sort_keys=True) + "\n")
        self.stdout.write(f"{len(present)} migrations are additive, reversible and as released.")


def faults_of(name: str, migration: Any) -> Iterator[str]:
    """Yield what one migration does that it must not."""
    contracts = CONTRACT in name
    # A table that the same migration makes has no rows, and no code that knows it.
    made = {
        operation.name_lower
        for operation in migration.operations
        if isinstance(operation, migrations.CreateModel)
    }
    for operation in migration.operations:
        said = operation.describe()
        if not operation.reversible:
            yield f"{name}: can't be taken back: {said}. Give it its reverse."
        if isinstance(operation, TAKES_AWAY) and not contracts:
            yield (
                f"{name}: takes something away: {said}. Code that runs now still uses it. Stop "
                f"using it first, and remove it later in a migration with {CONTRACT!r} in its name."
            )
        if _adds_required_column(operation) and operation.model_name_lower not in made:
            yield (
                f"{name}: adds a column that running code does not fill: {said}. "
                f"Make it nullable or give it a db_default."
            )


def _adds_required_column(operation: Any) -> bool:
    if not isinstance(operation, migrations.AddField):
        return False
    field = operation.field
    return not (field.null or field.has_db_default() or field.many_to_many)


def _digest(migration: Any) -> str:
    module = __import__(type(migration).__module__, fromlist=["Migration"])
    return hashlib.sha256(Path(str(module.__file__)).read_bytes()).hexdigest()


def _changed(frozen: dict[str, str], present: dict[str, str]) -> Iterator[str]:
    for name, digest in frozen.items():
        if name not in present:
            yield f"{name}: was released and is gone. Put it back; undo it in a new migration."
        elif present[name] != digest:
            yield f"{name}: was released and has changed. Put it back; change it in a new migration."
    for name in present:
        if name not in frozen:
            yield f"{name}: is new. Record it: `manage.py check_migrations --freeze`."
