"""Addresses of groups, comments and likes, under /api/v1/."""

from typing import Any

from django.urls import URLPattern, path

from apps.platform.api.views.comments import CommentsViewSet, CommentViewSet, LikeViewSet
from apps.platform.api.views.groups import GroupViewSet, MemberViewSet
from apps.platform.api.views.messages import LeaderboardViewSet, MessageViewSet
from apps.platform.models import TargetType

GROUP = "groups/<uuid:group_id>"
MESSAGE = f"{GROUP}/messages/<uuid:message_id>"
ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}


def _reactions(prefix: str, name: str, *, kind: TargetType, named_by: str) -> list[URLPattern]:
    """Return the addresses of the comments on something, and of the caller's like of it."""
    given: dict[str, Any] = {"target_type": kind, "named_by": named_by}
    return [
        path(
            f"{prefix}/comments",
            CommentsViewSet.as_view({"get": "list", "post": "create"}, **given),
            name=f"{name}-comments",
        ),
        path(
            f"{prefix}/like",
            LikeViewSet.as_view({"get": "retrieve", "put": "like", "delete": "unlike"}, **given),
            name=f"{name}-like",
        ),
    ]


urlpatterns = [
    path("groups", GroupViewSet.as_view({"get": "list", "post": "create"}), name="groups"),
    path(GROUP, GroupViewSet.as_view(ONE), name="group"),
    path(f"{GROUP}/join", MemberViewSet.as_view({"post": "join"}), name="group-join"),
    path(f"{GROUP}/leave", MemberViewSet.as_view({"post": "leave"}), name="group-leave"),
    path(
        f"{GROUP}/members",
        MemberViewSet.as_view({"get": "list", "post": "create"}),
        name="group-members",
    ),
    path(
        f"{GROUP}/members/<uuid:user_id>",
        MemberViewSet.as_view(ONE),
        name="group-member",
    ),
    path(
        f"{GROUP}/messages",
        MessageViewSet.as_view({"get": "list", "post": "create"}),
        name="group-messages",
    ),
    path(MESSAGE, MessageViewSet.as_view(ONE), name="group-message"),
    path(
        f"{GROUP}/leaderboard",
        LeaderboardViewSet.as_view({"get": "list"}),
        name="group-leaderboard",
    ),
    path(
        f"{GROUP}/leaderboard/me",
        LeaderboardViewSet.as_view({"get": "retrieve"}),
        name="group-leaderboard-me",
    ),
    path("comments/<uuid:comment_id>", CommentViewSet.as_view(ONE), name="comment"),
    *_reactions(MESSAGE, "group-message", kind=TargetType.GROUP_MESSAGE, named_by="message_id"),
    *_reactions(
        "comments/<uuid:comment_id>", "comment", kind=TargetType.COMMENT, named_by="comment_id"
    ),
    *_reactions(
        "profiles/<uuid:profile_id>", "profile", kind=TargetType.PROFILE, named_by="profile_id"
    ),
]
