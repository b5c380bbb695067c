"""The entitlements API: who may use what."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce.api.filters.subscriptions import EntitlementFilter
from apps.commerce.api.serializers import subscriptions as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.models import Entitlement
from apps.commerce.operations import entitlements
from apps.tenancy.api.permissions import EDITOR, SIGNED_IN
from apps.tenancy.api.requests import TenantRequest


@extend_schema_view(
    list=extend_schema(
        summary="List entitlements",
        description="The caller's own; to those who support buyers all of them.",
        responses=shapes.EntitlementRowSerializer(many=True),
    ),
    retrieve=extend_schema(
        summary="Read an entitlement", responses=shapes.EntitlementRowSerializer
    ),
    create=extend_schema(
        summary="Let somebody use an item or a series",
        description="Without paying for it.",
        request=shapes.EntitlementBody,
        responses={201: shapes.EntitlementRowSerializer},
    ),
    destroy=extend_schema(
        summary="Take back what the staff has given",
        description="It stays in the list, revoked. What was bought goes with a refund.",
        responses={204: None},
    ),
)
class EntitlementViewSet(CommerceView):
    """Who may use what."""

    row_serializer = serializer_class = shapes.EntitlementRowSerializer
    filterset_class = EntitlementFilter
    access = {"list": SIGNED_IN, "retrieve": SIGNED_IN, "create": EDITOR, "destroy": EDITOR}

    def get_queryset(self) -> QuerySet[Entitlement]:
        """Return the entitlements that the caller sees."""
        if self.viewer.is_support:
            return Entitlement.objects.all()
        return Entitlement.objects.filter(user_id__in=self.viewer.profile_ids)

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of entitlements."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, entitlement_id: UUID) -> Response:
        """Answer with an entitlement."""
        return self.show(request, id=entitlement_id)

    def create(self, request: TenantRequest) -> Response:
        """Grant."""
        values = self.body(shapes.EntitlementBody)
        granted = entitlements.grant_entitlement(**values, granted_at=self.now)
        return self.show(request, status=201, id=granted.id)

    def destroy(self, request: TenantRequest, entitlement_id: UUID) -> Response:
        """Revoke."""
        self.check_match(request, id=entitlement_id)
        entitlements.revoke_entitlement(entitlement_id=entitlement_id, revoked_at=self.now)
        return Response(status=204)
