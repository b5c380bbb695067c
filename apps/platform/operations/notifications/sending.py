"""Sending what is due: leased in one unit of work, sent in none, noted in another.

A sender that is killed in between leaves its lease behind: when that has ended, the notification is sent
again, under the same Message-ID. At least once, and a repeat can be told.
"""

import logging
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.platform.models import (
    Channel,
    ContactPoint,
    Frequency,
    Notification,
    NotificationStatus,
    QuietHours,
    Suppression,
)
from apps.platform.operations.notifications import clocks, making, suppressing, topics
from apps.platform.operations.notifications.carrying import Carriers, Parcel, Place
from apps.platform.operations.notifications.kicking import kick
from apps.platform.operations.notifications.recipients import (
    Recipient,
    address_hash,
    contact_points,
    email_addresses,
    recipients_of,
)
from apps.platform.ports.carried import Outcome
from apps.tenancy import binding

logger = logging.getLogger(__name__)

BATCH = 20
# Longer than a batch takes whose every carrier answers at the last moment.
LEASE_SECONDS = 300
# What is left of a lease by then is not begun any more.
MARGIN_SECONDS = 60
# A task ends some time, so that a worker can be stopped; another goes on.
RUN_SECONDS = 240

# Sixteen attempts in about three days: after half a minute, then twice as long each time.
ATTEMPTS = 16
FIRST_PAUSE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 12 * 3_600

NO_ADDRESS = "There is no address for it any more."
SUPPRESSED = "The address is suppressed."


@dataclass(frozen=True, slots=True)
class Leased:
    """A notification that this sender may send. `attempts` tells its lease from later ones."""

    id: UUID
    attempts: int
    topic: str
    parcel: Parcel


def send_due(*, tenant: binding.Placed) -> int:
    """Send what is due of a tenant's notifications; return how many attempts that were."""
    until = time.monotonic() + RUN_SECONDS
    attempts = 0
    carriers = Carriers()
    try:
        while time.monotonic() < until:
            begun = time.monotonic()
            batch = _lease(tenant)
            if batch is None:
                return attempts
            for leased in batch:
                if time.monotonic() - begun > LEASE_SECONDS - MARGIN_SECONDS:
                    break
                attempts += 1
                settle(leased, carriers.carry(leased.parcel), tenant=tenant)
    finally:
        carriers.close()
    kick(tenant)
    return attempts


def _lease(tenant: binding.Placed) -> list[Leased] | None:
    """Take what is due and can be sent now; None if nothing is due at all."""
    now = timezone.now()
    with binding.bind(tenant, writes="platform"):
        due = list(
            Notification.objects.select_for_update(skip_locked=True)
            .filter(status=NotificationStatus.PENDING, frequency=Frequency.AT_ONCE, due_at__lte=now)
            .order_by("due_at", "id")[:BATCH]
        )
        if not due:
            return None
        people = recipients_of({row.user_id for row in due})
        waking = _put_off_quiet(due, people, now=now)
        leased = _addressed(waking, people, now=now)
        for each in leased:
            Notification.objects.filter(id=each.id).update(
                attempts=each.attempts, due_at=now + timedelta(seconds=LEASE_SECONDS)
            )
    return leased


def _put_off_quiet(
    due: Sequence[Notification], people: dict[UUID, Recipient], *, now: datetime
) -> list[Notification]:
    """Have what would disturb somebody wait until their quiet hours end; return the rest."""
    hours = {
        row.user_id: row
        for row in QuietHours.objects.filter(
            user_id__in={person.settings_id for person in people.values()}
        )
    }
    waking = []
    for row in due:
        person = people.get(row.user_id)
        quiet = hours.get(person.settings_id) if person else None
        until = quiet and clocks.quiet_until(
            now=now, starts=quiet.starts, ends=quiet.ends, time_zone=quiet.time_zone
        )
        if until and not topics.is_urgent(row.topic):
            Notification.objects.filter(id=row.id).update(due_at=until)
        else:
            waking.append(row)
    return waking


