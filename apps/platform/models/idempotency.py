"""Answered requests of this context."""

from apps.kernel.idempotency import AbstractIdempotencyKey
from apps.tenancy.models import TenantModel


class IdempotencyKey(TenantModel, AbstractIdempotencyKey):
    """A request that was answered; kept in the transaction of the write itself."""

    unaudited = "It keeps a reply for a day; what the request changed is audited."

    class Meta(AbstractIdempotencyKey.Meta):
        pass

    def __str__(self) -> str:
        return self.key
