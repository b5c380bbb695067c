"""Replies and bodies of the tags API."""

from rest_framework import serializers

from apps.kernel.api.fields import JSONObjectField
from apps.kernel.api.shaping import Expansion, RowSerializer, Stitch, StrictSerializer
from apps.platform import queries
from apps.platform.models import Tag, TagType
from apps.platform.models.tag import COLOR_PATTERN, HTTPS_PATTERN


class TagRowSerializer(RowSerializer):
    """A tag as the API shows it."""

    stitches = {"associated_tag_ids": Stitch(load=queries.associated_tag_ids)}
    expansions = {
        "associated_tags": Expansion(target="platform.Tag", source="associated_tag_ids", many=True),
        "created_by": Expansion(target="users.Profile", source="created_by_id"),
    }

    keywords = serializers.ListField(child=serializers.CharField())
    meta_data = JSONObjectField()
    associated_tag_ids = serializers.ListField(child=serializers.UUIDField())

    class Meta:
        model = Tag
        fields = (
            "id",
            "name",
            "description",
            "tag_type",
            "color",
            "thumbnail",
            "keywords",
            "associated_tag_ids",
            "meta_data",
            "created_on",
            "created_by_id",
            "last_modified_on",
            "updated_by_id",
        )


class TagBodySerializer(StrictSerializer):
    """What a tag is made of."""

    name = serializers.CharField(max_length=255)
    tag_type = serializers.ChoiceField(choices=TagType.choices)
    description = serializers.CharField(max_length=5_000, allow_blank=True, required=False)
    color = serializers.RegexField(
        COLOR_PATTERN,
        max_length=7,
        allow_blank=True,
        required=False,
        error_messages={"invalid": "Give a colour as # and six small hexadecimal digits."},
    )
    thumbnail = serializers.RegexField(
        HTTPS_PATTERN,
        max_length=255,
        allow_blank=True,
        required=False,
        error_messages={"invalid": "Give an address that begins with https://."},
    )
    keywords = serializers.ListField(
        child=serializers.CharField(max_length=100), max_length=50, required=False
    )
    associated_tag_ids = serializers.ListField(
        child=serializers.UUIDField(), max_length=50, required=False
    )
    meta_data = JSONObjectField(required=False)


class TagMergeSerializer(StrictSerializer):
    """Which tag is to stand for this one."""

    into_tag_id = serializers.UUIDField()
