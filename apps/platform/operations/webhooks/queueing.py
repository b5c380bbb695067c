"""What endpoints are told: one delivery per message and endpoint, numbered without gaps."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db.models import F, Q
from django.utils import timezone

from apps.kernel.errors import Conflict, Invalid
from apps.kernel.ids import uuid7
from apps.kernel.messages import Envelope
from apps.platform.models import (
    DeliveryState,
    EndpointState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookProgress,
)
from apps.platform.operations.webhooks.endpoints import lock_endpoint
from apps.platform.operations.webhooks.kicking import kick_after_commit
from apps.tenancy import binding

PING = "webhooks.ping"
# What a paused endpoint has not been sent by then is given up; it can still be replayed.
KEPT_WHILE_PAUSED = timedelta(days=7)


class EndpointPaused(Conflict):
    """Nothing is sent to it."""

    slug = "webhook-paused"
    title = "The webhook is paused."


def queue_message(message: Any, envelope: Envelope) -> None:
    """Queue a message for every endpoint that wants it, in the transaction of the bound block.

    The counters are held until it ends, in one order: a number is seen only when all before it can be.
    """
    wants = Q(kinds=[]) | Q(kinds__contains=[envelope.kind])
    wanting = set(
        WebhookEndpoint.objects.filter(wants, deleted_at=None).values_list("id", flat=True)
    )
    if not wanting:
        return
    # All of them, and not only those that want this one: the next message of the transaction may be
    # for others, and two transactions that take them one after the other could wait for each other.
    held = [
        each
        for each in WebhookProgress.objects.select_for_update().order_by("id")
        if each.endpoint_id in wanting
    ]
    _queue(
        held,
        message_id=envelope.id,
        kind=envelope.kind,
        occurred_at=envelope.occurred_at,
        data=envelope.payload,
    )


def queue_ping(*, endpoint_id: UUID, asked_at: datetime) -> WebhookDelivery:
    """Have an endpoint told that it was tried. It counts as a delivery like any other.

    :raises NotFound: there is no such endpoint.
    :raises EndpointPaused: it would not be sent.
    """
    endpoint = lock_endpoint(endpoint_id)
    if endpoint.state == EndpointState.PAUSED:
        raise EndpointPaused("Resume it: what waits is sent then, which tries it as well.")
    held = WebhookProgress.objects.select_for_update().filter(endpoint=endpoint)
    [delivery] = _queue(list(held), message_id=uuid7(), kind=PING, occurred_at=asked_at, data={})
    return delivery


def replay_deliveries(
    *, endpoint_id: UUID, from_sequence: int, to_sequence: int | None = None, asked_at: datetime
) -> int:
    """Send again what an endpoint was sent, under the ids it had; return how many those are.

    :param to_sequence: the last one; None for all there are.
    :raises NotFound: there is no such endpoint.
    :raises Invalid: there is no delivery of that number yet.
    """
    endpoint = lock_endpoint(endpoint_id)
    last = WebhookProgress.objects.values_list("last_sequence", flat=True).get(endpoint=endpoint)
    if from_sequence > last:
        raise Invalid(fields={"from_sequence": [f"The last delivery has the number {last}."]})
    rows = WebhookDelivery.objects.filter(endpoint=endpoint, sequence__gte=from_sequence)
    if to_sequence is not None:
        rows = rows.filter(sequence__lte=to_sequence)
    count = rows.exclude(state=DeliveryState.PENDING).update(
        state=DeliveryState.PENDING,
        attempts=0,
        due_at=asked_at,
        leased_until=None,
        delivered_at=None,
        last_error="",
    )
    kick_after_commit()
    return count


def give_up_old_deliveries(*, now: datetime) -> int:
    """Give up what has waited too long for endpoints that are paused; return how many those are."""
    paused = WebhookEndpoint.objects.filter(state=EndpointState.PAUSED)
    return WebhookDelivery.objects.filter(
        endpoint__in=paused, state=DeliveryState.PENDING, due_at__lt=now - KEPT_WHILE_PAUSED
    ).update(state=DeliveryState.FAILED, last_error="The webhook was paused for too long.")


def _queue(
    held: Sequence[WebhookProgress],
    *,
    message_id: UUID,
    kind: str,
    occurred_at: datetime,
    data: Mapping[str, Any],
) -> list[WebhookDelivery]:
    tenant_id = binding.require().tenant_id
    WebhookProgress.objects.filter(id__in=[each.id for each in held]).update(
        last_sequence=F("last_sequence") + 1
    )
    now = timezone.now()
    deliveries = WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            endpoint_id=each.endpoint_id,
            sequence=each.last_sequence + 1,
            message_id=message_id,
            kind=kind,
            body=orjson.dumps(
                {
                    "id": message_id,
                    "type": kind,
                    "timestamp": occurred_at,
                    "tenant": tenant_id,
                    "sequence": each.last_sequence + 1,
                    "data": data,
                },
                option=orjson.OPT_UTC_Z,
            ).decode(),
            due_at=now,
            created_on=now,
        )
        for each in held
    )
    kick_after_commit()
    return deliveries
