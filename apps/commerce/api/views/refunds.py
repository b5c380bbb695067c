"""The refunds API: giving back some or all of what was paid."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce import queries
from apps.commerce.api.serializers import purchases as shapes
from apps.commerce.api.views.purchases import OfPurchaseView
from apps.commerce.models import Refund
from apps.commerce.operations import purchases
from apps.kernel.errors import Forbidden
from apps.tenancy.api.permissions import SIGNED_IN, SUPPORT, caller_id
from apps.tenancy.api.requests import TenantRequest


class OnlyAdminsForce(Forbidden):
    """What was sold as not refundable is refunded by admins alone."""

    slug = "only-admins-force"
    title = "You may not force a refund."


@extend_schema_view(
    list=extend_schema(
        summary="List the refunds of a purchase",
        description="For its buyer and support.",
        responses=shapes.RefundRowSerializer(many=True),
    ),
    create=extend_schema(
        summary="Refund a purchase",
        description=(
            "For support. Any part of what is left, as often as something is. With the last of it the "
            "purchase is REFUNDED: what was bought can't be used any more and, unless it was fraud, is "
            "for sale again. It goes back to where it came from: the wallet, or the provider."
        ),
        request=shapes.RefundBodySerializer,
        responses={201: shapes.RefundRowSerializer},
    ),
    retrieve=extend_schema(
        summary="Read a refund",
        description="For the buyer of the purchase and support.",
        responses=shapes.RefundRowSerializer,
    ),
)
class RefundViewSet(OfPurchaseView):
    """What was given back of a purchase."""

    row_serializer = serializer_class = shapes.RefundRowSerializer
    orderings = {"seq": ("seq", "id"), "-seq": ("-seq", "-id")}
    default_ordering = "seq"
    access = {"list": SIGNED_IN, "create": SUPPORT, "retrieve": SIGNED_IN}

    def get_queryset(self) -> QuerySet[Refund]:
        """Return the refunds of the purchase."""
        return queries.purchases.refunds(purchase_id=self.named_purchase_id)

    def list(self, request: TenantRequest, purchase_id: UUID) -> Response:
        """Answer with a page of refunds."""
        queries.purchases.open_purchase(purchase_id=purchase_id, viewer=self.viewer)
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, purchase_id: UUID, refund_id: UUID) -> Response:
        """Answer with one refund."""
        queries.purchases.open_purchase(purchase_id=purchase_id, viewer=self.viewer)
        return self.show(request, id=refund_id)

    def create(self, request: TenantRequest, purchase_id: UUID) -> Response:
        """Refund a purchase."""
        queries.purchases.open_purchase(purchase_id=purchase_id, viewer=self.viewer)
        values = self.body(shapes.RefundBodySerializer)
        if values["force"] and not self.viewer.is_admin:
            raise OnlyAdminsForce("Ask an admin of the tenant to refund it.")
        refund = purchases.refund_purchase(
            purchase_id=purchase_id,
            amount=values.get("amount"),
            reason=values["reason"],
            refunded_at=self.now,
            created_by_id=caller_id(request),
            is_forced=values["force"],
        )
        return self.show(request, status=201, id=refund.id)
