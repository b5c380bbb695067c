"""The log: one row for each row that was written, and for each look at personal data."""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from apps.tenancy.fields import CurrentTransaction, PartitionKey, TransactionId
from apps.tenancy.models import TenantModel
from apps.tenancy.models.base import TenantQuerySet
from apps.tenancy.models.constraints import AppendOnly


class Uuid7(models.Func):
    """A new UUIDv7, made in the database."""

    template = "extensions.uuid7()"
    arity = 0
    output_field = models.UUIDField()


class Action(models.TextChoices):
    """What was done to a row."""

    INSERT = "INSERT", "added"
    UPDATE = "UPDATE", "changed"
    DELETE = "DELETE", "deleted"
    READ = "READ", "looked at"


class AuditEntryQuerySet(TenantQuerySet):
    """Filters over entries."""

    def of_entity(self, *, entity_type: str, entity_id: str) -> AuditEntryQuerySet:
        """Keep what happened to one row of a table."""
        return self.filter(entity_type=entity_type, entity_id=entity_id)

    def between(self, start: datetime, end: datetime) -> AuditEntryQuerySet:
        """Keep what happened from `start` on and before `end`."""
        return self.filter(occurred_at__gte=start, occurred_at__lt=end)

    def newest_first(self) -> AuditEntryQuerySet:
        """Order totally, the newest first."""
        return self.order_by("-occurred_at", "-id")


class AuditEntry(TenantModel):
    """A row that was written, or looked at: who, what, from what to what, when, and whence.

    Written by triggers alone. `entity_type` is a table, `entity_id` the key of its row.
    `changed_fields`, `old_values` and `new_values` hold the changed columns of an UPDATE;
    `new_values` the whole row of an INSERT, `old_values` that of a DELETE. What is personal is a
    commitment in them. `details` says which columns a READ showed.

    `occurred_at` is when the statement began. `xid` is the transaction's id: readers take only rows
    below the oldest that still runs, so that they miss none.
    """

    unaudited = "It is the log."

    id = models.UUIDField(primary_key=True, db_default=Uuid7(), editable=False)
    occurred_at = PartitionKey(db_default=Now())
    actor_type = models.TextField()
    actor_id = models.TextField(null=True)
    actor_tenant_id = models.UUIDField(null=True)
    source = models.TextField()
    request_id = models.UUIDField(null=True)
    session_id = models.TextField(null=True)
    ip_address = models.GenericIPAddressField(null=True)
    user_agent = models.TextField(null=True)
    action = models.TextField(choices=Action.choices)
    entity_type = models.TextField()
    entity_id = models.TextField()
    changed_fields = ArrayField(models.TextField(), null=True)
    old_values = models.JSONField(null=True)
    new_values = models.JSONField(null=True)
    details = models.JSONField(null=True)
    xid = TransactionId(db_default=CurrentTransaction(), editable=False)

    objects = AuditEntryQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        db_table = "audit_log"
        verbose_name = "audit entry"
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(
                fields=["tenant_id", "entity_id", "occurred_at"], name="audit_log_by_entity"
            ),
            models.Index(
                fields=["tenant_id", "actor_id", "occurred_at"], name="audit_log_by_actor"
            ),
            models.Index(fields=["tenant_id", "xid", "id"], name="audit_log_by_transaction"),
        ]
        constraints = [AppendOnly(name="audit_log_guard", by_trigger=True)]

    def __str__(self) -> str:
        return f"{self.action} {self.entity_type} {self.entity_id}"


class AuditSalt(TenantModel):
    """The salt of one subject's commitments. Deleting it puts their personal values beyond reach."""

    unaudited = "It is the log's own secret, and is deleted so that nothing of it remains."

    id = models.UUIDField(primary_key=True, db_column="subject_id", editable=False)
    salt = models.BinaryField()

    class Meta:
        db_table = "audit_salts"

    def __str__(self) -> str:
        return str(self.id)
