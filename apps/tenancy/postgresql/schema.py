"""The schema editor that walls every tenant table, through every migration operation.

For a model with a tenant key it makes, out of an ordinary model: the primary key (tenant_id, id),
foreign keys (tenant_id, x_id) → (tenant_id, id), unique constraints and field indexes that lead with
the tenant, row-level security ENABLEd and FORCEd with one policy, and the run-time role's grants.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import models
from django.db.backends.ddl_references import Columns, Statement, Table
from django.db.backends.postgresql.schema import DatabaseSchemaEditor as PostgresSchemaEditor

from apps.tenancy.fields import TenantKey, partition_key_of, tenant_key_of
from config.databases import APP, AUDITOR

POLICY = "tenant_isolation"
# No subselect (Citus refuses it), no CASE or nullif (the index would go unused), not IMMUTABLE
# (a cached plan would serve one tenant's rows to another).
CONDITION = "tenant_id = current_setting('app.tenant_id')::uuid"


class UnwallableModel(ValueError):
    """A migration asks for something that can't be kept inside the tenant's wall."""


class DatabaseSchemaEditor(PostgresSchemaEditor):
    """PostgreSQL's schema editor; models without a tenant key pass through unchanged."""

    # Inline foreign keys name one column; ours need two, so they are added afterwards.
    sql_create_column_inline_fk = None

    def create_model(self, model: type[models.Model]) -> None:
        """Create the table and, for a tenant model, its wall."""
        key = tenant_key_of(model)
        if key is None:
            super().create_model(model)
            return
        self._refuse_automatic_many_to_many(model)
        super().create_model(model)
        table = self.quote_name(model._meta.db_table)
        keys = [key, partition_key_of(model), model._meta.pk]
        columns = ", ".join(self.quote_name(part.column) for part in keys if part is not None)
        self.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT "
            f"{self.quote_name(f'{model._meta.db_table}_pkey')} PRIMARY KEY ({columns})",
            None,
        )
        for field in model._meta.local_fields:
            if field.unique and not field.primary_key:
                self.deferred_sql.append(self._create_unique_sql(model, [field]))
        self.wall(model)

    def table_sql(self, model: type[models.Model]) -> tuple[str, list[Any]]:
        """Return the SQL of a table: of a partitioned one, if the model has a partition key."""
        statement, parameters = super().table_sql(model)
        if key := partition_key_of(model):
            statement += f" PARTITION BY RANGE ({self.quote_name(key.column)})"
        return statement, parameters

    def wall(self, model: type[models.Model]) -> None:
        """Enable and force row-level security on a table, and grant the run-time roles their part.

        The control plane's few tables with a tenant key, which the audit app brings, have their
        keys; what is read of them is filtered like all that is read there.
        """
        table = self.quote_name(model._meta.db_table)
        if self.connection.home is None:
            return
        self.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", None)
        self.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY", None)
        self.execute(
            f"CREATE POLICY {POLICY} ON {table} FOR ALL "
            f"USING ({CONDITION}) WITH CHECK ({CONDITION})",
            None,
        )
        grants = "SELECT, INSERT, UPDATE, DELETE"
        for constraint in model._meta.constraints:
            grants = getattr(constraint, "app_grants", grants)
        self.execute(f"GRANT {grants} ON {table} TO {APP}", None)
        self.execute(f"GRANT SELECT ON {table} TO {AUDITOR}", None)

    def add_field(self, model: type[models.Model], field: models.Field) -> None:
        """Add a column; a unique one gets its tenant-led constraint."""
        if isinstance(field, TenantKey):
            raise UnwallableModel(
                f"{model._meta.label}: a table becomes a tenant's when it is created. "
                f"Create a new model with the tenant key and move the rows."
            )
        if field.many_to_many and tenant_key_of(model):
            self._refuse_many_to_many(model, field)
        super().add_field(model, field)
        if tenant_key_of(model) and field.unique and not field.primary_key:
            self.deferred_sql.append(self._create_unique_sql(model, [field]))

    def remove_field(self, model: type[models.Model], field: models.Field) -> None:
        """Remove a column, unless it is the wall."""
        if isinstance(field, TenantKey):
            raise UnwallableModel(f"{model._meta.label}: the tenant key can't be removed.")
        super().remove_field(model, field)

    def _refuse_automatic_many_to_many(self, model: type[models.Model]) -> None:
        for field in model._meta.local_many_to_many:
            self._refuse_many_to_many(model, field)

    def _refuse_many_to_many(self, model: type[models.Model], field: Any) -> None:
        if field.remote_field.through._meta.auto_created:
            raise UnwallableModel(
                f"{model._meta.label}.{field.name}: an automatic many-to-many table has no tenant. "
                f"Name a through model that inherits TenantModel."
            )

    def _iter_column_sql(self, *args: Any, **kwargs: Any) -> Iterator[str]:
        model = args[2]
        walled = tenant_key_of(model) is not None
        for part in super()._iter_column_sql(*args, **kwargs):
            if not (walled and part in {"PRIMARY KEY", "UNIQUE"}):
                yield part

    def _tenant_led(
        self, model: type[models.Model], fields: Sequence[models.Field]
    ) -> list[models.Field]:
        key = tenant_key_of(model)
        # Without fields it is made of expressions, which say themselves what they begin with.
        if key is None or not fields or fields[0].column == key.column:
            return list(fields)
        return [key, *fields]

    def _unique_sql(
        self, model: type[models.Model], fields: Sequence[models.Field], name: str, **kwargs: Any
    ) -> Any:
        self._refuse_expressions(model, name, kwargs)
        return super()._unique_sql(model, self._tenant_led(model, fields), name, **kwargs)

    def _create_unique_sql(
        self,
        model: type[models.Model],
        fields: Sequence[models.Field],
        name: str | None = None,
        **kwargs: Any,
    ) -> Any:
        self._refuse_expressions(model, name, kwargs)
        return super()._create_unique_sql(model, self._tenant_led(model, fields), name, **kwargs)

    def _refuse_expressions(
        self, model: type[models.Model], name: str | None, kwargs: dict[str, Any]
    ) -> None:
        """An expression index is written out in full: its first expression must be the tenant."""
        expressions = kwargs.get("expressions")
        if not expressions or tenant_key_of(model) is None:
            return
        first = expressions.get_source_expressions()[0]
        column = getattr(getattr(first, "target", None), "column", None)
        if column is None and first.get_source_expressions():
            inner = first.get_source_expressions()[0]
            column = getattr(getattr(inner, "target", None), "column", None)
        if column != "tenant_id":
            raise UnwallableModel(
                f"{model._meta.label}: the unique constraint {name!r} on expressions must begin "
                f"with tenant_id, or it tells one tenant what another has."
            )

    def _create_index_sql(self, model: type[models.Model], **kwargs: Any) -> Any:
        # Only an index that Django makes of `db_index` comes without a name; one in Meta.indexes
        # says itself whether it leads with the tenant.
        fields = kwargs.get("fields")
        if kwargs.get("name") is None and fields:
            led = self._tenant_led(model, fields)
            if len(led) != len(fields) and kwargs.get("opclasses"):
                kwargs["opclasses"] = ["", *kwargs["opclasses"]]
            kwargs["fields"] = led
        return super()._create_index_sql(model, **kwargs)

    def _create_fk_sql(self, model: type[models.Model], field: Any, suffix: str) -> Any:
        key = tenant_key_of(model)
        target = field.target_field.model
        target_key = tenant_key_of(target)
        if key is None and target_key is None:
            return super()._create_fk_sql(model, field, suffix)
        if key is None or target_key is None:
            raise UnwallableModel(
                f"{model._meta.label}.{field.name}: a foreign key can't cross a tenant's wall."
            )
        return Statement(
            self.sql_create_fk,
            table=Table(model._meta.db_table, self.quote_name),
            name=self._fk_constraint_name(model, field, suffix),
            column=Columns(model._meta.db_table, [key.column, field.column], self.quote_name),
            to_table=Table(target._meta.db_table, self.quote_name),
            to_column=Columns(
                target._meta.db_table,
                [target_key.column, field.target_field.column],
                self.quote_name,
            ),
            deferrable=self.connection.ops.deferrable_sql(),
        )

    def _constraint_names(
        self, model: type[models.Model], column_names: Any = None, **kwargs: Any
    ) -> list[str]:
        """Find constraints by the columns Django knows, and by the same led by the tenant."""
        names = super()._constraint_names(model, column_names, **kwargs)
        key = tenant_key_of(model)
        if key is not None and column_names and column_names[0] != key.column:
            led = [key.column, *column_names]
            names += [
                name
                for name in super()._constraint_names(model, led, **kwargs)
                if name not in names
            ]
        return names

    def _alter_field(
        self, model: type[models.Model], old_field: Any, new_field: Any, *args: Any, **kwargs: Any
    ) -> None:
        if tenant_key_of(model) is not None and (
            old_field.primary_key != new_field.primary_key
            or isinstance(old_field, TenantKey) != isinstance(new_field, TenantKey)
        ):
            raise UnwallableModel(
                f"{model._meta.label}.{new_field.name}: the key of a tenant table can't be changed "
                f"in place. Create a new model and move the rows."
            )
        super()._alter_field(model, old_field, new_field, *args, **kwargs)
