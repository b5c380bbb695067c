"""What waits to be delivered, of all tenants: for the sweep and for metrics."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import connections

from apps.tenancy import binding
from apps.tenancy.models import Home
from apps.tenancy.platform import Platform
from config.databases import CONTEXTS


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits of one tenant's messages in one context.

    `oldest_seconds` says how long the longest overdue has been due; 0 where none is.
    """

    context: str
    tenant_id: UUID
    waiting: int
    dead: int
    oldest_seconds: float
    is_due: bool


def waiting_in(*, context: str, home: str) -> list[Waiting]:
    """Return what waits in one home of a context, by tenant: one query for all of them."""
    with binding.bind(Platform(schema_name=home)), connections[context].cursor() as cursor:
        cursor.execute(
            "SELECT tenant, waiting, dead, "
            "coalesce(extract(epoch FROM clock_timestamp() - oldest), 0)::float8, "
            "oldest IS NOT NULL FROM tenants_with_due_messages()"
        )
        return [Waiting(context, *row) for row in cursor.fetchall()]


def everything_waiting() -> Iterator[Waiting]:
    """Yield what waits anywhere: one query per context and home."""
    for home in Home.objects.exclude(state=Home.State.PREPARING).order_by("name"):
        for context in CONTEXTS:
            yield from waiting_in(context=context, home=home.name)
