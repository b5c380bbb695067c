"""Replies: what each row shows."""

from typing import Any, cast
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request

from apps.kernel.api.fields import JSONObjectField
from apps.kernel.api.shaping import Expansion, Row, RowSerializer, Stitch
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.reads import note_read
from apps.users import queries
from apps.users.api.viewers import viewer_of
from apps.users.models import (
    Block,
    FanFollow,
    Offer,
    Preferences,
    Profile,
    ProfileImage,
    ProfileShortLink,
    ProfileStatusHistory,
    ReferralCode,
)

# What stands in the place of something hidden: of the same type, and no sign that there is more.
EMPTY_OF: dict[str, Any] = {"meta_data": {}, "tag_ids": []}


class ImageRowSerializer(RowSerializer):
    """An image of a profile."""

    class Meta:
        model = ProfileImage
        fields = ("id", "image_type", "url", "created_on")


class ProfileRowSerializer(RowSerializer):
    """A profile as the viewer may see it: what is hidden from them is empty."""

    stitches = {
        "tag_ids": Stitch(load=queries.tag_ids),
        "images": Stitch(load=queries.images),
    }
    expansions = {
        "tags": Expansion(target="platform.Tag", source="tag_ids", many=True),
        "parent_group": Expansion(target="users.Profile", source="parent_group_id"),
        "owner": Expansion(target="users.Profile", source="owner_id"),
    }
    needed = ("keycloak_id", "field_privacy", "owner_id", "status", "is_deleted")

    keycloak_id = serializers.UUIDField(
        allow_null=True, help_text="Shown to staff and to the person; null to others."
    )
    meta_data = JSONObjectField()
    parent_group_id = serializers.UUIDField(allow_null=True)
    owner_id = serializers.UUIDField(allow_null=True)
    follower_count = serializers.IntegerField()
    following_count = serializers.IntegerField()
    tag_ids = serializers.ListField(child=serializers.UUIDField())
    images = ImageRowSerializer(many=True)

    class Meta:
        model = Profile
        fields = (
            "id",
            "profile_type",
            "keycloak_id",
            "display_name",
            "first_name",
            "last_name",
            "bio",
            "company_name",
            "title",
            "status",
            "display_weight",
            "store_code",
            "parent_group_id",
            "owner_id",
            "is_approved",
            "meta_data",
            "created_on",
            "updated_at",
            "is_deleted",
            "follower_count",
            "following_count",
            "tag_ids",
            "images",
        )

    @classmethod
    def finish(cls, rows: list[Row], *, request: Request) -> None:
        """Empty what is hidden from the viewer; note what they see that not everybody does."""
        viewer = viewer_of(cast(TenantRequest, request))
        own = _own_group_owners(rows, viewer=viewer)
        for row in rows:
            keycloak_id = row["keycloak_id"]
            if viewer.is_person(keycloak_id) or row["owner_id"] in own:
                continue
            if not viewer.is_staff:
                row["keycloak_id"] = None
            for name in queries.hidden_fields(
                row["field_privacy"], viewer=viewer, keycloak_id=keycloak_id
            ):
                if name in row:
                    row[name] = EMPTY_OF.get(name, "")
            note_read(
                request,
                alias="users",
                entity_type=Profile._meta.db_table,
                id=row["id"],
                fields=[name for name in queries.not_public(row) if row.get(name)],
            )


def _own_group_owners(rows: list[Row], *, viewer: queries.Viewer) -> set[UUID]:
    """Return the viewer's own profiles, if groups with something hidden make it worth asking."""
    if viewer.keycloak_id is None:
        return set()
    if not any(row["owner_id"] and queries.not_public(row) for row in rows):
        return set()
    own = Profile.objects.present().of_person(viewer.keycloak_id)
    return set(own.values_list("id", flat=True))


class FollowRowSerializer(RowSerializer):
    """A follow, as the fan sees it."""

    expansions = {
        "fan": Expansion(target="users.Profile", source="fan_id"),
        "celebrity": Expansion(target="users.Profile", source="celebrity_id"),
    }

    fan_id = serializers.UUIDField()
    celebrity_id = serializers.UUIDField()
    notifications = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = FanFollow
        fields = ("id", "fan_id", "celebrity_id", "followed_on", "notifications")


class FollowerRowSerializer(RowSerializer):
    """A follow, as the celebrity sees it: what the fan wants to hear of is the fan's business."""

    expansions = FollowRowSerializer.expansions

    fan_id = serializers.UUIDField()
    celebrity_id = serializers.UUIDField()

    class Meta:
        model = FanFollow
        fields = ("id", "fan_id", "celebrity_id", "followed_on")


class BlockRowSerializer(RowSerializer):
    """Somebody the caller blocks."""

    expansions = {"blocked": Expansion(target="users.Profile", source="blocked_id")}

    blocked_id = serializers.UUIDField()

    class Meta:
        model = Block
        fields = ("id", "blocked_id", "created_on")


class OfferRowSerializer(RowSerializer):
    """What a celebrity does for money."""

    price = serializers.IntegerField(help_text="In minor units of the currency.")

    class Meta:
        model = Offer
        fields = (
            "id",
            "offer_type",
            "price",
            "currency",
            "is_available",
            "delivery_days",
            "description",
            "created_on",
            "updated_at",
        )


class ShortLinkRowSerializer(RowSerializer):
    """A slug that leads to a profile."""

    profile_id = serializers.UUIDField()

    class Meta:
        model = ProfileShortLink
        fields = ("id", "slug", "profile_id", "created_on")


class StatusRowSerializer(RowSerializer):
    """A status that a profile has had."""

    meta_data = JSONObjectField()

    class Meta:
        model = ProfileStatusHistory
        fields = ("id", "status", "occurred_on", "meta_data")


class ReferralCodeRowSerializer(RowSerializer):
    """A referral code, as its owner sees it."""

    expansions = {"profile": Expansion(target="users.Profile", source="profile_id")}
    needed = ("profile__keycloak_id", "profile__owner__keycloak_id")

    profile_id = serializers.UUIDField()

    class Meta:
        model = ReferralCode
        fields = (
            "id",
            "code",
            "profile_id",
            "note",
            "max_uses",
            "use_count",
            "expires_at",
            "created_on",
        )

    @classmethod
    def finish(cls, rows: list[Row], *, request: Request) -> None:
        """Note the codes that are somebody else's."""
        viewer = viewer_of(cast(TenantRequest, request))
        for row in rows:
            if not any(viewer.is_person(row[name]) for name in cls.needed):
                note_read(
                    request,
                    alias="users",
                    entity_type=ReferralCode._meta.db_table,
                    id=row["id"],
                    fields=[name for name in ("code", "note") if row.get(name)],
                )


class PreferencesRowSerializer(RowSerializer):
    """How a person likes to be served."""

    preferences = JSONObjectField()

    class Meta:
        model = Preferences
        fields = ("id", "locale", "time_zone", "preferences", "updated_at")
