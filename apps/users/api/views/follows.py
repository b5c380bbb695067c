"""Follows, followers and blocks."""

from typing import ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.tenancy.api.permissions import SIGNED_IN
from apps.tenancy.api.requests import TenantRequest
from apps.users import operations, queries
from apps.users.api import bodies, rows
from apps.users.api.viewers import check_may_look_inside, fan_of
from apps.users.api.views.base import UsersView
from apps.users.models import Block, FanFollow, Profile


@extend_schema_view(
    retrieve=extend_schema(
        summary="Read whether the caller follows a celebrity", responses=rows.FollowRowSerializer
    ),
)
class FollowViewSet(UsersView):
    """The caller's follow of one celebrity."""

    row_serializer = serializer_class = rows.FollowRowSerializer
    access = {
        "retrieve": SIGNED_IN,
        "follow": SIGNED_IN,
        "notify": SIGNED_IN,
        "unfollow": SIGNED_IN,
    }

    def get_queryset(self) -> QuerySet[FanFollow]:
        """Return the caller's follows."""
        return FanFollow.objects.active().filter(fan__keycloak_id=self.viewer.keycloak_id)

    def retrieve(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Answer with the follow."""
        return self.show(request, celebrity_id=profile_id)

    @extend_schema(
        summary="Follow a celebrity",
        description="Following again changes nothing, unless it names other notifications.",
        request=bodies.FollowSerializer,
        responses=rows.FollowRowSerializer,
    )
    def follow(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Follow."""
        values = self.body(bodies.FollowSerializer)
        operations.follow(
            fan_id=fan_of(request).id,
            celebrity_id=profile_id,
            followed_on=timezone.now(),
            notifications=values.get("notifications"),
        )
        return self.show(request, celebrity_id=profile_id)

    @extend_schema(
        summary="Change what the caller hears of",
        request=bodies.NotificationsSerializer,
        responses=rows.FollowRowSerializer,
    )
    def notify(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Change the notifications."""
        values = self.body(bodies.NotificationsSerializer)
        operations.set_notifications(
            fan_id=fan_of(request).id,
            celebrity_id=profile_id,
            notifications=values["notifications"],
        )
        return self.show(request, celebrity_id=profile_id)

    @extend_schema(
        summary="Unfollow a celebrity",
        description="Unfollowing again changes nothing.",
        responses={204: None},
    )
    def unfollow(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Unfollow."""
        queries.open_profile(profile_id=profile_id, viewer=self.viewer)
        operations.unfollow(
            fan_id=fan_of(request).id, celebrity_id=profile_id, unfollowed_on=timezone.now()
        )
        return Response(status=204)


class FollowListView(UsersView):
    """Follows of one profile, for the person and for staff. How many there are is public."""

    # What the log says was looked at.
    shows: ClassVar[str]
    access = {"list": SIGNED_IN}
    orderings = {"-followed_on": ("-followed_on", "-id")}
    default_ordering = "-followed_on"

    def list(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Answer with the follows."""
        check_may_look_inside(request, profile_id=profile_id, shows=self.shows)
        return self.list_rows(request)


@extend_schema_view(
    list=extend_schema(
        summary="List who follows a celebrity", responses=rows.FollowerRowSerializer(many=True)
    ),
)
class FollowerViewSet(FollowListView):
    """Who follows a celebrity."""

    shows = "followers"
    row_serializer = serializer_class = rows.FollowerRowSerializer

    def get_queryset(self) -> QuerySet[FanFollow]:
        """Return the follows of the celebrity."""
        follows = FanFollow.objects.active().filter(celebrity_id=self.named_profile_id)
        return follows.filter(fan__in=Profile.objects.present())


@extend_schema_view(
    list=extend_schema(
        summary="List whom a fan follows", responses=rows.FollowRowSerializer(many=True)
    ),
)
class FollowingViewSet(FollowListView):
    """Whom a fan follows."""

    shows = "following"
    row_serializer = serializer_class = rows.FollowRowSerializer

    def get_queryset(self) -> QuerySet[FanFollow]:
        """Return the fan's follows."""
        follows = FanFollow.objects.active().filter(fan_id=self.named_profile_id)
        return follows.filter(celebrity__in=Profile.objects.present())


@extend_schema_view(
    list=extend_schema(
        summary="List whom the caller blocks", responses=rows.BlockRowSerializer(many=True)
    ),
)
class BlockViewSet(UsersView):
    """Whom the caller wants nothing from. It holds for all profiles of both people."""

    row_serializer = serializer_class = rows.BlockRowSerializer
    access = {"list": SIGNED_IN, "block": SIGNED_IN, "unblock": SIGNED_IN}

    def get_queryset(self) -> QuerySet[Block]:
        """Return the caller's blocks."""
        return Block.objects.filter(blocker__keycloak_id=self.viewer.keycloak_id)

    def list(self, request: TenantRequest) -> Response:
        """Answer with the blocks."""
        return self.list_rows(request)

    @extend_schema(
        summary="Block somebody",
        description="Follows between the two end, both ways. Blocking again changes nothing.",
        request=None,
        responses=rows.BlockRowSerializer,
    )
    def block(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Block."""
        made = operations.block(
            blocker_id=fan_of(request).id, blocked_id=profile_id, blocked_at=timezone.now()
        )
        return self.show(request, id=made.id)

    @extend_schema(
        summary="Unblock somebody",
        description="Unblocking again changes nothing; follows do not come back.",
        responses={204: None},
    )
    def unblock(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Unblock."""
        operations.unblock(blocker_id=fan_of(request).id, blocked_id=profile_id)
        return Response(status=204)
