"""Read replicas: who may read from one now, so that everybody reads what they have just written."""

from uuid import UUID

from django.core.cache import cache
from django.db import connections

from config.databases import REPLICA_SUFFIX

# For so long after a write its author reads from the primary; a replica that lags more is broken.
OWN_WRITES_SECONDS = 10


def are_configured() -> bool:
    """Return whether any database has a replica."""
    return any(alias.endswith(REPLICA_SUFFIX) for alias in connections.databases)


def note_write(*, tenant_id: UUID, actor_id: UUID) -> None:
    """Remember that somebody has just written."""
    if are_configured():
        cache.set(_key(tenant_id, actor_id), 1, timeout=OWN_WRITES_SECONDS)


def may_read(*, tenant_id: UUID, actor_id: UUID | None) -> bool:
    """Return whether a request that only reads may be answered from a replica."""
    if not are_configured():
        return False
    return actor_id is None or cache.get(_key(tenant_id, actor_id)) is None


def _key(tenant_id: UUID, actor_id: UUID) -> str:
    return f"{tenant_id}:wrote:{actor_id}"
