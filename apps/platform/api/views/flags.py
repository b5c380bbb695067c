"""The flags API: what is on for the caller, and switching it."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.platform import operations, queries
from apps.platform.api.serializers.flags import (
    FlagAnswerSerializer,
    FlagBodySerializer,
    FlagSerializer,
)
from apps.platform.api.views.base import PlatformContextView
from apps.tenancy.api.permissions import ADMIN, SIGNED_IN
from apps.tenancy.api.requests import TenantRequest


class FlagViewSet(PlatformContextView):
    """Feature flags of the tenant."""

    serializer_class = FlagAnswerSerializer
    pagination_class = None
    access = {"list": SIGNED_IN, "update": ADMIN, "destroy": ADMIN}

    @extend_schema(
        summary="List the feature flags",
        description="Every flag there is, and whether it is on for the caller.",
        responses=FlagAnswerSerializer(many=True),
        filters=False,
    )
    def list(self, request: TenantRequest) -> Response:
        """Answer with every flag."""
        answers = queries.flags_for(user_id=self.viewer.acts_as)
        return Response([{"key": key, "is_on": is_on} for key, is_on in answers.items()])

    @extend_schema(
        summary="Switch a feature flag",
        description="For a share of all profiles, always the same ones, and for those named.",
        request=FlagBodySerializer,
        responses=FlagSerializer,
    )
    def update(self, request: TenantRequest, flag_key: str) -> Response:
        """Switch a flag."""
        known = queries.known_flag(flag_key)
        flag = operations.set_flag(
            key=flag_key, **self.body(FlagBodySerializer), updated_at=timezone.now()
        )
        return Response(
            {
                "key": flag_key,
                "description": known.description,
                "default": known.default,
                "is_on": flag.is_on,
                "percent": flag.percent,
                "user_ids": flag.user_ids,
            }
        )

    @extend_schema(summary="Go back to a flag's default", responses={204: None})
    def destroy(self, request: TenantRequest, flag_key: str) -> Response:
        """Forget what the tenant has set."""
        operations.reset_flag(key=flag_key)
        return Response(status=204)