def _addressed(
    rows: Sequence[Notification], people: dict[UUID, Recipient], *, now: datetime
) -> list[Leased]:
    """Return what has somewhere to go; what has not has failed."""
    emails = email_addresses({person.person_id for person in people.values()})
    points = contact_points({person.settings_id for person in people.values()})
    codes = _named_points(rows)
    places = {row.id: _places(row, people.get(row.user_id), emails, points, codes) for row in rows}
    refused = _suppressed(place for found in places.values() for place in found)
    sender_name = making.tenant_name()
    leased = []
    for row in rows:
        open_places = [place for place in places[row.id] if place.hashed not in refused]
        if not open_places:
            _fail([row.id], because=SUPPRESSED if places[row.id] else NO_ADDRESS)
            continue
        parcel = Parcel.of(row, people[row.user_id], open_places, sender_name=sender_name)
        leased.append(Leased(row.id, row.attempts + 1, row.topic, parcel))
    return leased


def _named_points(rows: Iterable[Notification]) -> dict[str, ContactPoint]:
    """Return the telephones that codes are for, verified or not, by id."""
    ids = [row.meta_data["contact_point_id"] for row in rows if row.topic == "contact_code"]
    return {str(point.id): point for point in ContactPoint.objects.filter(id__in=ids)}


def _places(
    row: Notification,
    person: Recipient | None,
    emails: dict[UUID, str],
    points: Any,
    codes: dict[str, ContactPoint],
) -> list[Place]:
    if person is None:
        return []
    if row.channel == Channel.EMAIL:
        address = emails.get(person.person_id)
        return [_place(row.channel, address)] if address else []
    if row.topic == "contact_code":
        found = [codes[id_] for id_ in [row.meta_data["contact_point_id"]] if id_ in codes]
    else:
        found = list(points.get(person.settings_id, {}).get(row.channel, []))
    # A person has one telephone at a time, and a browser on each of their machines.
    found = found[:1] if row.channel == Channel.SMS else found
    return [_place(row.channel, point.address, point) for point in found]


def _place(channel: str, address: str, point: ContactPoint | None = None) -> Place:
    return Place(
        address=address,
        hashed=address_hash(channel=channel, address=address),
        point_id=point.id if point else None,
        push_keys=point.push_keys if point else {},
    )


def _suppressed(places: Iterable[Place]) -> set[str]:
    rows = Suppression.objects.filter(address_hash__in={place.hashed for place in places})
    return set(rows.values_list("address_hash", flat=True))


def settle(
    leased: Leased, outcomes: Sequence[tuple[Place, Outcome]], *, tenant: binding.Placed
) -> None:
    """Note what came of an attempt, unless the lease has ended and somebody else has it."""
    now = timezone.now()
    with binding.bind(tenant, writes="platform"):
        ours = Notification.objects.select_for_update().filter(
            id=leased.id, status=NotificationStatus.PENDING, attempts=leased.attempts
        )
        row = ours.first()
        if row is None:
            return
        for place, outcome in outcomes:
            if outcome.is_final:
                suppressing.give_up_address(
                    channel=row.channel,
                    hashed=place.hashed,
                    point_id=place.point_id,
                    reason="REFUSED",
                    at=now,
                )
        taken = next((outcome for _, outcome in outcomes if outcome.is_taken), None)
        if taken is not None:
            _note_sent(row, message_id=taken.message_id, now=now)
            return
        error = "; ".join(dict.fromkeys(outcome.error for _, outcome in outcomes))
        if all(outcome.is_final for _, outcome in outcomes) or leased.attempts >= ATTEMPTS:
            _fail([row.id], because=error)
        else:
            due_at = now + pause_after(leased.attempts)
            Notification.objects.filter(id=row.id).update(due_at=due_at, last_error=error)


def _note_sent(row: Notification, *, message_id: str, now: datetime) -> None:
    values: dict[str, Any] = {"status": NotificationStatus.SENT, "sent_on": now, "last_error": ""}
    Notification.objects.filter(digest_id=row.id).update(**values)
    if row.topic == "contact_code":
        # A code is nowhere but in the message itself, and, as a hash, where it is compared.
        values["body"] = ""
    Notification.objects.filter(id=row.id).update(provider_message_id=message_id[:255], **values)


def _fail(ids: Sequence[UUID], *, because: str) -> None:
    failed = {"status": NotificationStatus.FAILED, "last_error": because}
    Notification.objects.filter(id__in=ids).update(**failed)
    Notification.objects.filter(digest_id__in=ids).update(**failed)
    Notification.objects.filter(id__in=ids, topic="contact_code").update(body="")


def pause_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts, a quarter more or less by chance."""
    seconds = min(FIRST_PAUSE_SECONDS * 2.0 ** (attempts - 1), LONGEST_PAUSE_SECONDS)
    return timedelta(seconds=seconds * random.uniform(0.75, 1.25))
