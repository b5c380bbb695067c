"""Called in a worker with Quintet's settings: the same query, bound and unbound."""

from collections.abc import Callable
from time import perf_counter
from typing import Any
from uuid import UUID

from django.db import connections, transaction
from django.db.models import QuerySet

from apps.tenancy.binding import bind
from apps.tenancy.models import Tenant
from apps.tenancy.resolution import resolved
from apps.tenancy.roles import as_owner
from apps.users import queries
from apps.users.api.rows import ProfileRowSerializer
from apps.users.models import Profile
from benchmarks.quintet import POOL, SLUG

CALLS = 40
PAGE = 51
COLUMNS = tuple(
    name for name in ProfileRowSerializer.Meta.fields if name not in ProfileRowSerializer.stitches
)


def _directory() -> QuerySet[Profile]:
    rows = queries.with_counts(Profile.objects.present().filter(profile_type="CELEBRITY"))
    return rows.order_by("-display_weight", "-id")


def measure(*, rounds: int) -> dict[str, list[float]]:
    """Return microseconds per call, a number for each round.

    The explicit side works as the owner, whom row-level security does not bind.
    """
    tenant = resolved(Tenant.objects.get(slug=SLUG))

    def bound() -> list[dict[str, Any]]:
        with bind(tenant):
            return list(_directory().values(*COLUMNS)[:PAGE])

    def explicit() -> list[dict[str, Any]]:
        with transaction.atomic(using="users"):
            return list(_where(tenant.id).values(*COLUMNS)[:PAGE])

    def empty() -> None:
        with bind(tenant, writes="users"):
            _select_one()

    def bare() -> None:
        with transaction.atomic(using="users"):
            _select_one()

    times: dict[str, list[float]] = {"bound": [], "explicit": [], "empty": [], "bare": []}
    rows = bound()
    owner = as_owner(aliases=["users"], home=POOL)
    with owner:
        assert explicit() == rows, "the two queries differ in their rows"
        owner_connection = connections["users"]
        app_connection = _app_connection()
        for number in range(rounds):
            sides: list[tuple[str, Callable[[], object], Any]] = [
                ("bound", bound, app_connection),
                ("explicit", explicit, owner_connection),
                ("empty", empty, app_connection),
                ("bare", bare, owner_connection),
            ]
            for name, call, connection in sides if number % 2 == 0 else reversed(sides):
                connections["users"] = connection
                times[name].append(_microseconds(call))
        connections["users"] = owner_connection
        app_connection.close()
    return times


def _app_connection() -> Any:
    """A second connection for this thread, as the run-time role."""
    connection = connections.create_connection("users")
    connection.inc_thread_sharing()
    return connection


def _where(tenant_id: UUID) -> QuerySet[Profile]:
    # The key of a counter's row leads with the tenant: the join says it too, as a person would.
    return _directory().filter(tenant_id=tenant_id, counters__tenant_id=tenant_id)


def _select_one() -> None:
    with connections["users"].cursor() as cursor:
        cursor.execute("SELECT 1")


def _microseconds(call: Callable[[], object]) -> float:
    call()
    begun = perf_counter()
    for _ in range(CALLS):
        call()
    return (perf_counter() - begun) / CALLS * 1e6
