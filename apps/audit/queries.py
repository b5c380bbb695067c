"""Reading the log: what its databases are called, and the rows of one tenant in one of them."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any
from uuid import UUID

from apps.audit.models import AuditEntry, AuditSeal
from apps.audit.models.log import AuditEntryQuerySet
from apps.audit.models.seal import AuditSealQuerySet
from apps.kernel.errors import NotFound
from apps.tenancy import binding
from config.databases import HOME_ALIASES

CONTROL = "control"
# By the word in addresses: the alias. The control plane's log holds what is done to a tenant itself.
DATABASES: dict[str, str] = {CONTROL: "default", **{alias: alias for alias in HOME_ALIASES}}
WORDS = {alias: word for word, alias in DATABASES.items()}

ACTOR_TYPES = ("person", "anonymous", "system", "command", "task", "database")
SOURCES = ("api", "admin", "command", "task", "system", "sql")
# What people see of an entry. Which transaction wrote it matters to readers of the log alone.
COLUMNS = (
    "id",
    "occurred_at",
    "actor_type",
    "actor_id",
    "actor_tenant_id",
    "source",
    "request_id",
    "session_id",
    "ip_address",
    "user_agent",
    "action",
    "entity_type",
    "entity_id",
    "changed_fields",
    "old_values",
    "new_values",
    "details",
)


def alias_of(word: str) -> str:
    """Return the alias of a database.

    :raises NotFound: there is none of this name.
    """
    if word not in DATABASES:
        raise NotFound
    return DATABASES[word]


def entries(*, tenant_id: UUID, alias: str) -> AuditEntryQuerySet:
    """Return a tenant's entries in one database. In a home, run it bound to the tenant.

    No row-level security keeps the tenants of the control plane apart: there, this filter does.
    """
    found: AuditEntryQuerySet = AuditEntry.objects.using(readable(alias))
    return found.filter(tenant_id=tenant_id)


def seals(*, tenant_id: UUID, alias: str) -> AuditSealQuerySet:
    """Return the seals over a tenant's entries in one database, under the same terms."""
    found: AuditSealQuerySet = AuditSeal.objects.using(readable(alias))
    return found.filter(tenant_id=tenant_id)


def reading(
    *, tenant: binding.Placed, alias: str, replica: bool = False
) -> AbstractContextManager[Any]:
    """Enter a tenant for reading its log; the control plane is read unbound."""
    return nullcontext() if alias == "default" else binding.bind(tenant, replica=replica)


def readable(alias: str) -> str:
    """Return the alias to read from: the replica's, where the present block may lag behind."""
    bound = binding.current()
    lags = bound is not None and bound.reads_replica and alias in HOME_ALIASES
    return binding.replica_of(alias) if lags else alias


def changes(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Return from what to what an entry's columns went: `{field, old, new}` each.

    What is personal stays a commitment, also while the row still holds the value.

    :param row: `changed_fields`, `old_values` and `new_values` of the entry.
    """
    old, new = row["old_values"] or {}, row["new_values"] or {}
    names = row["changed_fields"] or [*old, *(name for name in new if name not in old)]
    return [{"field": name, "old": old.get(name), "new": new.get(name)} for name in names]
