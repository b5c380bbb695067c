"""The tags API."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.platform import operations, queries
from apps.platform.api.filters import TagFilter
from apps.platform.api.serializers.tags import (
    TagBodySerializer,
    TagMergeSerializer,
    TagRowSerializer,
)
from apps.platform.models import IdempotencyKey, Tag
from apps.tenancy.api.keeping import KeepsReplies
from apps.tenancy.api.permissions import EDITOR, PUBLIC, caller_id
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.caching import LIST_SECONDS, Keep

# What the replies are made of: tags, and the profiles that made them.
MADE_OF = ("platform.tag", "users.profile")


@extend_schema_view(
    list=extend_schema(summary="List tags", responses=TagRowSerializer(many=True)),
    create=extend_schema(
        summary="Make a tag", request=TagBodySerializer, responses={201: TagRowSerializer}
    ),
    retrieve=extend_schema(
        summary="Read a tag",
        description="The id of a merged tag answers with the tag that stands for it.",
        responses=TagRowSerializer,
    ),
    partial_update=extend_schema(
        summary="Change or rename a tag", request=TagBodySerializer, responses=TagRowSerializer
    ),
    destroy=extend_schema(summary="Remove a tag", responses={204: None}),
)
class TagViewSet(KeepsReplies):
    """Tags: the taxonomy that profiles, media, items and classes refer to."""

    context = "platform"
    idempotency_model = IdempotencyKey
    row_serializer = serializer_class = TagRowSerializer
    filterset_class = TagFilter
    orderings = {
        "name": ("name", "id"),
        "-name": ("-name", "-id"),
        "created_on": ("created_on", "id"),
        "-created_on": ("-created_on", "-id"),
    }
    default_ordering = "name"
    kept = {
        "list": Keep(seconds=LIST_SECONDS, kinds=MADE_OF),
        "retrieve": Keep(seconds=LIST_SECONDS, kinds=MADE_OF),
    }
    access = {
        "list": PUBLIC,
        "retrieve": PUBLIC,
        "create": EDITOR,
        "partial_update": EDITOR,
        "destroy": EDITOR,
        "merge": EDITOR,
    }

    def get_queryset(self) -> QuerySet[Tag]:
        """Return the tags, without those that were merged into others."""
        return Tag.objects.current()

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of tags."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, tag_id: UUID) -> Response:
        """Answer with the tag that an id stands for."""
        return self.show(request, id=queries.current_tag_id(tag_id=tag_id))

    def create(self, request: TenantRequest) -> Response:
        """Make a tag."""
        values = self.body(TagBodySerializer)
        tag = operations.create_tag(
            associated_tag_ids=values.pop("associated_tag_ids", ()),
            values=_folded(values),
            created_on=timezone.now(),
            created_by_id=queries.profile_id_of_person(keycloak_id=caller_id(request)),
        )
        return self.show(request, status=201, id=tag.id)

    def partial_update(self, request: TenantRequest, tag_id: UUID) -> Response:
        """Change a tag."""
        self.check_match(request, id=tag_id)
        values = self.body(TagBodySerializer, partial=True)
        operations.update_tag(
            tag_id=tag_id,
            associated_tag_ids=values.pop("associated_tag_ids", None),
            changes=_folded(values),
            updated_at=timezone.now(),
            updated_by_id=queries.profile_id_of_person(keycloak_id=caller_id(request)),
        )
        return self.show(request, id=tag_id)

    def destroy(self, request: TenantRequest, tag_id: UUID) -> Response:
        """Remove a tag."""
        self.check_match(request, id=tag_id)
        operations.delete_tag(tag_id=tag_id)
        return Response(status=204)

    @extend_schema(
        summary="Merge a tag into another",
        description="The tag's id goes on working: it means the other tag from now on.",
        request=TagMergeSerializer,
        responses=TagRowSerializer,
    )
    def merge(self, request: TenantRequest, tag_id: UUID) -> Response:
        """Merge a tag into another."""
        values = self.body(TagMergeSerializer)
        tag = operations.merge_tags(
            tag_id=tag_id,
            into_tag_id=values["into_tag_id"],
            merged_at=timezone.now(),
            merged_by_id=queries.profile_id_of_person(keycloak_id=caller_id(request)),
        )
        return self.show(request, id=tag.id)


def _folded(values: dict[str, Any]) -> dict[str, Any]:
    """Keywords are kept in small letters, once each, so that they are found whatever the case."""
    if "keywords" in values:
        values["keywords"] = list(dict.fromkeys(word.lower() for word in values["keywords"]))
    return values
