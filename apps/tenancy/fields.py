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


def tenant_key_of(model: type[models.Model]) -> TenantKey | None:
    """Return the tenant key of a model, real or historical, or None where it has none."""
    for field in model._meta.local_fields:
        if isinstance(field, TenantKey):
            return field
    return None
