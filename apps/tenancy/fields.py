"""The tenant key: the column that walls a table."""

from typing import Any
from uuid import UUID

from django.db import models
from django.db.models.expressions import Func

from apps.tenancy import binding


class BoundTenant(Func):
    """The tenant of the bound transaction, in SQL. Fails loudly outside a binding."""

    template = "current_setting('app.tenant_id')::uuid"
    arity = 0
    output_field = models.UUIDField()


def bound_tenant_id() -> UUID:
    """Return the bound tenant's id.

    :raises Unbound: no tenant is bound.
    """
    return binding.require().tenant_id


class TenantKey(models.UUIDField):
    """The id of the tenant a row belongs to; fills itself from the binding, in Python and in SQL.

    A model that has it gets its wall from the schema editor: row-level security, and keys, foreign
    keys and unique constraints that lead with the tenant.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs["default"] = bound_tenant_id
        kwargs["db_default"] = BoundTenant()
        kwargs["editable"] = False
        super().__init__(**kwargs)

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        for implied in ("default", "db_default", "editable"):
            kwargs.pop(implied, None)
        return name, path, list(args), kwargs


class PartitionKey(models.DateTimeField):
    """The time, in UTC, by whose month the rows of a table are kept in partitions.

    The schema editor makes the table partitioned and this column a part of its primary key;
    `apps.tenancy.partitions` makes the partitions. No foreign key can point at such a table.
    """


class CurrentTransaction(models.Func):
    """The id of the transaction that writes, which is given once and never again."""

    template = "pg_current_xact_id()"
    arity = 0


class CurrentTransactionNumber(models.Func):
    """The same as a bigint, which an index is asked for under row-level security; xid8 is not leakproof."""

    template = "(pg_current_xact_id()::text::bigint)"
    arity = 0
    output_field = models.BigIntegerField()


class TransactionId(models.Field):
    """PostgreSQL's xid8, as an int."""

    def db_type(self, connection: Any) -> str:
        """Return the type of the column."""
        return "xid8"

    def from_db_value(self, value: Any, *args: Any) -> int | None:
        """Return the id as a number."""
        return None if value is None else int(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Return the id as PostgreSQL reads it."""
        return None if value is None or hasattr(value, "resolve_expression") else str(value)


def partition_key_of(model: type[models.Model]) -> PartitionKey | None:
    """Return the partition key of a model, real or historical, or None where it has none."""
    return next(
        (field for field in model._meta.local_fields if isinstance(field, PartitionKey)), None
    )


def tenant_key_of(model: type[models.Model]) -> TenantKey | None:
    """Return the tenant key of a model, real or historical, or None where it has none."""
    for field in model._meta.local_fields:
        if isinstance(field, TenantKey):
            return field
    return None
