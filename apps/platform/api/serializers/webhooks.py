"""Bodies and replies of the webhooks API."""

from rest_framework import serializers

from apps.kernel.api.shaping import RowSerializer, StrictSerializer
from apps.platform.models import WebhookDelivery, WebhookEndpoint
from apps.platform.ports.outbound_http import MAX_URL_LENGTH

LARGEST_SEQUENCE = 2**63 - 1


class WebhookRowSerializer(RowSerializer):
    """An endpoint."""

    kinds = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = WebhookEndpoint
        fields: tuple[str, ...] = (
            "id",
            "url",
            "description",
            "kinds",
            "state",
            "paused_because",
            "paused_at",
            "created_on",
            "updated_at",
        )


class WebhookWithSecretSerializer(WebhookRowSerializer):
    """An endpoint with its newest secret, which no other reply shows."""

    secret = serializers.CharField(help_text="What its signatures are verified with: `whsec_…`.")

    class Meta(WebhookRowSerializer.Meta):
        fields: tuple[str, ...] = (*WebhookRowSerializer.Meta.fields, "secret")


class WebhookProgressSerializer(serializers.Serializer):
    """How far an endpoint is."""

    last_sequence = serializers.IntegerField(help_text="The number of its latest delivery.")
    pending = serializers.IntegerField(help_text="Deliveries that wait.")
    failed = serializers.IntegerField(help_text="Deliveries that were given up.")
    failures = serializers.IntegerField(help_text="Attempts that failed since one that did not.")
    failing_since = serializers.DateTimeField(allow_null=True)
    held_until = serializers.DateTimeField(
        allow_null=True, help_text="Nothing is tried before, since the last attempt failed."
    )


class DeliveryRowSerializer(RowSerializer):
    """A delivery: what was sent, and what came of it."""

    body = serializers.CharField(help_text="What is sent, to the byte.")

    class Meta:
        model = WebhookDelivery
        fields = (
            "id",
            "sequence",
            "message_id",
            "kind",
            "body",
            "state",
            "attempts",
            "due_at",
            "last_error",
            "response_status",
            "response_excerpt",
            "created_on",
            "delivered_at",
        )


class WebhookBody(StrictSerializer):
    """Where an endpoint is, and what it is told of."""

    url = serializers.CharField(
        max_length=MAX_URL_LENGTH, help_text="Begins with https:// and leads to a public address."
    )
    kinds = serializers.ListField(
        child=serializers.CharField(max_length=100),
        max_length=500,
        required=False,
        help_text="The kinds of message it is told of; none for all.",
    )
    description = serializers.CharField(max_length=255, allow_blank=True, required=False)


class WebhookRotateBody(StrictSerializer):
    """What becomes of the former secret."""

    revoke_former = serializers.BooleanField(
        default=False, help_text="It ends at once instead of in 24 hours: for one that leaked."
    )


class WebhookReplayBody(StrictSerializer):
    """What to send again."""

    from_sequence = serializers.IntegerField(min_value=1, max_value=LARGEST_SEQUENCE)
    to_sequence = serializers.IntegerField(
        min_value=1, max_value=LARGEST_SEQUENCE, required=False, help_text="The last; else all."
    )


class WebhookReplaySerializer(serializers.Serializer):
    """What a replay does."""

    replayed = serializers.IntegerField(help_text="Deliveries that are sent again.")
