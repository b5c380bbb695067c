"""Logs: one per tenant and database, each with its own seals; and where their anchors lie."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction

from apps.audit.errors import NoPlaceForAnchors
from apps.audit.models import AuditAnchor, AuditEntry, AuditSeal
from apps.tenancy import binding
from apps.tenancy.binding import Placed
from apps.tenancy.models import Home, Tenant
from apps.tenancy.platform import PLATFORM, Platform
from config.databases import PLAN

# The database in which the anchors of each database's seals lie.
ANCHORED_IN = {
    "default": "users",
    "users": "media",
    "media": "commerce",
    "commerce": "events",
    "events": "platform",
    "platform": "vault",
    "vault": "users",
}


@dataclass(frozen=True, slots=True)
class Log:
    """The log of one tenant in one database. Its seals lie beside it."""

    database: str
    tenant: Placed

    def __str__(self) -> str:
        return f"{self.database} of {getattr(self.tenant, 'slug', self.tenant.id)}"

    @property
    def table(self) -> str:
        """The log's rows in SQL, inside `reading` or `writing`; filter them by tenant_id."""
        return AuditEntry._meta.db_table

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Open a transaction that reads: in the tenant's home, or in the control plane."""
        if PLAN[self.database].has_homes:
            with binding.bind(self.tenant):
                yield
        else:
            with transaction.atomic(using=self.database):
                yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Open a transaction that writes."""
        if PLAN[self.database].has_homes:
            with binding.bind(self.tenant, writes=self.database):
                yield
        else:
            with transaction.atomic(using=self.database):
                yield

    # The control plane has no row-level security, so each of these names the tenant in both.

    def entries(self) -> Any:
        """Return the entries. Ask inside `reading`."""
        return AuditEntry.objects.using(self.database).filter(tenant_id=self.tenant.id)

    def seals(self) -> Any:
        """Return the seals. Ask inside `reading`."""
        return AuditSeal.objects.using(self.database).filter(tenant_id=self.tenant.id)

    def anchors_of(self, log: "Log") -> Any:
        """Return the anchors of another log's seals that lie here. Ask inside `reading`."""
        return AuditAnchor.objects.using(self.database).filter(
            tenant_id=self.tenant.id, database=log.database
        )

    def select(self, statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        """Return the rows of a statement. Call it inside `reading` or `writing`."""
        with connections[self.database].cursor() as cursor:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall())


def logs_of(tenant: Placed) -> list[Log]:
    """Return the logs of a tenant, one per database; of the platform itself, its one."""
    if tenant.id == PLATFORM:
        return [Log("default", tenant)]
    return [Log(alias, tenant) for alias in PLAN]


def owners() -> list[Placed]:
    """Return everybody who has logs: the tenants that have a home, the oldest first, and the platform."""
    housed = Tenant.objects.exclude(status=Tenant.Status.PROVISIONING).in_order()
    return [*housed, Platform()]


def anchor_log_of(log: Log) -> Log:
    """Return the log beside which the anchors of a log's seals lie, in another database.

    :raises NoPlaceForAnchors: it is the platform's own log, and there is no pool.
    """
    place = log.tenant
    if place.id == PLATFORM:
        pools = Home.objects.filter(kind=Home.Kind.POOL).exclude(state=Home.State.PREPARING)
        names = [home.name for home in pools]
        if not names:
            raise NoPlaceForAnchors()
        place = Platform(schema_name=min(names, key=lambda name: int(name.rpartition("_")[2])))
    return Log(ANCHORED_IN[log.database], place)
