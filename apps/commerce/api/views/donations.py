"""Donations: giving money on a message board."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce import queries
from apps.commerce.api.filters.donations import DonationFilter
from apps.commerce.api.serializers import donations as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.models import Donation
from apps.commerce.operations import donations
from apps.tenancy.api.permissions import SIGNED_IN
from apps.tenancy.api.requests import TenantRequest


@extend_schema_view(
    list=extend_schema(
        summary="List donations",
        description="The caller's own; to those who support buyers all of them.",
        responses=shapes.DonationRowSerializer(many=True),
    ),
    create=extend_schema(
        summary="Give money on a message board",
        description=(
            "Out of the caller's wallet of that currency; 409 where there is less in it. The board "
            "is one that they can see. Each whole unit of the currency gives 10 points on it, as a "
            "message does, soon after; what is given anonymously gives none."
        ),
        request=shapes.DonationBodySerializer,
        responses={201: shapes.DonationRowSerializer},
    ),
    retrieve=extend_schema(summary="Read a donation", responses=shapes.DonationRowSerializer),
)
class DonationViewSet(CommerceView):
    """What is given on boards."""

    row_serializer = serializer_class = shapes.DonationRowSerializer
    filterset_class = DonationFilter
    access = {"list": SIGNED_IN, "create": SIGNED_IN, "retrieve": SIGNED_IN}

    def get_queryset(self) -> QuerySet[Donation]:
        """Return the donations that the caller sees."""
        return queries.donations.donations(viewer=self.viewer)

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of donations."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, donation_id: UUID) -> Response:
        """Answer with one donation."""
        return self.show(request, id=donation_id)

    def create(self, request: TenantRequest) -> Response:
        """Give."""
        values = self.body(shapes.DonationBodySerializer)
        queries.donations.check_board(board_id=values["board_id"], viewer=self.viewer)
        donation = donations.donate(
            **values,
            user_id=self.viewer.buyer_id,
            given_at=self.now,
            created_by_id=self.viewer.keycloak_id,
        )
        return self.show(request, status=201, id=donation.id)
