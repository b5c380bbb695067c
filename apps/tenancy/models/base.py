"""The abstract model every table of a context inherits."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db import models

from apps.kernel import references
from apps.kernel.ids import uuid7
from apps.tenancy.fields import TenantKey


class TenantQuerySet(models.QuerySet):
    """Bulk writes check references as single ones do."""

    def bulk_create(self, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """Insert rows.

        :raises Invalid: a reference points at nothing.
        """
        rows = list(objs)
        references.check(self.model, rows)
        return super().bulk_create(rows, *args, **kwargs)

    def bulk_update(
        self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None = None
    ) -> int:
        """Update the named fields of rows.

        :raises Invalid: a reference points at nothing.
        """
        rows, names = list(objs), list(fields)
        references.check(self.model, rows, only=names)
        return super().bulk_update(rows, names, batch_size=batch_size)


class TenantModel(models.Model):
    """A row of one tenant.

    In the database the primary key is (tenant_id, id); to Django it is `id`, because a bound block
    sees one tenant only. Upserts name `UPSERT_KEY` as their unique fields.
    """

    UPSERT_KEY: ClassVar = ["tenant_id", "id"]
    # Why the table has no `Audited` among its constraints: a cache, a queue, a record of its own.
    unaudited: ClassVar[str] = ""

    tenant_id = TenantKey()
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    objects: ClassVar[models.Manager[Any]] = TenantQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, **kwargs: Any) -> None:
        """Write the row.

        :raises Invalid: a reference points at nothing.
        """
        references.check(type(self), [self], only=kwargs.get("update_fields"))
        super().save(**kwargs)
