"""The caller: their profiles, role and preferences in this tenant."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.response import Response

from apps.kernel.api import shaping
from apps.tenancy.api.permissions import SIGNED_IN, caller_id
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.models import Role
from apps.users import operations, queries
from apps.users.api import bodies, rows
from apps.users.api.viewers import fan_of, name_of
from apps.users.api.views.base import UsersView
from apps.users.models import Preferences, Profile, ProfileType


class MeSerializer(serializers.Serializer):
    """The caller in this tenant. What they do not have is null."""

    keycloak_id = serializers.UUIDField()
    role = serializers.ChoiceField(choices=Role.choices, allow_null=True)
    fan = rows.ProfileRowSerializer(allow_null=True)
    celebrity = rows.ProfileRowSerializer(allow_null=True)
    preferences = rows.PreferencesRowSerializer(allow_null=True)


@extend_schema_view(
    retrieve=extend_schema(summary="Read who the caller is here", responses=MeSerializer),
    create=extend_schema(
        summary="Make the caller's fan profile",
        description="Answers 201; or 200 with what there is, if they have one.",
        request=bodies.MeCreateSerializer,
        responses={200: MeSerializer, 201: MeSerializer},
    ),
    partial_update=extend_schema(
        summary="Change the caller's fan profile and preferences",
        request=bodies.MeChangeSerializer,
        responses=MeSerializer,
    ),
    destroy=extend_schema(
        summary="Erase the caller",
        description=(
            "Everything personal of theirs in this tenant is gone for good; what refers to their "
            "profiles shows a tombstone."
        ),
        responses={204: None},
    ),
)
class MeViewSet(UsersView):
    """The caller."""

    row_serializer = rows.ProfileRowSerializer
    serializer_class = MeSerializer
    shapes_rows = False
    access = {
        "retrieve": SIGNED_IN,
        "create": SIGNED_IN,
        "partial_update": SIGNED_IN,
        "destroy": SIGNED_IN,
        "become_celebrity": SIGNED_IN,
    }

    def get_queryset(self) -> QuerySet[Profile]:
        """Return the caller's profiles."""
        own = Profile.objects.present().filter(keycloak_id=self.viewer.keycloak_id)
        return queries.with_counts(own)

    def retrieve(self, request: TenantRequest) -> Response:
        """Answer with the caller."""
        return Response(self._me(request))

    def create(self, request: TenantRequest) -> Response:
        """Make the fan profile."""
        values = self.body(bodies.MeCreateSerializer)
        existed = queries.profile_of_person(
            keycloak_id=caller_id(request), profile_type=ProfileType.FAN
        )
        operations.ensure_fan_profile(
            keycloak_id=caller_id(request),
            display_name=values.get("display_name") or name_of(request),
            created_on=timezone.now(),
        )
        return Response(
            self._me(request), status=200 if existed else 201, headers={"Location": request.path}
        )

    def partial_update(self, request: TenantRequest) -> Response:
        """Change fan profile and preferences."""
        values = self.body(bodies.MeChangeSerializer, partial=True)
        operations.update_person(
            fan_id=fan_of(request).id,
            preferences=values.pop("preferences", {}),
            changes=values,
            updated_at=timezone.now(),
        )
        return Response(self._me(request))

    def destroy(self, request: TenantRequest) -> Response:
        """Erase the caller."""
        operations.erase_person(keycloak_id=caller_id(request), erased_at=timezone.now())
        return Response(status=204)

    @extend_schema(
        summary="Become a celebrity",
        description=(
            "Adds a celebrity profile, pending until staff make it active. The fan profile stays, "
            "and everything it follows."
        ),
        request=bodies.CelebritySerializer,
        responses={201: MeSerializer},
    )
    def become_celebrity(self, request: TenantRequest) -> Response:
        """Add a celebrity profile."""
        values = self.body(bodies.CelebritySerializer)
        operations.become_celebrity(
            keycloak_id=caller_id(request), values=values, created_on=timezone.now()
        )
        return Response(self._me(request), status=201, headers={"Location": "/api/v1/me"})

    def _me(self, request: TenantRequest) -> dict[str, Any]:
        shape = shaping.shape_of(serializer=self.row_serializer, request=request)
        rows_of_caller = list(self.get_queryset().values(*{*shape.columns, "profile_type"}))
        # Taken before `?fields=` may leave it out.
        types = [row["profile_type"] for row in rows_of_caller]
        found = shaping.finish(
            serializer=self.row_serializer, shape=shape, rows=rows_of_caller, request=request
        )
        by_type = dict(zip(types, found, strict=True))
        columns = rows.PreferencesRowSerializer.Meta.fields
        preferences = Preferences.objects.filter(
            profile__keycloak_id=caller_id(request), profile__profile_type=ProfileType.FAN
        )
        return {
            "keycloak_id": request.user.id,
            "role": getattr(request.user, "role", None),
            "fan": by_type.get(ProfileType.FAN),
            "celebrity": by_type.get(ProfileType.CELEBRITY),
            "preferences": preferences.values(*columns).first(),
        }
