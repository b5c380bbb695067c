"""Sending what is due: leased in one unit of work, sent in none, noted in another.

A sender that is killed in between leaves its lease behind. When that has ended the delivery is sent
again, under the same id: at least once.
"""

import json
import logging
import random
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections
from django.utils import timezone

from apps.kernel.errors import NotFound
from apps.platform.models import DeliveryState, WebhookDelivery, WebhookProgress
from apps.platform.operations.webhooks import secrets
from apps.platform.operations.webhooks.endpoints import lock_endpoint, pause_endpoint
from apps.platform.operations.webhooks.kicking import kick
from apps.platform.ports import outbound_http
from apps.platform.ports.outbound_http import Answer
from apps.tenancy import binding, locks, sealing

logger = logging.getLogger(__name__)

SENDERS = 8
PER_ENDPOINT = 4
# Longer than sending takes, with several addresses to try and a resolver that is slow.
LEASE_SECONDS = 60
# A task ends some time, so that a worker can be stopped; another goes on.
RUN_SECONDS = 240

# Sixteen attempts in not quite three days: after half a minute, then twice as long each time.
ATTEMPTS = 16
FIRST_PAUSE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 12 * 3_600
# While an endpoint fails nothing else is tried there for this long: 1 s, 2 s, 4 s, … a quarter hour.
LONGEST_HOLD_SECONDS = 900
FAILURES_IN_A_ROW = 50
FAILING_FOR = timedelta(days=3)
GONE = 410

# Claims of one tenant follow each other, so that two don't both take the room there is. An endpoint
# that fails is tried with one delivery at a time.
LEASE = """
WITH room AS (
    SELECT e.id, CASE WHEN p.failures > 0 THEN 1 ELSE %(per_endpoint)s END - (
        SELECT count(*) FROM webhook_deliveries b
        WHERE b.endpoint_id = e.id AND b.state = 'PENDING' AND b.leased_until > now()
    ) AS free
    FROM webhook_endpoints e JOIN webhook_progress p ON p.endpoint_id = e.id
    WHERE e.deleted_at IS NULL AND e.state = 'ACTIVE'
        AND coalesce(p.held_until, '-infinity') <= now()
),
due AS (
    SELECT found.id FROM room, LATERAL (
        SELECT d.id, d.due_at FROM webhook_deliveries d
        WHERE d.endpoint_id = room.id AND d.state = 'PENDING' AND d.due_at <= now()
            AND coalesce(d.leased_until, '-infinity') <= now()
        ORDER BY d.due_at, d.sequence LIMIT greatest(room.free, 0) FOR UPDATE SKIP LOCKED
    ) found
    ORDER BY found.due_at LIMIT %(senders)s
)
UPDATE webhook_deliveries d
SET leased_until = now() + make_interval(secs => %(lease)s), attempts = attempts + 1
FROM due, webhook_endpoints e
WHERE d.id = due.id AND e.id = d.endpoint_id
RETURNING d.id, d.endpoint_id, d.attempts, d.message_id, d.sequence, d.body, e.url, e.sealed_secrets::text,
    d.leased_until
"""


@dataclass(frozen=True, slots=True)
class Leased:
    """A delivery that this sender has for a while. `leased_until` tells its lease from later ones."""

    id: UUID
    endpoint_id: UUID
    attempts: int
    message_id: UUID
    sequence: int
    body: str
    url: str
    sealed_secrets: str
    """As JSON."""
    leased_until: datetime


def send_due(*, tenant: binding.Placed) -> int:
    """Send what is due of a tenant's deliveries; return how many attempts that were.

    Several at once, a few per endpoint; the calls are made outside of every unit of work.
    """
    until = time.monotonic() + RUN_SECONDS
    attempts = 0
    flying: dict[Future[Answer], Leased] = {}
    with ThreadPoolExecutor(SENDERS, thread_name_prefix="webhooks") as senders:
        while True:
            if time.monotonic() < until:
                for leased in _lease(tenant, at_most=SENDERS - len(flying)):
                    flying[_begin(senders, leased)] = leased
            if not flying:
                break
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                attempts += 1
                settle(flying.pop(future), future.result(), tenant=tenant)
    if time.monotonic() >= until:
        kick(tenant)
    return attempts


