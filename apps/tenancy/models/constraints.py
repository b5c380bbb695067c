"""Guards that a model declares in one line of `Meta.constraints`, and the migrations carry out.

They are constraints to Django, so `makemigrations` sees them come and go and the schema editor makes
them with the table. In the database they are triggers, in the home of the table they guard.
"""

from typing import Any

from django.db import models
from django.db.models.constraints import BaseConstraint

from apps.tenancy.fields import tenant_key_of
from config.databases import APP, LEDGER

# The control plane has no homes.
CONTROL_SCHEMA = "public"


class TriggerConstraint(BaseConstraint):
    """A constraint that is made of triggers and their functions, after its table exists."""

    def constraint_sql(self, model: type[models.Model], schema_editor: Any) -> None:
        """Have the triggers made when the table is there."""
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Leave it to the database."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.deconstruct() == self.deconstruct()

    def __hash__(self) -> int:
        return hash(self.name)

    def _names(self, model: type[models.Model], schema_editor: Any) -> tuple[str, str, str]:
        """Return table, function and home, quoted; a function lives in its table's home."""
        quote = schema_editor.quote_name
        home = quote(schema_editor.connection.home or CONTROL_SCHEMA)
        return quote(model._meta.db_table), f"{home}.{quote(self.name)}", home


class AppendOnly(TriggerConstraint):
    """Rows are added and never changed: UPDATE, DELETE and TRUNCATE are refused to everybody.

    By trigger, ENABLE ALWAYS, since ordinary triggers are skipped under
    `session_replication_role = replica`; and by grants.

    :param by_trigger: rows are written by triggers alone, so the run-time role may not INSERT either.
    :param by_ledger: rows are written by the ledger's functions alone, as the role that owns them.
    """

    def __init__(self, *, name: str, by_trigger: bool = False, by_ledger: bool = False) -> None:
        super().__init__(name=name)
        self.by_trigger = by_trigger
        self.by_ledger = by_ledger

    @property
    def app_grants(self) -> str:
        """What the run-time role may do with the table."""
        return "SELECT" if self.by_trigger or self.by_ledger else "SELECT, INSERT"

    def create_sql(self, model: type[models.Model], schema_editor: Any) -> str:
        """Return the SQL that makes the guard."""
        table, function, _ = self._names(model, schema_editor)
        label = model._meta.db_table
        return (
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $guard$ "
            f"BEGIN RAISE EXCEPTION '{label} is append-only: % refused', TG_OP "
            f"USING ERRCODE = 'insufficient_privilege'; END $guard$; "
            f"CREATE TRIGGER {schema_editor.quote_name(self.name + '_rows')} "
            f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}(); "
            f"CREATE TRIGGER {schema_editor.quote_name(self.name + '_whole')} "
            f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {function}(); "
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER "
            f"{schema_editor.quote_name(self.name + '_rows')}; "
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER "
            f"{schema_editor.quote_name(self.name + '_whole')}; "
            # `makemigrations` adds the guard after the table, which has been granted as any other.
            f"REVOKE ALL ON {table} FROM {APP}; GRANT {self.app_grants} ON {table} TO {APP}"
            + (f"; GRANT SELECT, INSERT ON {table} TO {LEDGER}" if self.by_ledger else "")
        )

    def remove_sql(self, model: type[models.Model], schema_editor: Any) -> str:
        """Return the SQL that takes the guard away."""
        table, function, _ = self._names(model, schema_editor)
        return (
            f"DROP TRIGGER {schema_editor.quote_name(self.name + '_rows')} ON {table}; "
            f"DROP TRIGGER {schema_editor.quote_name(self.name + '_whole')} ON {table}; "
            f"DROP FUNCTION {function}(); "
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}"
            + (f"; REVOKE ALL ON {table} FROM {LEDGER}" if self.by_ledger else "")
        )

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        for name in ("by_trigger", "by_ledger"):
            if getattr(self, name):
                kwargs[name] = True
        return path, args, kwargs


class LedgerKept(TriggerConstraint):
    """The run-time role reads the table, and the ledger's functions alone write it.

    For what the ledger changes in place: a cache of what its append-only tables say.
    """

    app_grants = "SELECT"

    def create_sql(self, model: type[models.Model], schema_editor: Any) -> str:
        """Return the SQL that grants."""
        table, _, _ = self._names(model, schema_editor)
        return (
            f"REVOKE ALL ON {table} FROM {APP}; GRANT SELECT ON {table} TO {APP}; "
            f"GRANT SELECT, INSERT, UPDATE ON {table} TO {LEDGER}"
        )

    def remove_sql(self, model: type[models.Model], schema_editor: Any) -> str:
        """Return the SQL that takes the grants back."""
        table, _, _ = self._names(model, schema_editor)
        return (
            f"REVOKE ALL ON {table} FROM {LEDGER}; "
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP}"
        )


class RowTrigger(TriggerConstraint):
    """A trigger after each row, with its body in PL/pgSQL, run as the owner of the objects.

    The function is SECURITY DEFINER with its home and then `pg_temp` as search path, so it may write
    tables that the run-time role may not, and nothing temporary can stand in for them. It sees every
    tenant of the home: what it writes takes `tenant_id` from NEW or OLD, and what it reads filters by it.

    :param events: for example "INSERT OR UPDATE OF status".
    :param body: statements between BEGIN and END; RETURN NULL is added.
    """

    def __init__(self, *, name: str, events: str, body: str) -> None:
        super().__init__(name=name)
        self.events = events
        self.body = body

    def create_sql(self, model: type[models.Model], schema_editor: Any) -> str:
        """Return the SQL that makes function and trigger."""
        if tenant_key_of(model) is not None and "tenant_id" not in self.body:
            raise ValueError(f"The trigger {self.name} runs as the owner and names no tenant.")
        table, function, home = self._names(model, schema_editor)
        return (
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql "
            f"SECURITY DEFINER SET search_path = {home}, extensions, pg_temp AS $body$ "
            f"BEGIN {self.body} RETURN NULL; END $body$; "
            f"REVOKE ALL ON FUNCTION {function}() FROM PUBLIC; "
            f"CREATE TRIGGER {schema_editor.quote_name(self.name)} AFTER {self.events} ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION {function}(); "
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {schema_editor.quote_name(self.name)}"
        )

    def remove_sql(self, model: type[models.Model], schema_editor: Any) -> str:
        """Return the SQL that takes trigger and function away."""
        table, function, _ = self._names(model, schema_editor)
        return (
            f"DROP TRIGGER {schema_editor.quote_name(self.name)} ON {table}; "
            f"DROP FUNCTION {function}()"
        )

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "events": self.events, "body": self.body}
