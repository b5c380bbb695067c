"""Bodies of requests; what a field may hold is said here, what it may mean by the operations."""

from typing import Any

from rest_framework import serializers

from apps.kernel.api.fields import JSONObjectField
from apps.kernel.api.shaping import StrictSerializer
from apps.users.models import Channel, ImageType, Privacy, ProfileStatus, ProfileType
from apps.users.models.details import CURRENCY_PATTERN, HTTPS_PATTERN
from apps.users.models.profile import HIDEABLE_FIELDS

LARGEST_INTEGER = 2_147_483_647
LARGEST_PRICE = 10**15


def _text(max_length: int, **kwargs: Any) -> serializers.CharField:
    return serializers.CharField(max_length=max_length, allow_blank=True, required=False, **kwargs)


class ProfileChangeSerializer(StrictSerializer):
    """What can be changed of a profile; the second half by editors only."""

    display_name = serializers.CharField(max_length=255)
    first_name = _text(255)
    last_name = _text(255)
    bio = _text(20_000)
    company_name = _text(255)
    title = _text(255)
    meta_data = JSONObjectField(required=False)

    status = serializers.ChoiceField(choices=ProfileStatus.choices, required=False)
    display_weight = serializers.IntegerField(
        min_value=0, max_value=LARGEST_INTEGER, required=False
    )
    store_code = _text(50)
    parent_group_id = serializers.UUIDField(required=False, allow_null=True)
    owner_id = serializers.UUIDField(required=False, allow_null=True)


class ProfileCreateSerializer(ProfileChangeSerializer):
    """A new profile."""

    profile_type = serializers.ChoiceField(choices=ProfileType.choices)
    keycloak_id = serializers.UUIDField(
        required=False, help_text="Whose it is; the caller's, unless an editor says otherwise."
    )


class CelebritySerializer(StrictSerializer):
    """What a person says of themselves on becoming a celebrity."""

    display_name = serializers.CharField(max_length=255)
    first_name = _text(255)
    last_name = _text(255)
    bio = _text(20_000)
    company_name = _text(255)
    title = _text(255)
    meta_data = JSONObjectField(required=False)


class MeCreateSerializer(StrictSerializer):
    """The first profile of a person in a tenant."""

    display_name = _text(255, help_text="Empty: the name the token gives.")


class PreferencesSerializer(StrictSerializer):
    """How a person likes to be served."""

    locale = serializers.CharField(max_length=35, required=False, help_text="BCP 47.")
    time_zone = serializers.CharField(max_length=64, required=False, help_text="IANA.")
    preferences = JSONObjectField(required=False)


class MeChangeSerializer(StrictSerializer):
    """What a person changes of their fan profile and preferences."""

    display_name = serializers.CharField(max_length=255, required=False)
    first_name = _text(255)
    last_name = _text(255)
    meta_data = JSONObjectField(required=False)
    preferences = PreferencesSerializer(required=False)


class ImageSerializer(StrictSerializer):
    """One image."""

    image_type = serializers.ChoiceField(choices=ImageType.choices)
    url = serializers.RegexField(
        HTTPS_PATTERN,
        max_length=2_000,
        error_messages={"invalid": "Give an address that begins with https://."},
    )


class ImagesSerializer(StrictSerializer):
    """All the images a profile is to have."""

    images = ImageSerializer(many=True)


class TagIdsSerializer(StrictSerializer):
    """All the tags a profile is to have."""

    tag_ids = serializers.ListField(child=serializers.UUIDField(), max_length=200)


class CelebrityIdsSerializer(StrictSerializer):
    """All the celebrities a group is to have."""

    celebrity_ids = serializers.ListField(child=serializers.UUIDField(), max_length=1_000)


class ShortLinkSerializer(StrictSerializer):
    """A new short link."""

    slug = _text(80, help_text="Small letters, digits, single hyphens; empty to have one made.")


class OfferSerializer(StrictSerializer):
    """The terms of an offer."""

    price = serializers.IntegerField(
        min_value=0, max_value=LARGEST_PRICE, help_text="In minor units of the currency."
    )
    currency = serializers.RegexField(
        CURRENCY_PATTERN,
        max_length=3,
        error_messages={"invalid": "Give three capital letters of ISO 4217, such as USD."},
    )
    is_available = serializers.BooleanField(required=False)
    delivery_days = serializers.IntegerField(min_value=1, max_value=365, required=False)
    description = _text(5_000)


class PrivacySerializer(StrictSerializer):
    """Who sees what; a field left out is public."""

    def get_fields(self) -> dict[str, serializers.Field]:
        """Return a choice for every field that can be hidden."""
        return {
            name: serializers.ChoiceField(choices=Privacy.choices, required=False)
            for name in sorted(HIDEABLE_FIELDS)
        }


class FollowSerializer(StrictSerializer):
    """What a fan wants to hear of on following; left out, what was set before or the default."""

    notifications = serializers.ListField(
        child=serializers.ChoiceField(choices=Channel.choices), required=False, max_length=20
    )


class NotificationsSerializer(StrictSerializer):
    """What a fan wants to hear of."""

    notifications = serializers.ListField(
        child=serializers.ChoiceField(choices=Channel.choices), max_length=20
    )


class ReferralCodeSerializer(StrictSerializer):
    """A new referral code."""

    profile_id = serializers.UUIDField(
        required=False, help_text="Whose code it is; the caller's own profile if left out."
    )
    code = _text(32, help_text="4 to 32 letters and digits; empty to have one made.")
    note = _text(255)
    max_uses = serializers.IntegerField(
        min_value=1, max_value=LARGEST_INTEGER, required=False, allow_null=True
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
