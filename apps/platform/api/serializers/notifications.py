"""Bodies and replies of the notifications API."""

from typing import Any

from rest_framework import serializers

from apps.kernel.api.fields import JSONObjectField
from apps.kernel.api.shaping import RowSerializer, StrictSerializer
from apps.platform.models import (
    Channel,
    ContactPoint,
    Frequency,
    Notification,
    NotificationTemplate,
    QuietHours,
    Suppression,
)
from apps.platform.operations.notifications.engine import MAX_SOURCE_LENGTH

MAX_CHOICES = 200


class NotificationRowSerializer(RowSerializer):
    """Something the caller was told in the app."""

    meta_data = JSONObjectField(help_text="Ids of what it is about.")

    class Meta:
        model = Notification
        fields = (
            "id",
            "user_id",
            "topic",
            "subject",
            "body",
            "meta_data",
            "created_on",
            "read_on",
        )


class NotificationBody(StrictSerializer):
    """What can be changed of a notification."""

    is_read = serializers.BooleanField()


class ReadAllSerializer(serializers.Serializer):
    """What reading all does."""

    read = serializers.IntegerField(help_text="How many were new.")


class ChannelChoiceSerializer(serializers.Serializer):
    """How the caller is told of a topic by a channel."""

    channel = serializers.ChoiceField(choices=Channel.choices)
    frequency = serializers.ChoiceField(choices=Frequency.choices)
    default = serializers.ChoiceField(choices=Frequency.choices)


class TopicChoicesSerializer(serializers.Serializer):
    """How the caller is told of a topic."""

    topic = serializers.CharField()
    title = serializers.CharField()
    is_optional = serializers.BooleanField(help_text="Whether it can be switched off.")
    channels = ChannelChoiceSerializer(many=True)


class PreferencesSerializer(serializers.Serializer):
    """Every topic, and how the caller is told of it."""

    preferences = TopicChoicesSerializer(many=True)


class ChoiceBody(StrictSerializer):
    """One choice."""

    topic = serializers.CharField(max_length=100)
    channel = serializers.ChoiceField(choices=Channel.choices)
    frequency = serializers.ChoiceField(choices=Frequency.choices)


class PreferencesBody(StrictSerializer):
    """What to change; topics and channels that are not named stay as they are."""

    preferences: Any = serializers.ListField(child=ChoiceBody(), max_length=MAX_CHOICES)


class QuietHoursRowSerializer(RowSerializer):
    """When the caller is not to be disturbed."""

    class Meta:
        model = QuietHours
        fields = ("starts", "ends", "time_zone", "updated_at")


class QuietHoursBody(StrictSerializer):
    """From when to when, as clocks there show it; hours that end before they start go over midnight."""

    starts = serializers.TimeField()
    ends = serializers.TimeField()
    time_zone = serializers.CharField(max_length=64, help_text="IANA, such as Europe/Lisbon.")


class ContactPointRowSerializer(RowSerializer):
    """A telephone or a browser of the caller's."""

    class Meta:
        model = ContactPoint
        fields = (
            "id",
            "channel",
            "address",
            "verified_at",
            "code_attempts_left",
            "created_on",
        )


class TelephoneBody(StrictSerializer):
    """A telephone number."""

    number = serializers.CharField(max_length=16, help_text="In E.164: +351912345678.")


class PushKeysBody(StrictSerializer):
    """The keys of a subscription, as a browser gives them."""

    p256dh = serializers.CharField(max_length=200)
    auth = serializers.CharField(max_length=100)


class BrowserBody(StrictSerializer):
    """A browser's subscription: what `PushSubscription.toJSON()` gives, without its expiry."""

    endpoint = serializers.CharField(max_length=2_000)
    keys: Any = PushKeysBody()


class CodeBody(StrictSerializer):
    """The code that came."""

    code = serializers.CharField(max_length=10)


class PushKeySerializer(serializers.Serializer):
    """What a browser subscribes with."""

    public_key = serializers.CharField(help_text="The `applicationServerKey`.")


class TemplateRowSerializer(RowSerializer):
    """A text of the tenant's own."""

    class Meta:
        model = NotificationTemplate
        fields = (
            "id",
            "template_key",
            "channel",
            "locale",
            "subject",
            "body_template",
            "created_on",
            "updated_at",
        )


class TemplateTextBody(StrictSerializer):
    """A text to look at."""

    template_key = serializers.CharField(max_length=255)
    channel = serializers.ChoiceField(choices=Channel.choices)
    subject = serializers.CharField(
        max_length=1_000, allow_blank=True, trim_whitespace=False, default=""
    )
    body_template = serializers.CharField(max_length=MAX_SOURCE_LENGTH, trim_whitespace=False)


class TemplateBody(TemplateTextBody):
    """A text for a channel and a language."""

    locale = serializers.CharField(max_length=35, default="en")


class PreviewSerializer(serializers.Serializer):
    """A text with sample values in it."""

    subject = serializers.CharField()
    body = serializers.CharField()


class SystemTemplateSerializer(serializers.Serializer):
    """A template: what it is called and what its texts can say."""

    template_key = serializers.CharField()
    topic = serializers.CharField()
    variables = JSONObjectField(help_text="A sample value for each.")


class SystemTemplatesSerializer(serializers.Serializer):
    """Every template there is."""

    templates = SystemTemplateSerializer(many=True)


class SuppressionRowSerializer(RowSerializer):
    """An address that gets nothing more. It is not named."""

    class Meta:
        model = Suppression
        fields = ("id", "channel", "address_hash", "reason", "created_on")
