"""Answered requests of this context."""

from django.db import models

from apps.kernel.idempotency import AbstractIdempotencyKey
from apps.tenancy.models import TenantModel


class IdempotencyKey(TenantModel, AbstractIdempotencyKey):
    """A request that was answered; kept in the transaction of the write itself."""

    class Meta:
        db_table = "idempotency_keys"
        indexes = [models.Index(fields=["tenant_id", "created_at"], name="idempotency_keys_age")]
        constraints = [
            models.UniqueConstraint(fields=["actor_id", "key"], name="idempotency_keys_key")
        ]

    def __str__(self) -> str:
        return self.key
