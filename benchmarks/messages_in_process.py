"""Called in a worker with Quintet's settings: writes with a message and without, and the outbox."""

from collections.abc import Callable
from contextlib import contextmanager
from itertools import cycle
from time import perf_counter
from typing import Any

from django.db import connections

from apps.kernel import messages
from apps.kernel.ids import uuid7
from apps.tenancy import kicks, relay
from apps.tenancy.binding import bind
from apps.tenancy.models import Tenant
from apps.tenancy.resolution import resolved
from apps.tenancy.roles import as_owner
from apps.users.contracts import ProfileChanged
from apps.users.models import Profile
from benchmarks import audit_in_process, quintet

MESSAGES = 10_000
AGGREGATES = 2_000
CALLS = 40
HANDLER = "users.benchmark"
# The same rows as the log of messages gets, without numbering, queue or inbox.
PLAIN = """
INSERT INTO domain_events (id, kind, aggregate_type, aggregate_id, version, payload, occurred_at)
SELECT extensions.uuid7(), 'users.Plain', 'plain', extensions.uuid7(), 1,
    jsonb_build_object('profile_id', extensions.uuid7(), 'status', 'ACTIVE'), now()
FROM generate_series(1, 1000)
"""


def measure(*, rounds: int, bulk_rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return seconds per write, and rows per second, a number for each round."""
    audit_in_process.prepare()
    tenant = resolved(Tenant.objects.get(slug=audit_in_process.SLUG))
    with _handler(), _no_broker():
        record: dict[str, list[float]] = {"with": [], "without": []}
        write = _writes(tenant)
        for number in range(rounds + 1):
            sides = [("with", True), ("without", False)]
            for name, is_recorded in sides if number % 2 == 0 else reversed(sides):
                taken = _per_call(lambda is_recorded=is_recorded: write(is_recorded))
                # The first round fills caches.
                if number:
                    record[name].append(taken)
            relay.relay(tenant=tenant, context="users")
        rate: dict[str, list[float]] = {"outbox": [], "relay": [], "plain": []}
        for _ in range(bulk_rounds):
            _vacuum()
            both, relayed = _outbox(tenant)
            rate["outbox"].append(MESSAGES / both)
            rate["relay"].append(MESSAGES / relayed)
            _vacuum()
            rate["plain"].append(MESSAGES / _plain(tenant))
    return {"record": record, "rate": rate}


def _writes(tenant: Any) -> Callable[[bool], None]:
    with bind(tenant):
        ids = cycle(list(Profile.objects.order_by("id").values_list("id", flat=True)))
    turns = iter(range(10**9))

    def write(is_recorded: bool) -> None:
        profile_id = next(ids)
        with bind(tenant, writes="users"):
            Profile.objects.filter(id=profile_id).update(title=f"Title {next(turns)}")
            if is_recorded:
                messages.record(_message(profile_id))

    return write


def _per_call(write: Callable[[], None]) -> float:
    write()
    begun = perf_counter()
    for _ in range(CALLS):
        write()
    return (perf_counter() - begun) / CALLS


def _outbox(tenant: Any) -> tuple[float, float]:
    """Return the seconds of recording and delivering, and of delivering alone."""
    things = [uuid7() for _ in range(AGGREGATES)]
    begun = perf_counter()
    for start in range(0, MESSAGES, 1_000):
        with bind(tenant, writes="users"):
            messages.record_all(
                _message(things[number % AGGREGATES]) for number in range(start, start + 1_000)
            )
    recorded = perf_counter()
    delivered = relay.relay(tenant=tenant, context="users")
    ended = perf_counter()
    assert delivered == MESSAGES, f"{delivered} messages were delivered"
    return ended - begun, ended - recorded


def _plain(tenant: Any) -> float:
    begun = perf_counter()
    for _ in range(0, MESSAGES, 1_000):
        with bind(tenant, writes="users"), connections["users"].cursor() as cursor:
            cursor.execute(PLAIN)
    return perf_counter() - begun


def _message(profile_id: Any) -> ProfileChanged:
    return ProfileChanged(
        profile_id=profile_id,
        profile_type="CELEBRITY",
        change="UPDATED",
        status="ACTIVE",
        is_deleted=False,
    )


@contextmanager
def _handler() -> Any:
    """Have one handler that does nothing, and no others: each would be delivered to as well."""
    before = dict(messages._subscriptions)
    messages._subscriptions.clear()
    messages.subscribe(
        name=HANDLER, context="users", to=[ProfileChanged], handle=lambda *_given: None
    )
    try:
        yield
    finally:
        messages._subscriptions.clear()
        messages._subscriptions.update(before)


@contextmanager
def _no_broker() -> Any:
    """Kick nobody: no other relay may take what is measured."""
    before, kicks._publish = kicks._publish, lambda **_given: None
    try:
        yield
    finally:
        kicks._publish = before


def _vacuum() -> None:
    with (
        as_owner(aliases=["users"], home=quintet.POOL),
        connections["users"].cursor() as cursor,
    ):
        cursor.execute("VACUUM outbox, inbox, domain_events")
