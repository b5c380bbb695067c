"""Replies and bodies of payments, providers and what they give back."""

from typing import Any

from rest_framework import serializers

from apps.commerce.models import Payment, Provider, ProviderRefund
from apps.commerce.operations.payments.simulating import Simulated
from apps.kernel.api.shaping import Expansion, RowSerializer, StrictSerializer

MINOR_UNITS = "In minor units of the currency."
MAX_KEY = 255


class ToPaySerializer(serializers.Serializer):
    """A payment, and what its buyer needs to make it."""

    id = serializers.UUIDField()
    state = serializers.CharField(
        help_text="PENDING waits for the buyer, or for the provider. SUCCEEDED, FAILED and CANCELLED are final."
    )
    failure = serializers.CharField(
        allow_null=True,
        help_text="The provider's code of why it failed, or its latest attempt did.",
    )
    client_secret = serializers.CharField(
        allow_null=True,
        help_text="What the provider's own library in the browser finishes the payment with.",
    )
    publishable_key = serializers.CharField(allow_null=True)
    redirect_url = serializers.CharField(
        allow_null=True, help_text="Where the buyer goes on, if they must."
    )


class PaymentRowSerializer(RowSerializer):
    """A payment."""

    expansions = {"user": Expansion("users.Profile", "user_id")}

    amount = serializers.IntegerField(help_text=MINOR_UNITS)

    class Meta:
        model = Payment
        fields: tuple[str, ...] = (
            "id",
            "purpose",
            "purchase_id",
            "wallet_id",
            "subscription_id",
            "user_id",
            "provider",
            "amount",
            "currency",
            "state",
            "failure",
            "dispute_state",
            "transaction_id",
            "created_on",
            "updated_at",
        )


class ResumedPaymentSerializer(PaymentRowSerializer):
    """A payment, and what its buyer needs to make it."""

    payment = ToPaySerializer()

    class Meta(PaymentRowSerializer.Meta):
        fields: tuple[str, ...] = (*PaymentRowSerializer.Meta.fields, "payment")


class SimulateBody(StrictSerializer):
    """What becomes of a payment."""

    outcome = serializers.ChoiceField(choices=Simulated.choices)


class EnabledProviderSerializer(serializers.Serializer):
    """A way to pay."""

    provider = serializers.ChoiceField(choices=Provider.choices)
    publishable_key = serializers.CharField(
        allow_null=True, help_text="What the provider's own library in the browser begins with."
    )


class WebhookSecretSerializer(serializers.Serializer):
    """A secret that events are verified by; not the secret itself."""

    valid_until = serializers.DateTimeField(allow_null=True)


class ProviderAccountSerializer(serializers.Serializer):
    """A tenant's account with a provider. Its keys are never shown."""

    provider = serializers.ChoiceField(choices=Provider.choices)
    publishable_key = serializers.CharField(allow_blank=True)
    is_enabled = serializers.BooleanField(help_text="Whether new payments can be made by it.")
    has_secret_key = serializers.BooleanField()
    webhook_secrets = WebhookSecretSerializer(many=True)
    updated_at = serializers.DateTimeField()


def _key(begins: str, **kwargs: Any) -> serializers.RegexField:
    return serializers.RegexField(
        rf"^{begins}[!-~]+$",
        max_length=MAX_KEY,
        required=False,
        error_messages={"invalid": f"It begins with {begins.replace('|', ' or ').strip('()?:')}."},
        **kwargs,
    )


class ProviderAccountBody(StrictSerializer):
    """What of an account is put; what is left out stays."""

    publishable_key = _key("pk_")
    secret_key = _key("(?:sk_|rk_)", write_only=True)
    webhook_secret = _key(
        "whsec_", write_only=True, help_text="Ends those before it. To let them go on, rotate."
    )
    is_enabled = serializers.BooleanField(required=False)


class RotateWebhookSecretBody(StrictSerializer):
    """Another secret."""

    webhook_secret = serializers.RegexField(r"^whsec_[!-~]+$", max_length=MAX_KEY, write_only=True)


class ProviderRefundRowSerializer(RowSerializer):
    """What a provider was to give back."""

    class Meta:
        model = ProviderRefund
        fields = (
            "id",
            "refund_id",
            "payment_id",
            "state",
            "failure",
            "attempts",
            "created_on",
            "updated_at",
        )


class ReceivedSerializer(serializers.Serializer):
    """An event was taken."""

    received = serializers.BooleanField()
