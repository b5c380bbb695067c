"""The groups API: groups, and who is in them."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.kernel.api.shaping import Row
from apps.kernel.errors import NotFound
from apps.platform import operations, queries
from apps.platform.api.filters import GroupFilter
from apps.platform.api.serializers import groups as shapes
from apps.platform.api.viewers import (
    check_may_add,
    check_may_decide,
    check_may_list_members,
    check_may_manage,
)
from apps.platform.api.views.base import PlatformContextView
from apps.platform.models import GroupMember, RealtimeGroup
from apps.tenancy.api.permissions import SIGNED_IN
from apps.tenancy.api.requests import TenantRequest


@extend_schema_view(
    list=extend_schema(
        summary="List groups",
        description=(
            "Open groups, and those by invitation that the caller is in; to editors all of them. "
            "`is_member=true` lists the caller's own, `is_member=false` what they can still join."
        ),
        responses=shapes.GroupRowSerializer(many=True),
    ),
    create=extend_schema(
        summary="Make a group",
        description="The caller is in it as a moderator.",
        request=shapes.GroupBodySerializer,
        responses={201: shapes.GroupRowSerializer},
    ),
    retrieve=extend_schema(summary="Read a group", responses=shapes.GroupRowSerializer),
    partial_update=extend_schema(
        summary="Change a group",
        description="For its creator, its moderators and editors. Its type stays.",
        request=shapes.GroupChangeSerializer,
        responses=shapes.GroupRowSerializer,
    ),
    destroy=extend_schema(
        summary="Delete a group",
        description="For its creator and admins. Nobody sees it afterwards.",
        responses={204: None},
    ),
)
class GroupViewSet(PlatformContextView):
    """Groups: announcements, message boards and chats."""

    row_serializer = serializer_class = shapes.GroupRowSerializer
    filterset_class = GroupFilter
    orderings = {
        "name": ("name", "id"),
        "-name": ("-name", "-id"),
        "created_on": ("created_on", "id"),
        "-created_on": ("-created_on", "-id"),
    }
    default_ordering = "-created_on"
    access = {
        "list": SIGNED_IN,
        "create": SIGNED_IN,
        "retrieve": SIGNED_IN,
        "partial_update": SIGNED_IN,
        "destroy": SIGNED_IN,
    }

    def get_queryset(self) -> QuerySet[RealtimeGroup]:
        """Return the groups that the caller can see."""
        return queries.visible_groups(viewer=self.viewer)

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of groups."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, group_id: UUID) -> Response:
        """Answer with one group."""
        return self.show(request, id=group_id)

    def create(self, request: TenantRequest) -> Response:
        """Make a group."""
        values = self.body(shapes.GroupBodySerializer)
        group = operations.create_group(
            values=values, created_by_id=self.viewer.actor_id, created_on=timezone.now()
        )
        return self.show(request, status=201, id=group.id)

    def partial_update(self, request: TenantRequest, group_id: UUID) -> Response:
        """Change a group."""
        check_may_manage(self.viewer, group_id=group_id)
        self.check_match(request, id=group_id)
        changes = self.body(shapes.GroupChangeSerializer, partial=True)
        if "joining" in changes:
            check_may_decide(self.viewer, group_id=group_id)
        operations.update_group(group_id=group_id, changes=changes, updated_at=timezone.now())
        return self.show(request, id=group_id)

    def destroy(self, request: TenantRequest, group_id: UUID) -> Response:
        """Delete a group."""
        check_may_decide(self.viewer, group_id=group_id)
        self.check_match(request, id=group_id)
        operations.delete_group(group_id=group_id, deleted_at=timezone.now())
        return Response(status=204)


@extend_schema_view(
    list=extend_schema(
        summary="List who is in a group",
        description="For its members and for editors.",
        responses=shapes.GroupMemberRowSerializer(many=True),
    ),
    create=extend_schema(
        summary="Put somebody into a group by invitation",
        description=(
            "For its moderators and editors. A group that everybody can join refuses it. Who is in "
            "it already stays as they are."
        ),
        request=shapes.GroupMemberBodySerializer,
        responses={201: shapes.GroupMemberRowSerializer},
    ),
    retrieve=extend_schema(
        summary="Read a member of a group",
        description="For its members and for editors.",
        responses=shapes.GroupMemberRowSerializer,
    ),
    partial_update=extend_schema(
        summary="Change a member of a group",
        description=(
            "Moderators and editors say who moderates; how somebody is called, they themselves too."
        ),
        request=shapes.GroupMemberChangeSerializer,
        responses=shapes.GroupMemberRowSerializer,
    ),
    destroy=extend_schema(
        summary="Put somebody out of a group",
        description="For its moderators and editors, and for the member.",
        responses={204: None},
    ),
)
class MemberViewSet(PlatformContextView):
    """Who is in a group, each named by their profile."""

    row_serializer = serializer_class = shapes.GroupMemberRowSerializer
    orderings = {"-added_on": ("-added_on", "-id")}
    default_ordering = "-added_on"
    access = {
        "list": SIGNED_IN,
        "create": SIGNED_IN,
        "retrieve": SIGNED_IN,
        "partial_update": SIGNED_IN,
        "destroy": SIGNED_IN,
        "join": SIGNED_IN,
        "leave": SIGNED_IN,
    }

    def get_queryset(self) -> QuerySet[GroupMember]:
        """Return who is in the group."""
        return queries.members(group_id=self.named_group_id)

    def location_of(self, request: TenantRequest, row: Row) -> str:
        """Return the address of a member: that of their profile in the group."""
        body = self.body(shapes.GroupMemberBodySerializer)
        return f"{request.path.rstrip('/')}/{body['user_id']}"

    def list(self, request: TenantRequest, group_id: UUID) -> Response:
        """Answer with a page of members."""
        check_may_list_members(request, self.viewer, group_id=group_id)
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, group_id: UUID, user_id: UUID) -> Response:
        """Answer with one member."""
        check_may_list_members(request, self.viewer, group_id=group_id)
        return self.show(request, user_id=user_id)

    def create(self, request: TenantRequest, group_id: UUID) -> Response:
        """Put somebody into the group."""
        check_may_manage(self.viewer, group_id=group_id)
        values = self.body(shapes.GroupMemberBodySerializer)
        check_may_add(self.viewer, profile_id=values["user_id"])
        member = operations.add_member(
            group_id=group_id, profile_id=values["user_id"], added_on=timezone.now()
        )
        return self.show(request, status=201, id=member.id)

    def partial_update(self, request: TenantRequest, group_id: UUID, user_id: UUID) -> Response:
        """Change a member."""
        changes = self.body(shapes.GroupMemberChangeSerializer, partial=True)
        self._check_may_change(user_id, is_promotion="is_moderator" in changes)
        member = self._held(request, user_id)
        if changes:
            operations.update_member(group_id=group_id, profile_id=user_id, changes=changes)
        return self.show(request, id=member)

    def destroy(self, request: TenantRequest, group_id: UUID, user_id: UUID) -> Response:
        """Put somebody out."""
        self._check_may_change(user_id, is_promotion=False)
        self._held(request, user_id)
        operations.remove_member(group_id=group_id, profile_id=user_id, removed_on=timezone.now())
        return Response(status=204)

    def _check_may_change(self, profile_id: UUID, *, is_promotion: bool) -> None:
        if self.viewer.is_person(profile_id) and not is_promotion:
            queries.open_group(group_id=self.named_group_id, viewer=self.viewer)
        else:
            check_may_manage(self.viewer, group_id=self.named_group_id)

    def _held(self, request: TenantRequest, profile_id: UUID) -> UUID:
        """Return the membership of a profile, as the caller has seen it."""
        member = self.get_queryset().filter(user_id=profile_id).first()
        if member is None:
            raise NotFound
        self.check_match(request, id=member.id)
        return member.id

    @extend_schema(
        summary="Join a group",
        description=(
            "For groups that are open to everybody. Joining again changes nothing. Who has no "
            "profile in the tenant makes one first: `POST /me`."
        ),
        request=None,
        responses=shapes.GroupMemberRowSerializer,
    )
    def join(self, request: TenantRequest, group_id: UUID) -> Response:
        """Join."""
        queries.open_group(group_id=group_id, viewer=self.viewer)
        member = operations.join_group(
            group_id=group_id,
            profile_id=self.viewer.actor_id,
            own_ids=self.viewer.profile_ids,
            joined_on=timezone.now(),
        )
        return self.show(request, id=member.id)

    @extend_schema(
        summary="Leave a group",
        description="Leaving again changes nothing. What was said there stays.",
        request=None,
        responses={204: None},
    )
    def leave(self, request: TenantRequest, group_id: UUID) -> Response:
        """Leave."""
        queries.open_group(group_id=group_id, viewer=self.viewer)
        operations.leave_group(
            group_id=group_id, own_ids=self.viewer.profile_ids, left_on=timezone.now()
        )
        return Response(status=204)