def _lease(tenant: binding.Placed, *, at_most: int) -> list[Leased]:
    with binding.bind(tenant, writes="platform"), connections["platform"].cursor() as cursor:
        locks.hold("webhooks")
        cursor.execute(
            LEASE,
            {"senders": at_most, "per_endpoint": PER_ENDPOINT, "lease": LEASE_SECONDS},
        )
        return [Leased(*row) for row in cursor.fetchall()]


def _begin(senders: ThreadPoolExecutor, leased: Leased) -> "Future[Answer]":
    """Sign a delivery, and have it sent by a thread that knows nothing of databases."""
    try:
        headers = _headers(leased, signed_at=timezone.now())
    except sealing.Unsealable:
        logger.error("the secrets of webhook %s can't be unsealed", leased.endpoint_id)
        failed: Future[Answer] = Future()
        failed.set_result(Answer(error="Its secret can't be read any more. Rotate it."))
        return failed
    return senders.submit(
        outbound_http.post, url=leased.url, body=leased.body.encode(), headers=headers
    )


def _headers(leased: Leased, *, signed_at: datetime) -> Mapping[str, str]:
    message_id = str(leased.message_id)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Quintet",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-sequence": str(leased.sequence),
        "webhook-signature": secrets.signatures(
            json.loads(leased.sealed_secrets),
            message_id=message_id,
            body=leased.body,
            signed_at=signed_at,
        ),
    }


def settle(leased: Leased, answer: Answer, *, tenant: binding.Placed) -> None:
    """Note what came of an attempt, unless the lease has ended and somebody else has it."""
    now = timezone.now()
    with binding.bind(tenant, writes="platform"):
        try:
            # First of all, as everybody does who changes an endpoint's deliveries and counters.
            lock_endpoint(leased.endpoint_id)
        except NotFound:
            return
        is_ours = WebhookDelivery.objects.filter(
            id=leased.id, state=DeliveryState.PENDING, leased_until=leased.leased_until
        ).update(**_outcome(leased, answer, now=now))
        if not is_ours:
            return
        if answer.is_success:
            WebhookProgress.objects.filter(endpoint_id=leased.endpoint_id, failures__gt=0).update(
                failures=0, failing_since=None, held_until=None
            )
        else:
            _note_failure(leased, answer, now=now)


def _outcome(leased: Leased, answer: Answer, *, now: datetime) -> dict[str, Any]:
    said = {
        "leased_until": None,
        "response_status": answer.status,
        "response_excerpt": answer.excerpt,
        "last_error": reason_of(answer),
    }
    if answer.is_success:
        return {**said, "state": DeliveryState.DELIVERED, "delivered_at": now}
    # An endpoint that is gone is paused: what it was to be told waits for it to be resumed.
    if leased.attempts >= ATTEMPTS and answer.status != GONE:
        return {**said, "state": DeliveryState.FAILED}
    return {**said, "due_at": now + pause_after(leased.attempts)}


def _note_failure(leased: Leased, answer: Answer, *, now: datetime) -> None:
    progress = WebhookProgress.objects.select_for_update().get(endpoint_id=leased.endpoint_id)
    progress.failures += 1
    progress.failing_since = progress.failing_since or now
    progress.held_until = now + timedelta(
        seconds=min(2.0 ** min(progress.failures - 1, 20), LONGEST_HOLD_SECONDS)
    )
    progress.save(update_fields=["failures", "failing_since", "held_until"])
    because = None
    if answer.status == GONE:
        because = "It answered 410 Gone."
    elif progress.failures >= FAILURES_IN_A_ROW:
        because = f"{progress.failures} attempts in a row failed. The last: {reason_of(answer)}"
    elif now - progress.failing_since >= FAILING_FOR:
        because = f"Every attempt failed for {FAILING_FOR.days} days. The last: {reason_of(answer)}"
    if because:
        pause_endpoint(
            endpoint_id=leased.endpoint_id, paused_at=now, because=because, is_automatic=True
        )


def reason_of(answer: Answer) -> str:
    """Return in a sentence why an attempt failed; empty if it did not."""
    if answer.is_success or answer.error:
        return answer.error
    if answer.status is not None and 300 <= answer.status < 400:
        return f"It answered {answer.status}: redirects are not followed."
    return f"It answered {answer.status}."


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts, a quarter more or less by chance."""
    seconds = min(FIRST_PAUSE_SECONDS * 2.0 ** (attempts - 1), LONGEST_PAUSE_SECONDS)
    return timedelta(seconds=seconds * random.uniform(0.75, 1.25))
