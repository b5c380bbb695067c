"""Replays: delivering recorded messages to a handler again, and bringing dead ones back."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections

from apps.kernel import messages
from apps.kernel.errors import Conflict, Invalid
from apps.kernel.messages import Subscription
from apps.tenancy import binding, inbox, kicks, outbox
from apps.tenancy.models import Tenant
from config.databases import CONTEXTS

# In-flight deliveries end within a lease; a little more, for clocks and commits.
WAIT_SECONDS = outbox.LEASE_SECONDS + 10
POLL_SECONDS = 0.2

QUEUE = """
INSERT INTO outbox (id, event_id, handler, aggregate_type, aggregate_id, version, due_at, attempts,
    last_error)
SELECT extensions.uuid7(), e.id, %(handler)s, e.aggregate_type, e.aggregate_id, e.version,
    now() + row_number() OVER (ORDER BY e.occurred_at, e.id) * interval '1 microsecond', 0, ''
FROM domain_events e
WHERE e.kind = ANY (%(kinds)s)
    AND e.occurred_at >= coalesce(%(since)s, '-infinity'::timestamptz)
ON CONFLICT (tenant_id, handler, aggregate_type, aggregate_id, version) DO NOTHING
"""


class UnknownHandler(Invalid):
    """No handler of this name is subscribed."""


class NotReplayable(Conflict):
    """A handler's effects can't be taken back."""

    slug = "not-replayable"
    title = "This handler's effects can't be taken back."


class StillDelivering(Conflict):
    """Deliveries to the handler that were under way did not end."""

    slug = "still-delivering"
    title = "Deliveries to this handler did not end in time."


@dataclass(frozen=True, slots=True)
class Replay:
    """What is to be delivered again.

    :param since: only what was recorded then or later.
    :param is_reset: empty first what the handler keeps.
    :param dead_only: nothing but bring dead messages back.
    """

    subscription: Subscription
    since: datetime | None = None
    is_reset: bool = True
    dead_only: bool = False


@dataclass(frozen=True, slots=True)
class Queued:
    """How many messages of one context were queued for one tenant."""

    tenant: str
    context: str
    messages: int


def check_replay(
    *, handler: str, since: datetime | None, is_reset: bool, dead_only: bool
) -> Replay:
    """Return the replay that was asked for.

    :raises UnknownHandler: no such handler is subscribed.
    :raises NotReplayable: the handler can't be reset, and it was not said to do without.
    :raises Invalid: a reset would empty what messages from before `since` made.
    """
    known = messages.subscriptions()
    if handler not in known:
        there = ", ".join(sorted(known)) or "none"
        raise UnknownHandler(fields={"handler": [f"There is no {handler!r}; there are: {there}."]})
    subscription = known[handler]
    if dead_only:
        return Replay(subscription, since=since, is_reset=False, dead_only=True)
    if is_reset and subscription.reset is None:
        raise NotReplayable(
            f"What {handler} does can't be taken back. Say --dead to bring back what died, "
            "or --no-reset to have it done again."
        )
    if is_reset and since is not None:
        raise Invalid(
            fields={"from": ["A reset empties everything: replay everything, or say --no-reset."]}
        )
    return Replay(subscription, since=since, is_reset=is_reset)


def replay(*, of: Replay, tenant: Tenant, now: datetime, dry_run: bool = False) -> list[Queued]:
    """Queue a tenant's messages for a handler again, in their order; relays deliver them.

    Nothing is delivered to the handler meanwhile. Run it again after a crash: until then the
    handler stays held.

    :raises StillDelivering: a delivery that was under way did not end.
    """
    if dry_run:
        return list(_counts(of, tenant))
    if of.dead_only:
        queued = [_revive(of, tenant, context) for context in _contexts(of)]
    else:
        _empty(of, tenant, now=now)
        queued = [_requeue(of, tenant, context) for context in _contexts(of)]
        with binding.bind(tenant, writes=of.subscription.context):
            inbox.release(handler=of.subscription.name, context=of.subscription.context)
    for each in queued:
        if each.messages:
            kicks.kick(tenant=tenant, context=each.context)
    return queued


def _empty(of: Replay, tenant: Tenant, *, now: datetime) -> None:
    handler, context = of.subscription.name, of.subscription.context
    with binding.bind(tenant, writes=context):
        inbox.hold(handler=handler, context=context, held_at=now)
        if of.is_reset and of.subscription.reset is not None:
            of.subscription.reset()
        inbox.forget_since(handler=handler, context=context, since=of.since)


def _requeue(of: Replay, tenant: Tenant, context: str) -> Queued:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        with suppress(_Leased), binding.bind(tenant, writes=context):
            return Queued(tenant.slug, context, _fill(of, context))
        time.sleep(POLL_SECONDS)
    raise StillDelivering("Run the replay again. Until then nothing is delivered to the handler.")


class _Leased(Exception):
    """A relay has messages of the handler."""


def _fill(of: Replay, context: str) -> int:
    handler = of.subscription.name
    outbox.hold_claims()
    with connections[context].cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM outbox WHERE handler = %s AND leased_until >= now())",
            [handler],
        )
        if cursor.fetchone() == (True,):
            raise _Leased
        if of.is_reset:
            cursor.execute("DELETE FROM outbox WHERE handler = %s", [handler])
        cursor.execute(QUEUE, {"handler": handler, "kinds": _kinds(of, context), "since": of.since})
        return int(cursor.rowcount)


def _revive(of: Replay, tenant: Tenant, context: str) -> Queued:
    with binding.bind(tenant, writes=context), connections[context].cursor() as cursor:
        cursor.execute(
            "UPDATE outbox o SET dead_at = NULL, attempts = 0, due_at = now(), last_error = '', "
            f"leased_until = NULL WHERE {DEAD}",
            _values(of),
        )
        return Queued(tenant.slug, context, cursor.rowcount)


DEAD = (
    "o.handler = %(handler)s AND o.dead_at IS NOT NULL AND EXISTS (SELECT FROM domain_events e "
    "WHERE e.id = o.event_id AND e.occurred_at >= coalesce(%(since)s, '-infinity'::timestamptz))"
)
RECORDED = (
    "e.kind = ANY (%(kinds)s) AND e.occurred_at >= coalesce(%(since)s, '-infinity'::timestamptz)"
)


def _counts(of: Replay, tenant: Tenant) -> Iterator[Queued]:
    for context in _contexts(of):
        what = f"outbox o WHERE {DEAD}" if of.dead_only else f"domain_events e WHERE {RECORDED}"
        with binding.bind(tenant), connections[context].cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) FROM {what}", {**_values(of), "kinds": _kinds(of, context)}
            )
            (count,) = cursor.fetchone()
        yield Queued(tenant.slug, context, count)


def _values(of: Replay) -> dict[str, Any]:
    return {"handler": of.subscription.name, "since": of.since}


def _contexts(of: Replay) -> list[str]:
    """Return the contexts whose messages the handler wants."""
    return [context for context in CONTEXTS if _kinds(of, context)]


def _kinds(of: Replay, context: str) -> list[str]:
    return [
        kind
        for kind in messages.kinds()
        if kind.startswith(f"{context}.") and of.subscription.wants(kind)
    ]
