"""The series API."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce.api.filters.subscriptions import SeriesFilter
from apps.commerce.api.serializers import subscriptions as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.models import ContentSeries
from apps.commerce.operations import subscriptions
from apps.tenancy.api.permissions import EDITOR, PUBLIC
from apps.tenancy.api.requests import TenantRequest


@extend_schema_view(
    list=extend_schema(summary="List series", responses=shapes.SeriesRowSerializer(many=True)),
    retrieve=extend_schema(summary="Read a series", responses=shapes.SeriesRowSerializer),
    create=extend_schema(
        summary="Make a series",
        request=shapes.SeriesBody,
        responses={201: shapes.SeriesRowSerializer},
    ),
    partial_update=extend_schema(
        summary="Change a series", request=shapes.SeriesBody, responses=shapes.SeriesRowSerializer
    ),
    destroy=extend_schema(
        summary="Remove a series",
        description="Who may use it still may; nobody else will.",
        responses={204: None},
    ),
)
class SeriesViewSet(CommerceView):
    """Series of contents that plans and items open."""

    row_serializer = serializer_class = shapes.SeriesRowSerializer
    filterset_class = SeriesFilter
    orderings = {
        "name": ("name", "id"),
        "-name": ("-name", "-id"),
        "created_on": ("created_on", "id"),
        "-created_on": ("-created_on", "-id"),
    }
    default_ordering = "name"
    access = {
        "list": PUBLIC,
        "retrieve": PUBLIC,
        "create": EDITOR,
        "partial_update": EDITOR,
        "destroy": EDITOR,
    }

    def get_queryset(self) -> QuerySet[ContentSeries]:
        """Return the series that were not removed."""
        return ContentSeries.objects.filter(deleted_at=None)

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of series."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, series_id: UUID) -> Response:
        """Answer with a series."""
        return self.show(request, id=series_id)

    def create(self, request: TenantRequest) -> Response:
        """Make a series."""
        series = subscriptions.create_series(
            values=self.body(shapes.SeriesBody),
            created_by_id=self.viewer.buyer_id,
            created_on=self.now,
        )
        return self.show(request, status=201, id=series.id)

    def partial_update(self, request: TenantRequest, series_id: UUID) -> Response:
        """Change a series."""
        self.check_match(request, id=series_id)
        subscriptions.update_series(
            series_id=series_id,
            changes=self.body(shapes.SeriesBody, partial=True),
            updated_at=self.now,
        )
        return self.show(request, id=series_id)

    def destroy(self, request: TenantRequest, series_id: UUID) -> Response:
        """Remove a series."""
        self.check_match(request, id=series_id)
        subscriptions.delete_series(series_id=series_id, deleted_at=self.now)
        return Response(status=204)
