"""What people choose: which topics by which channel and how often, and when they want to be left alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.kernel.errors import Invalid
from apps.platform.models import Channel, Frequency, NotificationPreference, QuietHours
from apps.platform.operations.notifications import clocks, topics


def preferences_of(*, settings_id: UUID) -> list[dict[str, Any]]:
    """Return every topic, and for each channel how the person is told. One query."""
    said = {
        (topic, channel): frequency
        for topic, channel, frequency in NotificationPreference.objects.filter(
            user_id=settings_id
        ).values_list("topic", "channel", "frequency")
    }
    return [
        {
            "topic": topic.key,
            "title": topic.title,
            "is_optional": topic.is_optional,
            "channels": [
                {
                    "channel": channel,
                    "frequency": said.get((topic.key, channel), topic.default(channel)),
                    "default": topic.default(channel),
                }
                for channel in Channel.values
            ],
        }
        for topic in topics.choosable()
    ]


def set_preferences(
    *, settings_id: UUID, choices: Sequence[Mapping[str, str]], set_at: datetime
) -> None:
    """Change how a person is told; topics and channels that are not named stay as they are.

    :param choices: topic, channel and frequency each; of two for the same, the last holds.
    :raises Invalid: one of them can't be had.
    """
    faults = {
        f"preferences.{number}": [fault]
        for number, choice in enumerate(choices)
        if (fault := _fault(choice))
    }
    if faults:
        raise Invalid(fields=faults)
    chosen = {(each["topic"], each["channel"]): each["frequency"] for each in choices}
    NotificationPreference.objects.bulk_create(
        [
            NotificationPreference(
                user_id=settings_id,
                topic=topic,
                channel=channel,
                frequency=frequency,
                updated_at=set_at,
            )
            for (topic, channel), frequency in sorted(chosen.items())
        ],
        update_conflicts=True,
        unique_fields=["tenant_id", "user_id", "channel", "topic"],
        update_fields=["frequency", "updated_at"],
    )


def _fault(choice: Mapping[str, str]) -> str | None:
    topic = topics.TOPICS.get(choice["topic"])
    channel, frequency = choice["channel"], choice["frequency"]
    if topic is None or topic.is_internal:
        return f"There is no topic {choice['topic']!r}."
    allowed = topics.FREQUENCIES[channel]
    if frequency not in allowed:
        return f"{channel} has {', '.join(allowed)}."
    is_off = frequency == Frequency.NEVER
    if is_off and not topic.is_optional and topic.default(channel) != Frequency.NEVER:
        return f"{topic.key} can't be switched off for {channel}."
    return None


def set_quiet_hours(
    *, settings_id: UUID, values: Mapping[str, Any], set_at: datetime
) -> QuietHours:
    """Say when a person is not to be disturbed; hours that end before they start go over midnight.

    :param values: starts and ends, as clocks there show them; time_zone (IANA).
    :raises Invalid: they are empty, or the time zone is none.
    """
    faults = {}
    if values["starts"] == values["ends"]:
        faults["ends"] = ["Quiet hours that end when they start are none."]
    if not clocks.is_zone(values["time_zone"]):
        faults["time_zone"] = ["Give an IANA time zone, such as Europe/Lisbon."]
    if faults:
        raise Invalid(fields=faults)
    hours, _ = QuietHours.objects.update_or_create(
        user_id=settings_id, defaults={**values, "updated_at": set_at}
    )
    return hours


def end_quiet_hours(*, settings_id: UUID) -> None:
    """Have no quiet hours. Where there are none, nothing changes."""
    QuietHours.objects.filter(user_id=settings_id).delete()
