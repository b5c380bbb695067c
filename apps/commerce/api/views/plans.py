"""The plans API."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce.api.filters.subscriptions import PlanFilter
from apps.commerce.api.serializers import subscriptions as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.models import SubscriptionPlan
from apps.commerce.operations import subscriptions
from apps.tenancy.api.permissions import EDITOR, PUBLIC
from apps.tenancy.api.requests import TenantRequest


@extend_schema_view(
    list=extend_schema(
        summary="List plans",
        description="What can be subscribed to; to the tenant's editors, also what can't at the moment.",
        responses=shapes.PlanRowSerializer(many=True),
    ),
    retrieve=extend_schema(summary="Read a plan", responses=shapes.PlanRowSerializer),
    create=extend_schema(
        summary="Make a plan", request=shapes.PlanBody, responses={201: shapes.PlanRowSerializer}
    ),
    partial_update=extend_schema(
        summary="Change a plan",
        description=(
            "A new price is for those who subscribe from now on. Series that are added open for "
            "everybody who has the plan; those taken away stay open to who has it."
        ),
        request=shapes.PlanChangeBody,
        responses=shapes.PlanRowSerializer,
    ),
    destroy=extend_schema(
        summary="Remove a plan",
        description="Nobody can subscribe to it any more. Who has it keeps it.",
        responses={204: None},
    ),
)
class PlanViewSet(CommerceView):
    """Plans that people subscribe to."""

    row_serializer = serializer_class = shapes.PlanRowSerializer
    filterset_class = PlanFilter
    orderings = {
        "name": ("name", "id"),
        "-name": ("-name", "-id"),
        "price": ("price", "id"),
        "-price": ("-price", "-id"),
        "created_on": ("created_on", "id"),
        "-created_on": ("-created_on", "-id"),
    }
    default_ordering = "-created_on"
    access = {
        "list": PUBLIC,
        "retrieve": PUBLIC,
        "create": EDITOR,
        "partial_update": EDITOR,
        "destroy": EDITOR,
    }

    def get_queryset(self) -> QuerySet[SubscriptionPlan]:
        """Return the plans that the caller sees."""
        plans = SubscriptionPlan.objects.filter(deleted_at=None)
        return plans if self.viewer.is_editor else plans.filter(is_active=True)

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of plans."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, plan_id: UUID) -> Response:
        """Answer with a plan."""
        return self.show(request, id=plan_id)

    def create(self, request: TenantRequest) -> Response:
        """Make a plan."""
        values = self.body(shapes.PlanBody)
        plan = subscriptions.create_plan(
            series_ids=values.pop("series_ids", ()),
            values=values,
            created_by_id=self.viewer.buyer_id,
            created_on=self.now,
        )
        return self.show(request, status=201, id=plan.id)

    def partial_update(self, request: TenantRequest, plan_id: UUID) -> Response:
        """Change a plan."""
        self.check_match(request, id=plan_id)
        changes = self.body(shapes.PlanChangeBody, partial=True)
        subscriptions.update_plan(
            plan_id=plan_id,
            series_ids=changes.pop("series_ids", None),
            changes=changes,
            updated_at=self.now,
        )
        return self.show(request, id=plan_id)

    def destroy(self, request: TenantRequest, plan_id: UUID) -> Response:
        """Remove a plan."""
        self.check_match(request, id=plan_id)
        subscriptions.delete_plan(plan_id=plan_id, deleted_at=self.now)
        return Response(status=204)
