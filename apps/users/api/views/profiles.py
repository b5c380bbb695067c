"""Profiles: the directory, single ones, and what staff decide about them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.kernel.errors import Forbidden, Invalid
from apps.tenancy.api.keeping import KeepsReplies
from apps.tenancy.api.permissions import EDITOR, PUBLIC, SIGNED_IN, Rank, has_rank
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.caching import LIST_SECONDS, PROFILE_SECONDS, Keep
from apps.users import operations, queries
from apps.users.api.bodies import ProfileChangeSerializer, ProfileCreateSerializer
from apps.users.api.filters import ProfileFilter
from apps.users.api.rows import ProfileRowSerializer
from apps.users.api.viewers import check_may_change, fan_of
from apps.users.api.views.base import UsersView
from apps.users.models import Profile, ProfileStatus, ProfileType

# What the replies are made of.
MADE_OF = ("users.profile", "platform.tag")
# A person does not rank, approve or move what is theirs; editors do.
EDITORS_FIELDS = frozenset(
    {"display_weight", "keycloak_id", "owner_id", "parent_group_id", "status", "store_code"}
)


@extend_schema_view(
    list=extend_schema(
        summary="List profiles",
        description="The directory: by weight, or by what is searched for.",
        responses=ProfileRowSerializer(many=True),
    ),
    create=extend_schema(
        summary="Make a profile",
        description="Editors make any. Others make their own, and groups that they own.",
        request=ProfileCreateSerializer,
        responses={201: ProfileRowSerializer},
    ),
    retrieve=extend_schema(summary="Read a profile", responses=ProfileRowSerializer),
    partial_update=extend_schema(
        summary="Change a profile",
        request=ProfileChangeSerializer,
        responses=ProfileRowSerializer,
    ),
    destroy=extend_schema(
        summary="Delete a profile",
        description="It is out of sight afterwards; editors can restore it.",
        responses={204: None},
    ),
)
class ProfileViewSet(KeepsReplies, UsersView):
    """Celebrities, fans and groups."""

    row_serializer = serializer_class = ProfileRowSerializer
    filterset_class = ProfileFilter
    orderings = {
        "-display_weight": ("-display_weight", "-id"),
        "display_name": ("display_name", "id"),
        "-created_on": ("-created_on", "-id"),
        "relevance": ("place", "id"),
    }
    default_ordering = "-display_weight"
    kept = {
        "list": Keep(seconds=LIST_SECONDS, kinds=MADE_OF),
        "retrieve": Keep(seconds=PROFILE_SECONDS, kinds=MADE_OF),
    }
    access = {
        "list": PUBLIC,
        "retrieve": PUBLIC,
        "create": SIGNED_IN,
        "partial_update": SIGNED_IN,
        "destroy": SIGNED_IN,
        "restore": EDITOR,
        "approve": EDITOR,
        "reject": EDITOR,
    }

    def get_queryset(self) -> QuerySet[Profile]:
        """Return what the caller can list, or, where one is named, open."""
        if self.action != "list":
            rows = queries.profiles_to_open(viewer=self.viewer)
        elif self._wants_deleted():
            rows = Profile.objects.filter(is_deleted=True)
        else:
            rows = queries.profiles(viewer=self.viewer)
        return queries.with_counts(rows)

    def _wants_deleted(self) -> bool:
        request = getattr(self, "request", None)
        wanted = request is not None and request.query_params.get("is_deleted", "")
        return bool(wanted) and str(wanted).lower() == "true"

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of profiles."""
        is_search = bool(request.query_params.get("search", "").strip())
        if is_search:
            self.default_ordering = "relevance"
        elif request.query_params.get("ordering") == "relevance":
            raise Invalid(fields={"ordering": ["Only a search has a relevance; add `search`."]})
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Answer with a profile."""
        return self.show(request, id=profile_id)

    def create(self, request: TenantRequest) -> Response:
        """Make a profile."""
        values = self.body(ProfileCreateSerializer)
        kind = values.pop("profile_type")
        if has_rank(request, Rank.EDITOR):
            if kind != ProfileType.GROUP:
                values.setdefault("keycloak_id", request.user.id)
        else:
            values = self._own_values(request, kind, values)
        if kind == ProfileType.FAN:
            values.setdefault("status", ProfileStatus.ACTIVE)
        profile = operations.create_profile(
            profile_type=kind, values=values, created_on=timezone.now()
        )
        return self.show(request, status=201, id=profile.id)

    def _own_values(
        self, request: TenantRequest, kind: str, values: dict[str, Any]
    ) -> dict[str, Any]:
        """Return what a person's own profile or group is made of."""
        if values.get("keycloak_id") == request.user.id:
            del values["keycloak_id"]
        _refuse_editors_fields(values)
        if kind == ProfileType.GROUP:
            return {**values, "owner_id": fan_of(request).id}
        return {**values, "keycloak_id": request.user.id}

    def partial_update(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Change a profile."""
        check_may_change(request, profile_id=profile_id)
        self.check_match(request, id=profile_id)
        changes = self.body(ProfileChangeSerializer, partial=True)
        if not has_rank(request, Rank.EDITOR):
            _refuse_editors_fields(changes)
        operations.update_profile(profile_id=profile_id, changes=changes, updated_at=timezone.now())
        return self.show(request, id=profile_id)

    def destroy(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Delete a profile."""
        check_may_change(request, profile_id=profile_id)
        self.check_match(request, id=profile_id)
        operations.delete_profile(profile_id=profile_id, deleted_on=timezone.now())
        return Response(status=204)

    @extend_schema(
        summary="Restore a deleted profile", request=None, responses=ProfileRowSerializer
    )
    def restore(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Bring a deleted profile back."""
        operations.restore_profile(profile_id=profile_id, restored_at=timezone.now())
        return self.show(request, id=profile_id)

    @extend_schema(summary="Approve a group", request=None, responses=ProfileRowSerializer)
    def approve(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Let a group be seen."""
        operations.approve_group(profile_id=profile_id, approved_at=timezone.now())
        return self.show(request, id=profile_id)

    @extend_schema(summary="Reject a group", request=None, responses=ProfileRowSerializer)
    def reject(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Keep a group from being seen."""
        operations.reject_group(profile_id=profile_id, rejected_at=timezone.now())
        return self.show(request, id=profile_id)


def _refuse_editors_fields(values: Mapping[str, Any]) -> None:
    given = sorted(EDITORS_FIELDS & set(values))
    if given:
        raise Forbidden(
            "Some of these fields are set by an editor of the tenant.",
            fields={name: ["Only an editor sets this."] for name in given},
        )
