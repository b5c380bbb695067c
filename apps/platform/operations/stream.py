"""Telling the live stream: in the transaction of what happened, last of all."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import Max

from apps.platform.models import Audience, StreamEvent
from apps.platform.ports import wakeups
from apps.tenancy import binding

KEPT_FOR = timedelta(days=7)
"""How long a client may stay away and still be told everything."""

# The row's lock is held until the commit, so that positions are given in the order of commits: a
# reader that has seen one has seen, or can see, all before it.
NEXT_POSITION = """
INSERT INTO stream_positions (id, last) VALUES (%s, 1)
ON CONFLICT (tenant_id, id) DO UPDATE SET last = stream_positions.last + 1
RETURNING last
"""


def tell(
    *, kind: str, audience: Audience, audience_id: UUID | None = None, payload: Mapping[str, Any]
) -> int:
    """Put an event at the end of the tenant's stream; return its position.

    Call it last: others who tell this tenant's stream wait until the transaction ends.

    :param kind: "<thing>.<what happened>", as clients subscribe to it.
    :param audience_id: the group's or the profile's id; None for everybody.
    """
    bound = binding.require()
    tenant_id = bound.tenant_id
    with connections["platform"].cursor() as cursor:
        cursor.execute(NEXT_POSITION, [tenant_id])
        (position,) = cursor.fetchone()
    StreamEvent.objects.create(
        position=position,
        kind=kind,
        audience=audience,
        audience_id=audience_id,
        payload=dict(payload),
    )
    # Once for all that a transaction tells: whoever reads from the first of it on finds the rest.
    bound.add_hook(lambda: wakeups.wake(tenant_id=tenant_id, position=position), once="wake-up")
    return position


def forget_old_events(*, now: datetime) -> int:
    """Delete what has been told for longer than `KEPT_FOR`; return how many events that were."""
    # By position, not by age: clocks of several servers differ, and what is kept must have no gaps.
    old = StreamEvent.objects.filter(created_at__lt=now - KEPT_FOR)
    newest = old.aggregate(newest=Max("position"))["newest"]
    if newest is None:
        return 0
    return StreamEvent.objects.filter(position__lte=newest).delete()[0]
