"""Exchange rates and currencies."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce import queries
from apps.commerce.api.filters.wallets import RateFilter
from apps.commerce.api.serializers import rates as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.models import ExchangeRate, VirtualCurrency
from apps.commerce.operations import currencies, rates
from apps.kernel.api.shaping import Row
from apps.tenancy.api.permissions import ADMIN, PUBLIC
from apps.tenancy.api.requests import TenantRequest


@extend_schema_view(
    list=extend_schema(
        summary="List exchange rates",
        description="Past and future ones too; `valid_at` narrows.",
        responses=shapes.RateRowSerializer(many=True),
    ),
    retrieve=extend_schema(summary="Read an exchange rate", responses=shapes.RateRowSerializer),
    create=extend_schema(
        summary="Make an exchange rate",
        description="409 where another rate of the pair is valid at the same time: end that first.",
        request=shapes.RateBodySerializer,
        responses={201: shapes.RateRowSerializer},
    ),
    partial_update=extend_schema(
        summary="End an exchange rate, or change one",
        description=(
            "One that something was exchanged at is ended by `valid_until`, after its last use; what "
            "it says stays (409)."
        ),
        request=shapes.RateBodySerializer,
        responses=shapes.RateRowSerializer,
    ),
    destroy=extend_schema(
        summary="Withdraw an exchange rate",
        description="409 for one that something was exchanged at: end it.",
        responses={204: None},
    ),
)
class RateViewSet(CommerceView):
    """What currencies cost in one another."""

    row_serializer = serializer_class = shapes.RateRowSerializer
    filterset_class = RateFilter
    orderings = {
        "-valid_from": ("-valid_from", "-id"),
        "valid_from": ("valid_from", "id"),
    }
    default_ordering = "-valid_from"
    access = {
        "list": PUBLIC,
        "retrieve": PUBLIC,
        "quote": PUBLIC,
        "create": ADMIN,
        "partial_update": ADMIN,
        "destroy": ADMIN,
    }

    def get_queryset(self) -> QuerySet[ExchangeRate]:
        """Return the rates that were not withdrawn."""
        return queries.rates.present()

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of rates."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, rate_id: UUID) -> Response:
        """Answer with a rate."""
        return self.show(request, id=rate_id)

    def create(self, request: TenantRequest) -> Response:
        """Make a rate."""
        values = {"valid_from": self.now, **self.body(shapes.RateBodySerializer)}
        rate = rates.create_rate(values=values, created_on=self.now)
        return self.show(request, status=201, id=rate.id)

    def partial_update(self, request: TenantRequest, rate_id: UUID) -> Response:
        """Change a rate, or end it."""
        self.check_match(request, id=rate_id)
        changes = self.body(shapes.RateBodySerializer, partial=True)
        rates.change_rate(rate_id=rate_id, changes=changes)
        return self.show(request, id=rate_id)

    def destroy(self, request: TenantRequest, rate_id: UUID) -> Response:
        """Withdraw a rate."""
        self.check_match(request, id=rate_id)
        rates.delete_rate(rate_id=rate_id, deleted_on=self.now)
        return Response(status=204)

    @extend_schema(
        summary="Ask what an amount would buy",
        description="At the rate valid now. 409 where there is none, or the amount buys nothing.",
        parameters=[shapes.QuoteQuerySerializer],
        filters=False,
        responses=shapes.QuoteSerializer,
    )
    def quote(self, request: TenantRequest) -> Response:
        """Answer with what an amount would buy."""
        query = shapes.QuoteQuerySerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        return Response(asdict(queries.rates.quote(**query.validated_data, at=self.now)))


@extend_schema_view(
    list=extend_schema(
        summary="List currencies",
        description="Those of ISO 4217 that money can be in, and the tenant's own; by code, whole.",
        responses=shapes.CurrencySerializer(many=True),
    ),
    create=extend_schema(
        summary="Make a currency of the tenant's own",
        request=shapes.CurrencyBodySerializer,
        responses={201: shapes.CurrencyRowSerializer},
    ),
    partial_update=extend_schema(
        summary="Rename a currency",
        request=shapes.CurrencyNameSerializer,
        responses=shapes.CurrencyRowSerializer,
    ),
    destroy=extend_schema(
        summary="Delete a currency",
        description="409 where something is priced, held or exchanged in it.",
        responses={204: None},
    ),
)
class CurrencyViewSet(CommerceView):
    """Currencies."""

    row_serializer = serializer_class = shapes.CurrencyRowSerializer
    # All are one page, a few hundred lines.
    pagination_class = None
    access = {"list": PUBLIC, "create": ADMIN, "partial_update": ADMIN, "destroy": ADMIN}

    def get_queryset(self) -> QuerySet[VirtualCurrency]:
        """Return the tenant's own currencies."""
        return VirtualCurrency.objects.all()

    def list(self, request: TenantRequest) -> Response:
        """Answer with all currencies."""
        found: list[dict[str, Any]] = [asdict(each) for each in queries.rates.all_currencies()]
        return Response(found)

    def create(self, request: TenantRequest) -> Response:
        """Make a currency."""
        values = self.body(shapes.CurrencyBodySerializer)
        currency = currencies.create_currency(**values, created_on=self.now)
        return self.show(request, status=201, code=currency.code)

    def partial_update(self, request: TenantRequest, code: str) -> Response:
        """Rename a currency."""
        self.check_match(request, code=code)
        changes = self.body(shapes.CurrencyNameSerializer, partial=True)
        if changes:
            currencies.rename_currency(code=code, name=changes["name"])
        return self.show(request, code=code)

    def destroy(self, request: TenantRequest, code: str) -> Response:
        """Delete a currency."""
        self.check_match(request, code=code)
        currencies.delete_currency(code=code)
        return Response(status=204)

    def location_of(self, request: TenantRequest, row: Row) -> str:
        """Return the address of a currency: it has its code for a name."""
        return f"/api/v1/currencies/{row['code']}"
