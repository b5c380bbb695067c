"""Replies and bodies of groups, their members, messages and boards."""

from typing import Any

from rest_framework import serializers

from apps.kernel.api.fields import JSONObjectField
from apps.kernel.api.shaping import Expansion, RowSerializer, Stitch, StrictSerializer
from apps.platform import queries
from apps.platform.models import (
    BoardScore,
    ContentType,
    GroupMember,
    GroupMessage,
    GroupType,
    Joining,
    RealtimeGroup,
)
from apps.platform.models.group import CONTENT_LENGTH


def _text(max_length: int, **kwargs: Any) -> serializers.CharField:
    return serializers.CharField(max_length=max_length, allow_blank=True, required=False, **kwargs)


class GroupRowSerializer(RowSerializer):
    """A group, and what the caller is in it."""

    stitches = {"member_count": Stitch(load=queries.member_counts, empty=int)}
    expansions = {"created_by": Expansion(target="users.Profile", source="created_by_id")}

    meta_data = JSONObjectField()
    member_count = serializers.IntegerField()
    is_member = serializers.BooleanField()
    is_moderator = serializers.BooleanField()

    class Meta:
        model = RealtimeGroup
        fields = (
            "id",
            "group_type",
            "joining",
            "name",
            "description",
            "id_str",
            "id_type",
            "starts_on",
            "stops_on",
            "meta_data",
            "created_by_id",
            "created_on",
            "updated_at",
            "member_count",
            "is_member",
            "is_moderator",
        )


class GroupChangeSerializer(StrictSerializer):
    """What can be changed of a group."""

    name = serializers.CharField(max_length=255)
    joining = serializers.ChoiceField(choices=Joining.choices, required=False)
    description = _text(5_000)
    id_str = _text(255, help_text="Its id in an outside chat, if it has one.")
    id_type = _text(50, help_text="Which outside chat that is.")
    starts_on = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Nothing is posted before."
    )
    stops_on = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Nothing is posted from then on."
    )
    meta_data = JSONObjectField(required=False)


class GroupBodySerializer(GroupChangeSerializer):
    """What a new group is made of. Its type stays."""

    group_type = serializers.ChoiceField(choices=GroupType.choices)


class GroupMemberRowSerializer(RowSerializer):
    """Somebody in a group."""

    expansions = {"user": Expansion(target="users.Profile", source="user_id")}

    group_id = serializers.UUIDField()

    class Meta:
        model = GroupMember
        fields = ("id", "group_id", "user_id", "name", "is_moderator", "added_on")


class GroupMemberBodySerializer(StrictSerializer):
    """Whom to put into a group."""

    user_id = serializers.UUIDField(help_text="The id of their profile.")


class GroupMemberChangeSerializer(StrictSerializer):
    """How somebody is called in a group, and whether they moderate it."""

    name = _text(255, help_text="Empty: as their profile is called.")
    is_moderator = serializers.BooleanField(required=False)


class GroupMessageRowSerializer(RowSerializer):
    """Something said in a group. Taken back, its content is empty."""

    stitches = {
        "like_count": Stitch(load=queries.message_likes, empty=int),
        "comment_count": Stitch(load=queries.message_comments, empty=int),
    }
    expansions = {"author": Expansion(target="users.Profile", source="author_id")}

    group_id = serializers.UUIDField()
    meta_data = JSONObjectField()
    like_count = serializers.IntegerField()
    comment_count = serializers.IntegerField()
    liked_by_me = serializers.BooleanField()

    class Meta:
        model = GroupMessage
        fields = (
            "id",
            "group_id",
            "author_id",
            "message_content",
            "message_content_type",
            "meta_data",
            "created_at",
            "edited_at",
            "deleted_at",
            "like_count",
            "comment_count",
            "liked_by_me",
        )


class GroupMessageChangeSerializer(StrictSerializer):
    """Another content for a message."""

    message_content = serializers.CharField(
        max_length=CONTENT_LENGTH,
        help_text="A text; an https address for IMAGE and VIDEO; a JSON document for RICH.",
    )
    meta_data = JSONObjectField(required=False)


class GroupMessageBodySerializer(GroupMessageChangeSerializer):
    """Something to say."""

    message_content_type = serializers.ChoiceField(
        choices=ContentType.choices, required=False, help_text="TEXT if left out."
    )


class ScoreRowSerializer(RowSerializer):
    """Somebody's place on a board."""

    stitches = {"rank": Stitch(load=queries.ranks, empty=int)}
    expansions = {"user": Expansion(target="users.Profile", source="user_id")}

    rank = serializers.IntegerField(help_text="From 1; no two have the same.")
    messages = serializers.IntegerField()
    likes = serializers.IntegerField(help_text="What others like of these messages.")
    added = serializers.IntegerField(
        help_text="Points for other merits: 10 for each whole unit of a currency that was given."
    )
    points = serializers.IntegerField()

    class Meta:
        model = BoardScore
        fields = ("id", "rank", "user_id", "messages", "likes", "added", "points", "updated_at")
