"""Making notifications: who is told through which channel, in which words, exactly once per cause."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.platform.models import (
    Audience,
    Channel,
    Frequency,
    Notification,
    NotificationPreference,
    NotificationStatus,
)
from apps.platform.operations import stream
from apps.platform.operations.notifications import clocks, topics, wording
from apps.platform.operations.notifications.kicking import kick_after_commit
from apps.platform.operations.notifications.recipients import (
    Recipient,
    contact_points,
    email_addresses,
    recipients_of,
)
from apps.platform.operations.notifications.texts import Text, Wording
from apps.platform.operations.notifications.topics import Topic
from apps.tenancy import binding
from apps.tenancy.models import Tenant

MADE = "notification.made"


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody wants to be told through a channel."""

    recipient: Recipient
    channel: str
    frequency: str


def notify(
    *,
    user_ids: Collection[UUID],
    topic: str,
    template_key: str,
    context: Mapping[str, Any],
    cause_id: UUID,
    made_at: datetime,
) -> int:
    """Tell profiles of something, each through the channels they want it by; return how many were made.

    Told again of the same cause, nobody hears of it twice: whoever makes it second finds it made.

    :param user_ids: profiles; who has no person behind it, or no address on a channel, is left out.
    :param context: the values of the template, and ids of what it is about: short, and public.
    :param cause_id: the message that caused it.
    :raises UnknownTopic: there is no such topic.
    :raises BadTemplate: there is no text, or a value is missing.
    """
    about = topics.find(topic)
    recipients = recipients_of(set(user_ids)).values()
    wishes = [*_reachable(_wishes(recipients, topic=about))]
    say = _Sayings(template_key, context)
    rows = [
        _notification(
            wish,
            say(wish),
            template_key=template_key,
            topic=topic,
            meta_data=_ids_in(context),
            cause_id=cause_id,
            made_at=made_at,
        )
        for wish in wishes
    ]
    return insert(rows)


def insert(rows: Collection[Notification]) -> int:
    """Write notifications that are not there yet; tell of them, and have them sent. Return how many."""
    Notification.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1_000)
    made = set(
        Notification.objects.filter(id__in=[row.id for row in rows]).values_list("id", flat=True)
    )
    news = [row for row in rows if row.id in made]
    if any(row.status == NotificationStatus.PENDING for row in news):
        kick_after_commit()
    # Last: whoever tells the stream has others wait.
    for row in news:
        if row.channel == Channel.IN_APP:
            stream.tell(
                kind=MADE,
                audience=Audience.PERSON,
                audience_id=row.user_id,
                payload={"id": str(row.id), "topic": row.topic},
            )
    return len(news)


def _wishes(recipients: Collection[Recipient], *, topic: Topic) -> Iterable[Wish]:
    said = {
        (user_id, channel): frequency
        for user_id, channel, frequency in NotificationPreference.objects.filter(
            user_id__in={each.settings_id for each in recipients}, topic=topic.key
        ).values_list("user_id", "channel", "frequency")
    }
    for recipient in recipients:
        for channel in Channel.values:
            default = topic.default(channel)
            frequency = said.get((recipient.settings_id, channel), default)
            if frequency == Frequency.NEVER and not topic.is_optional:
                frequency = default
            if frequency != Frequency.NEVER:
                yield Wish(recipient, channel, frequency)


def _reachable(wishes: Iterable[Wish]) -> Iterable[Wish]:
    """Leave out channels on which somebody has no address."""
    wanted = list(wishes)
    by_email = {each.recipient.person_id for each in wanted if each.channel == Channel.EMAIL}
    addresses = email_addresses(by_email) if by_email else {}
    others = {
        each.recipient.settings_id for each in wanted if each.channel in {Channel.SMS, Channel.PUSH}
    }
    points = contact_points(others) if others else {}
    for wish in wanted:
        if (
            wish.channel == Channel.IN_APP
            or (wish.channel == Channel.EMAIL and wish.recipient.person_id in addresses)
            or wish.channel in points.get(wish.recipient.settings_id, {})
        ):
            yield wish


class _Sayings:
    """The text of one occasion in each channel and language, rendered once."""

    def __init__(self, template_key: str, context: Mapping[str, Any]) -> None:
        names = wording.TEMPLATES[template_key].samples
        self._values = {name: context[name] for name in names if name in context}
        self._values["tenant_name"] = tenant_name()
        self._wording = Wording(template_key)
        self._made: dict[tuple[str, str], Text] = {}

    def __call__(self, wish: Wish) -> Text:
        key = (wish.channel, wish.recipient.locale)
        if key not in self._made:
            self._made[key] = self._wording.text(channel=key[0], locale=key[1], values=self._values)
        return self._made[key]


def tenant_name() -> str:
    """Return what the bound tenant is called."""
    tenant = binding.require().tenant
    known = getattr(tenant, "name", "")
    return known or Tenant.objects.values_list("name", flat=True).get(id=tenant.id)


def _ids_in(context: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in context.items() if isinstance(value, UUID)}


def _notification(
    wish: Wish,
    text: Text,
    *,
    template_key: str,
    topic: str,
    meta_data: dict[str, str],
    cause_id: UUID | None,
    made_at: datetime,
) -> Notification:
    is_here = wish.channel == Channel.IN_APP
    due_at = made_at
    if wish.frequency in {Frequency.DAILY, Frequency.WEEKLY}:
        due_at = clocks.next_digest(
            now=made_at, frequency=wish.frequency, time_zone=wish.recipient.time_zone
        )
    return Notification(
        user_id=wish.recipient.profile_id,
        template_key=template_key,
        topic=topic,
        channel=wish.channel,
        subject=text.subject,
        body=text.body,
        status=NotificationStatus.SENT if is_here else NotificationStatus.PENDING,
        frequency=wish.frequency,
        meta_data=meta_data,
        cause_id=cause_id,
        due_at=due_at,
        created_on=made_at,
        sent_on=made_at if is_here else None,
    )
