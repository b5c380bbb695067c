"""Comments and likes: one pair of views for everything that can be commented on and liked."""

from dataclasses import asdict
from typing import ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.kernel.api.shaping import Row
from apps.kernel.errors import Forbidden, NotFound
from apps.platform import operations, queries
from apps.platform.api.serializers import comments as shapes
from apps.platform.api.views.base import PlatformContextView
from apps.platform.models import Comment, TargetType
from apps.tenancy.api.permissions import SIGNED_IN
from apps.tenancy.api.requests import TenantRequest


class TargetView(PlatformContextView):
    """A view of what hangs on something: a message of a group, a comment or a profile."""

    # Given by the address: which kind of thing it names, and by which of its parts.
    target_type: ClassVar[TargetType] = TargetType.COMMENT
    named_by: ClassVar[str] = "comment_id"

    def target(self) -> queries.Target:
        """Return what the address names.

        :raises NotFound: there is no such thing, or it is not for the caller to see.
        """
        target_id: UUID = self.kwargs[self.named_by]
        target = queries.open_target(
            target_type=self.target_type, target_id=target_id, viewer=self.viewer
        )
        if "group_id" in self.kwargs and target.group_id != self.kwargs["group_id"]:
            raise NotFound
        return target


@extend_schema_view(
    list=extend_schema(
        summary="List comments",
        description=(
            "The newest first. Comments of people with whom there is a block are left out; what was "
            "taken back is there without its text."
        ),
        responses=shapes.CommentRowSerializer(many=True),
    ),
    create=extend_schema(
        summary="Comment",
        description="An answer to a comment can't be answered itself (409).",
        request=shapes.CommentBodySerializer,
        responses={201: shapes.CommentRowSerializer},
    ),
)
class CommentsViewSet(TargetView):
    """Comments on something."""

    row_serializer = serializer_class = shapes.CommentRowSerializer
    orderings = {
        "-created_at": ("-created_at", "-id"),
        "created_at": ("created_at", "id"),
    }
    default_ordering = "-created_at"
    access = {"list": SIGNED_IN, "create": SIGNED_IN}

    def get_queryset(self) -> QuerySet[Comment]:
        """Return the comments that the caller sees."""
        if getattr(self, "swagger_fake_view", False):
            return Comment.objects.none()
        return queries.comments(target=self.target(), viewer=self.viewer)

    def list(self, request: TenantRequest, **named: UUID) -> Response:
        """Answer with a page of comments."""
        return self.list_rows(request)

    def create(self, request: TenantRequest, **named: UUID) -> Response:
        """Comment."""
        target = self.target()
        values = self.body(shapes.CommentBodySerializer)
        comment = operations.add_comment(
            target=target,
            author_id=self.viewer.actor_id,
            apart_from=queries.kept_apart(viewer=self.viewer),
            body=values["body"],
            created_at=timezone.now(),
        )
        return self.show(request, status=201, id=comment.id)

    def location_of(self, request: TenantRequest, row: Row) -> str:
        """Return the address of a comment, whatever it is about."""
        return f"/api/v1/comments/{row['id']}"


@extend_schema_view(
    retrieve=extend_schema(summary="Read a comment", responses=shapes.CommentRowSerializer),
    partial_update=extend_schema(
        summary="Edit one's own comment",
        request=shapes.CommentBodySerializer,
        responses=shapes.CommentRowSerializer,
    ),
    destroy=extend_schema(
        summary="Take a comment back",
        description=(
            "For its author, editors, the moderators of the group it is in, and the person whose "
            "profile it is on. Its text is gone, its place stays."
        ),
        responses={204: None},
    ),
)
class CommentViewSet(TargetView):
    """One comment."""

    row_serializer = serializer_class = shapes.CommentRowSerializer
    access = {"retrieve": SIGNED_IN, "partial_update": SIGNED_IN, "destroy": SIGNED_IN}

    def get_queryset(self) -> QuerySet[Comment]:
        """Return the comments; which of them the caller sees was asked before."""
        return queries.liked(
            Comment.objects.all(), target_type=TargetType.COMMENT, viewer=self.viewer
        )

    def retrieve(self, request: TenantRequest, comment_id: UUID) -> Response:
        """Answer with the comment."""
        self.target()
        return self.show(request, id=comment_id)

    def partial_update(self, request: TenantRequest, comment_id: UUID) -> Response:
        """Edit the comment."""
        if not self.viewer.is_person(self.target().owner_id):
            raise Forbidden("Only its author can edit it.")
        self.check_match(request, id=comment_id)
        changes = self.body(shapes.CommentBodySerializer, partial=True)
        if changes:
            operations.edit_comment(
                comment_id=comment_id, body=changes["body"], edited_at=timezone.now()
            )
        return self.show(request, id=comment_id)

    def destroy(self, request: TenantRequest, comment_id: UUID) -> Response:
        """Take the comment back."""
        target = self.target()
        if not (target.is_moderated or self.viewer.is_person(target.owner_id)):
            raise Forbidden("Its author and whoever moderates here can take it back.")
        self.check_match(request, id=comment_id)
        operations.delete_comment(comment_id=comment_id, deleted_at=timezone.now())
        return Response(status=204)


@extend_schema_view(
    retrieve=extend_schema(
        summary="Read how many like it, and whether the caller does",
        responses=shapes.ReactionsSerializer,
    ),
)
class LikeViewSet(TargetView):
    """The caller's like of something."""

    serializer_class = shapes.ReactionsSerializer
    access = {"retrieve": SIGNED_IN, "like": SIGNED_IN, "unlike": SIGNED_IN}

    def retrieve(self, request: TenantRequest, **named: UUID) -> Response:
        """Answer with the numbers."""
        return self._numbers(self.target())

    @extend_schema(
        summary="Like it",
        description="Liking again changes nothing. Nobody likes what is their own (400).",
        request=None,
        responses=shapes.ReactionsSerializer,
    )
    def like(self, request: TenantRequest, **named: UUID) -> Response:
        """Like it."""
        target = self.target()
        operations.like(
            target=target,
            user_id=self.viewer.actor_id,
            own_ids=self.viewer.profile_ids,
            apart_from=queries.kept_apart(viewer=self.viewer),
            liked_at=timezone.now(),
        )
        return self._numbers(target)

    @extend_schema(
        summary="Like it no more",
        description="Where the caller does not like it, nothing changes.",
        responses={200: shapes.ReactionsSerializer},
    )
    def unlike(self, request: TenantRequest, **named: UUID) -> Response:
        """Like it no more."""
        target = self.target()
        operations.unlike(target=target, own_ids=self.viewer.profile_ids, unliked_at=timezone.now())
        return self._numbers(target)

    def _numbers(self, target: queries.Target) -> Response:
        return Response(asdict(queries.reactions_to(target=target, viewer=self.viewer)))
