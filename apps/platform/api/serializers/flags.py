"""Replies and bodies of the flags API."""

from rest_framework import serializers

from apps.kernel.api.shaping import StrictSerializer

MAX_USERS = 1_000


class FlagAnswerSerializer(serializers.Serializer):
    """A flag as it is for the caller."""

    key = serializers.CharField()
    is_on = serializers.BooleanField()


class FlagSerializer(serializers.Serializer):
    """A flag, and what the tenant has set of it."""

    key = serializers.CharField()
    description = serializers.CharField()
    default = serializers.BooleanField()
    is_on = serializers.BooleanField()
    percent = serializers.IntegerField()
    user_ids = serializers.ListField(child=serializers.UUIDField())


class FlagBodySerializer(StrictSerializer):
    """How a flag is to be."""

    is_on = serializers.BooleanField()
    percent = serializers.IntegerField(
        min_value=0, max_value=100, default=100, help_text="Of all profiles."
    )
    user_ids = serializers.ListField(
        child=serializers.UUIDField(),
        max_length=MAX_USERS,
        default=list,
        help_text="Profiles it is on for besides.",
    )
