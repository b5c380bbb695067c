"""Migration operations for what Django has no word for."""

from typing import Any

from django.db.migrations.operations.base import Operation

from apps.tenancy.models.constraints import CONTROL_SCHEMA


class HomeSQL(Operation):
    """SQL that is run in each home; `{home}` in it stands for its quoted name, or the control plane's.

    Functions name their home, so that moving or cloning a tenant recreates them in the new one.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, forwards: str, backwards: str) -> None:
        self.forwards = forwards
        self.backwards = backwards

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change nothing that Django knows of."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Run the SQL."""
        self._run(schema_editor, self.forwards)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        """Run the SQL that takes it back."""
        self._run(schema_editor, self.backwards)

    def describe(self) -> str:
        """Return a line for `migrate`."""
        return "SQL in every home"

    def _run(self, schema_editor: Any, statement: str) -> None:
        home = schema_editor.quote_name(schema_editor.connection.home or CONTROL_SCHEMA)
        schema_editor.execute(statement.replace("{home}", home), None)
