"""Digests: what somebody wants to hear of once a day or a week goes out as one message."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from apps.kernel.ids import uuid7
from apps.platform.models import Frequency, Notification, NotificationStatus
from apps.platform.operations.notifications import making
from apps.platform.operations.notifications.recipients import Recipient, recipients_of
from apps.platform.operations.notifications.texts import Wording

DIGEST = "digest"
# What a digest names; the rest is counted.
LINES = 50
BATCH = 1_000


def make_digests(*, now: datetime) -> int:
    """Put what is due into digests, one for each person, channel and frequency; return how many.

    What is in one is held and marked in the same transaction, so it is told of exactly once.
    """
    due = list(
        Notification.objects.select_for_update(skip_locked=True)
        .filter(
            status=NotificationStatus.PENDING,
            frequency__in=[Frequency.DAILY, Frequency.WEEKLY],
            digest_id=None,
            due_at__lte=now,
        )
        .order_by("due_at", "id")[:BATCH]
    )
    if not due:
        return 0
    people = recipients_of({row.user_id for row in due})
    groups: dict[tuple[UUID | None, str, str], list[Notification]] = {}
    for row in due:
        person = people.get(row.user_id)
        key = (person.settings_id if person else None, row.channel, row.frequency)
        groups.setdefault(key, []).append(row)
    wording = Wording(DIGEST)
    digests = []
    for (settings_id, _, _), rows in groups.items():
        if settings_id is None:
            _give_up(rows)
            continue
        digests.append(_digest(rows, people[rows[0].user_id], wording, now=now))
    making.insert(digests)
    return len(digests)


def _digest(
    rows: Sequence[Notification], person: Recipient, wording: Wording, *, now: datetime
) -> Notification:
    told = sorted(rows, key=lambda row: (row.created_on, row.id))
    lines = [f"– {row.subject or row.body}" for row in told[:LINES]]
    if len(told) > LINES:
        lines.append(f"… +{len(told) - LINES}")
    text = wording.text(
        channel=told[0].channel,
        locale=person.locale,
        values={
            "tenant_name": making.tenant_name(),
            "count": len(told),
            "items": "\n".join(lines),
        },
    )
    digest = Notification(
        id=uuid7(),
        user_id=told[0].user_id,
        template_key=DIGEST,
        topic=DIGEST,
        channel=told[0].channel,
        subject=text.subject,
        body=text.body,
        due_at=now,
        created_on=now,
    )
    Notification.objects.filter(id__in=[row.id for row in told]).update(digest_id=digest.id)
    return digest


def _give_up(rows: Sequence[Notification]) -> None:
    Notification.objects.filter(id__in=[row.id for row in rows]).update(
        status=NotificationStatus.FAILED, last_error="There is nobody to tell any more."
    )
