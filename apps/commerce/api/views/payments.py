"""The payments API: a buyer's own, and for the staff everybody's; and what providers were to give back."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce.api.serializers import payments as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.api.views.paying import PayingView
from apps.commerce.models import Payment, PaymentPurpose, PaymentState, Provider, ProviderRefund
from apps.commerce.operations.payments import simulating, unpaid
from apps.commerce.queries import payments as queries
from apps.kernel.errors import NotFound
from apps.tenancy.api.permissions import ADMIN, SIGNED_IN, SUPPORT, caller_id
from apps.tenancy.api.requests import TenantRequest


class PaymentFilter(filters.FilterSet):
    """`?state=`, `?purpose=`, `?provider=`, `?purchase_id=`, `?user_id=`."""

    state = filters.ChoiceFilter(choices=PaymentState.choices)
    purpose = filters.ChoiceFilter(choices=PaymentPurpose.choices)
    provider = filters.ChoiceFilter(choices=Provider.choices)
    purchase_id = filters.UUIDFilter()
    user_id = filters.UUIDFilter()

    class Meta:
        model = Payment
        fields: list[str] = []


class ProviderRefundFilter(filters.FilterSet):
    """`?state=`, `?payment_id=`."""

    state = filters.ChoiceFilter(choices=PaymentState.choices)
    payment_id = filters.UUIDFilter()

    class Meta:
        model = ProviderRefund
        fields: list[str] = []


@extend_schema_view(
    list=extend_schema(
        summary="List payments",
        description="The caller's own; all of them for the tenant's support.",
        responses=shapes.PaymentRowSerializer(many=True),
    ),
    retrieve=extend_schema(summary="Read a payment", responses=shapes.PaymentRowSerializer),
)
class PaymentViewSet(PayingView):
    """Payments."""

    row_serializer = serializer_class = shapes.PaymentRowSerializer
    filterset_class = PaymentFilter
    paid_status = 200
    access = {
        "list": SIGNED_IN,
        "retrieve": SIGNED_IN,
        "resume": SIGNED_IN,
        "simulate": SIGNED_IN,
    }

    def get_queryset(self) -> QuerySet[Payment]:
        """Return what the caller may see."""
        return queries.payments_for(self.viewer)

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of payments."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, payment_id: UUID) -> Response:
        """Answer with a payment."""
        return self.show(request, id=payment_id)

    @extend_schema(
        summary="Go on with a payment",
        description=(
            "Asks the provider how it stands, and answers with what the buyer needs to finish it. "
            "Also where asking for it has failed before: nothing is charged twice."
        ),
        request=None,
        responses=shapes.ResumedPaymentSerializer,
    )
    def resume(self, request: TenantRequest, payment_id: UUID) -> None:
        """Have the provider asked.

        :raises NotFound: the caller has no such payment.
        """
        if not queries.own_payments(self.viewer).filter(id=payment_id).exists():
            raise NotFound
        self.payment_id = self.shown_id = payment_id

    @extend_schema(
        summary="Simulate what becomes of a payment",
        description="Of the provider `local` alone, where the deployment has one: for development.",
        request=shapes.SimulateBody,
        responses=shapes.PaymentRowSerializer,
    )
    def simulate(self, request: TenantRequest, payment_id: UUID) -> Response:
        """Have it end, or be disputed."""
        outcome = self.body(shapes.SimulateBody)["outcome"]
        if not self.get_queryset().filter(id=payment_id).exists():
            raise NotFound
        simulating.simulate_payment(payment_id=payment_id, outcome=outcome, simulated_at=self.now)
        return self.show(request, id=payment_id)


@extend_schema_view(
    list=extend_schema(
        summary="List refunds at providers",
        description="What they were to give back, and whether they have.",
        responses=shapes.ProviderRefundRowSerializer(many=True),
    ),
    retrieve=extend_schema(
        summary="Read a refund at a provider", responses=shapes.ProviderRefundRowSerializer
    ),
)
class ProviderRefundViewSet(CommerceView):
    """Refunds, as providers carry them out."""

    row_serializer = serializer_class = shapes.ProviderRefundRowSerializer
    filterset_class = ProviderRefundFilter
    access = {"list": SUPPORT, "retrieve": SUPPORT, "pay_into_wallet": ADMIN}

    def get_queryset(self) -> QuerySet[Any]:
        """Return all of them."""
        return queries.provider_refunds()

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of refunds."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, refund_id: UUID) -> Response:
        """Answer with a refund."""
        return self.show(request, id=refund_id)

    @extend_schema(
        summary="Give a failed refund into the buyer's wallet",
        description="What the provider could not give back. Once more changes nothing.",
        request=None,
        responses=shapes.ProviderRefundRowSerializer,
    )
    def pay_into_wallet(self, request: TenantRequest, refund_id: UUID) -> Response:
        """Give it into the wallet."""
        unpaid.pay_into_wallet(
            refund_id=refund_id, paid_at=self.now, created_by_id=caller_id(request)
        )
        return self.show(request, id=refund_id)
