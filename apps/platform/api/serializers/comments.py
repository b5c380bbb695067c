"""Replies and bodies of comments and likes."""

from rest_framework import serializers

from apps.kernel.api.shaping import Expansion, RowSerializer, Stitch, StrictSerializer
from apps.platform import queries
from apps.platform.models import Comment, TargetType

COMMENT_LENGTH = 5_000


class CommentRowSerializer(RowSerializer):
    """A comment. Taken back, its text is empty."""

    stitches = {
        "like_count": Stitch(load=queries.comment_likes, empty=int),
        "comment_count": Stitch(load=queries.comment_comments, empty=int),
    }
    expansions = {"author": Expansion(target="users.Profile", source="author_id")}

    like_count = serializers.IntegerField()
    comment_count = serializers.IntegerField()
    liked_by_me = serializers.BooleanField()

    class Meta:
        model = Comment
        fields = (
            "id",
            "target_type",
            "target_id",
            "author_id",
            "body",
            "created_at",
            "edited_at",
            "deleted_at",
            "like_count",
            "comment_count",
            "liked_by_me",
        )


class CommentBodySerializer(StrictSerializer):
    """What to say about something."""

    body = serializers.CharField(max_length=COMMENT_LENGTH)


class ReactionsSerializer(serializers.Serializer):
    """What people think of something."""

    target_type = serializers.ChoiceField(choices=TargetType.choices)
    target_id = serializers.UUIDField()
    like_count = serializers.IntegerField()
    comment_count = serializers.IntegerField()
    liked_by_me = serializers.BooleanField()
