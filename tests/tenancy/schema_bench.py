"""A home of its own, in which tests carry out migration operations."""

from typing import Any

from django.db import connections, migrations, models
from django.db.migrations.state import ProjectState

from apps.kernel.ids import uuid7
from apps.tenancy.fields import TenantKey

HOME = "t_schema_editor"
ALIAS = "events"


class Bench:
    """A home of its own, in which migration operations are carried out one after the other."""

    def __init__(self) -> None:
        self.state = ProjectState()

    def run(self, *operations: Any) -> None:
        with connections[ALIAS].schema_editor(atomic=True) as editor:
            for operation in operations:
                before = self.state.clone()
                operation.state_forwards("events", self.state)
                operation.database_forwards("events", editor, before, self.state)

    def undo(self, operation: Any, before: ProjectState) -> None:
        with connections[ALIAS].schema_editor(atomic=True) as editor:
            operation.database_backwards("events", editor, self.state, before)
        self.state = before

    def columns_of(self, *, kind: str, table: str) -> set[tuple[str, ...]]:
        """The columns of every constraint of a kind: p, u or f."""
        return {
            tuple(columns)
            for (columns,) in query(
                "SELECT array(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k(num, pos) "
                "  JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.num "
                "  ORDER BY k.pos) "
                "FROM pg_constraint c WHERE contype = %s AND conrelid = to_regclass(%s)",
                [kind, f"{HOME}.{table}"],
            )
        }

    def indexes_of(self, table: str) -> str:
        rows = query(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = %s AND tablename = %s",
            [HOME, table],
        )
        return "\n".join(row[0] for row in rows)

    def is_walled(self, table: str) -> bool:
        rows = query(
            "SELECT relrowsecurity AND relforcerowsecurity AND "
            "  (SELECT count(*) = 1 FROM pg_policy WHERE polrelid = c.oid AND polcmd = '*' "
            "     AND polqual IS NOT NULL AND polwithcheck IS NOT NULL) "
            "FROM pg_class c WHERE oid = to_regclass(%s)",
            [f"{HOME}.{table}"],
        )
        return bool(rows[0][0])


def query(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def tenant_model(name: str, *fields: tuple[str, models.Field], **options: Any) -> Any:
    return migrations.CreateModel(
        name,
        [
            ("tenant_id", TenantKey()),
            ("id", models.UUIDField(primary_key=True, default=uuid7)),
            *fields,
        ],
        options={"db_table": name.lower(), **options},
    )


def foreign_key(to: str, **kwargs: Any) -> models.ForeignKey:
    return models.ForeignKey(f"events.{to}", on_delete=models.PROTECT, **kwargs)
