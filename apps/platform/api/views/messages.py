"""The groups API: what is said in a group, and how a board ranks those who say it."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.kernel.errors import Conflict, Forbidden, NotFound
from apps.platform import operations, queries
from apps.platform.api.serializers import groups as shapes
from apps.platform.api.views.base import PlatformContextView
from apps.platform.models import BoardScore, GroupMember, GroupMessage
from apps.tenancy.api.permissions import SIGNED_IN
from apps.tenancy.api.requests import TenantRequest


class NotABoard(Conflict):
    """Only message boards keep scores."""

    slug = "not-a-board"
    title = "This group is no message board."


@extend_schema_view(
    list=extend_schema(
        summary="List what was said in a group",
        description=(
            "For its members, the newest first: in an open group everything, in one by invitation "
            "what was said since the caller came. Messages of people with whom there is a block "
            "are left out; what was taken back is there without its content."
        ),
        responses=shapes.GroupMessageRowSerializer(many=True),
    ),
    create=extend_schema(
        summary="Say something in a group",
        description=(
            "For its members; in an SSE group for its moderators. Before `starts_on` and from "
            "`stops_on` it is refused with 409."
        ),
        request=shapes.GroupMessageBodySerializer,
        responses={201: shapes.GroupMessageRowSerializer},
    ),
    retrieve=extend_schema(summary="Read a message", responses=shapes.GroupMessageRowSerializer),
    partial_update=extend_schema(
        summary="Edit one's own message",
        request=shapes.GroupMessageChangeSerializer,
        responses=shapes.GroupMessageRowSerializer,
    ),
    destroy=extend_schema(
        summary="Take a message back",
        description=(
            "For its author, the group's moderators and editors who are in it. Its content is gone, "
            "its place stays."
        ),
        responses={204: None},
    ),
)
class MessageViewSet(PlatformContextView):
    """What is said in a group."""

    row_serializer = serializer_class = shapes.GroupMessageRowSerializer
    orderings = {
        "-created_at": ("-created_at", "-id"),
        "created_at": ("created_at", "id"),
    }
    default_ordering = "-created_at"
    access = {
        "list": SIGNED_IN,
        "create": SIGNED_IN,
        "retrieve": SIGNED_IN,
        "partial_update": SIGNED_IN,
        "destroy": SIGNED_IN,
    }

    def get_queryset(self) -> QuerySet[GroupMessage]:
        """Return what the caller sees of what is said in the group."""
        if getattr(self, "swagger_fake_view", False):
            return GroupMessage.objects.none()
        return queries.messages(member=self._membership(), viewer=self.viewer)

    def _membership(self) -> GroupMember:
        return queries.membership(group_id=self.named_group_id, viewer=self.viewer)

    def list(self, request: TenantRequest, group_id: UUID) -> Response:
        """Answer with a page of messages."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, group_id: UUID, message_id: UUID) -> Response:
        """Answer with one message."""
        return self.show(request, id=message_id)

    def create(self, request: TenantRequest, group_id: UUID) -> Response:
        """Say something."""
        self._membership()
        message = operations.post_message(
            group_id=group_id,
            own_ids=self.viewer.profile_ids,
            values=self.body(shapes.GroupMessageBodySerializer),
            posted_at=timezone.now(),
        )
        return self.show(request, status=201, id=message.id)

    def partial_update(self, request: TenantRequest, group_id: UUID, message_id: UUID) -> Response:
        """Edit a message."""
        message = self._message(message_id)
        if not self.viewer.is_person(message.author_id):
            raise Forbidden("Only its author can edit it.")
        self.check_match(request, id=message_id)
        changes = self.body(shapes.GroupMessageChangeSerializer, partial=True)
        if changes:
            operations.edit_message(
                message_id=message_id, changes=changes, edited_at=timezone.now()
            )
        return self.show(request, id=message_id)

    def destroy(self, request: TenantRequest, group_id: UUID, message_id: UUID) -> Response:
        """Take a message back."""
        message = self._message(message_id)
        may = self.viewer.is_person(message.author_id) or self.viewer.is_editor
        if not may and not self._membership().is_moderator:
            raise Forbidden("Its author and the moderators of the group can take it back.")
        self.check_match(request, id=message_id)
        operations.delete_message(message_id=message_id, deleted_at=timezone.now())
        return Response(status=204)

    def _message(self, message_id: UUID) -> GroupMessage:
        found = self.get_queryset().filter(id=message_id).first()
        if found is None:
            raise NotFound
        return found


@extend_schema_view(
    list=extend_schema(
        summary="List who leads a message board",
        description=(
            "10 points for a message that stands, 5 for each like of it, and 10 for each whole unit "
            "of a currency that was given, unless anonymously. Of equal points, those that were reached "
            "first are ahead. For all who can see the board; no other group has a leaderboard."
        ),
        responses=shapes.ScoreRowSerializer(many=True),
    ),
    retrieve=extend_schema(
        summary="Read the caller's place on a message board",
        responses=shapes.ScoreRowSerializer,
    ),
)
class LeaderboardViewSet(PlatformContextView):
    """How the members of a message board rank."""

    row_serializer = serializer_class = shapes.ScoreRowSerializer
    orderings = {"rank": queries.LEADERS_FIRST}
    default_ordering = "rank"
    access = {"list": SIGNED_IN, "retrieve": SIGNED_IN}

    def get_queryset(self) -> QuerySet[BoardScore]:
        """Return the scores of the board."""
        return queries.scores(group_id=self.named_group_id)

    def list(self, request: TenantRequest, group_id: UUID) -> Response:
        """Answer with a page of scores, the leaders first."""
        self._check_board(group_id)
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, group_id: UUID) -> Response:
        """Answer with the caller's score; of two profiles, the one that is ahead."""
        self._check_board(group_id)
        own = self.get_queryset().filter(user_id__in=self.viewer.profile_ids)
        best = own.order_by(*queries.LEADERS_FIRST).first()
        if best is None:
            raise NotFound
        return self.show(request, id=best.id)

    def _check_board(self, group_id: UUID) -> None:
        if not queries.is_board(queries.open_group(group_id=group_id, viewer=self.viewer)):
            raise NotABoard("Look at a group of the type MESSAGE_BOARD.")
