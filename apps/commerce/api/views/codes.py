"""The API of discount codes and promo codes."""

from dataclasses import asdict
from typing import cast
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce.api.filters.items import CodeFilter
from apps.commerce.api.serializers import codes as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.models import DiscountCode, DiscountCodeUsage
from apps.commerce.operations import codes, discounts
from apps.kernel.errors import NotFound
from apps.tenancy.api.permissions import EDITOR, SIGNED_IN
from apps.tenancy.api.requests import TenantRequest


@extend_schema_view(
    list=extend_schema(summary="List codes", responses=shapes.CodeRowSerializer(many=True)),
    create=extend_schema(
        summary="Make a code",
        description=(
            "PERCENT and AMOUNT make a purchase cheaper, CREDIT fills a wallet. Codes are found "
            "however they are written."
        ),
        request=shapes.DiscountCodeBodySerializer,
        responses={201: shapes.CodeRowSerializer},
    ),
    retrieve=extend_schema(summary="Read a code", responses=shapes.CodeRowSerializer),
    partial_update=extend_schema(
        summary="Change a code, or switch it off",
        description="Code, kind and currency stay as they are once it was used.",
        request=shapes.DiscountCodeBodySerializer,
        responses=shapes.CodeRowSerializer,
    ),
    destroy=extend_schema(
        summary="Delete a code that nobody has used",
        description="409 once somebody has: switch it off instead.",
        responses={204: None},
    ),
)
class CodeViewSet(CommerceView):
    """Codes that make purchases cheaper, or fill wallets."""

    row_serializer = serializer_class = shapes.CodeRowSerializer
    filterset_class = CodeFilter
    orderings = {
        "code": ("code", "id"),
        "-code": ("-code", "-id"),
        "created_on": ("created_on", "id"),
        "-created_on": ("-created_on", "-id"),
    }
    default_ordering = "-created_on"
    access = dict.fromkeys(("list", "retrieve", "create", "partial_update", "destroy"), EDITOR)

    def get_queryset(self) -> QuerySet[DiscountCode]:
        """Return the tenant's codes."""
        return DiscountCode.objects.all()

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of codes."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, code_id: UUID) -> Response:
        """Answer with one code."""
        return self.show(request, id=code_id)

    def create(self, request: TenantRequest) -> Response:
        """Make a code."""
        values = self.body(shapes.DiscountCodeBodySerializer)
        code = codes.create_code(
            item_ids=values.pop("item_ids", ()), values=values, created_on=self.now
        )
        return self.show(request, status=201, id=code.id)

    def partial_update(self, request: TenantRequest, code_id: UUID) -> Response:
        """Change a code."""
        self.check_match(request, id=code_id)
        values = self.body(shapes.DiscountCodeBodySerializer, partial=True)
        codes.update_code(
            code_id=code_id,
            item_ids=values.pop("item_ids", None),
            changes=values,
            updated_at=self.now,
        )
        return self.show(request, id=code_id)

    def destroy(self, request: TenantRequest, code_id: UUID) -> Response:
        """Delete a code."""
        self.check_match(request, id=code_id)
        codes.delete_code(code_id=code_id)
        return Response(status=204)


@extend_schema_view(
    list=extend_schema(
        summary="List who has used a code", responses=shapes.UsageRowSerializer(many=True)
    )
)
class CodeUsageViewSet(CommerceView):
    """Uses of a code, the latest first."""

    row_serializer = serializer_class = shapes.UsageRowSerializer
    orderings = {"used_on": ("used_on", "id"), "-used_on": ("-used_on", "-id")}
    default_ordering = "-used_on"
    access = {"list": EDITOR}

    def get_queryset(self) -> QuerySet[DiscountCodeUsage]:
        """Return the uses of the code that the address names.

        :raises NotFound: there is no such code.
        """
        if getattr(self, "swagger_fake_view", False):
            return DiscountCodeUsage.objects.none()
        code_id = cast(UUID, self.kwargs.get("code_id"))
        if not DiscountCode.objects.filter(id=code_id).exists():
            raise NotFound
        return DiscountCodeUsage.objects.filter(code_id=code_id)

    def list(self, request: TenantRequest, code_id: UUID) -> Response:
        """Answer with a page of uses."""
        return self.list_rows(request)


class PromoCodeView(CommerceView):
    """Promo codes, as those who have one use them."""

    serializer_class = shapes.RedeemSerializer
    access = {"redeem": SIGNED_IN}

    @extend_schema(
        summary="Redeem a promo code",
        description="What it gives goes into the caller's wallet of its currency.",
        request=shapes.RedeemSerializer,
        responses={201: shapes.RedeemedSerializer},
    )
    def redeem(self, request: TenantRequest) -> Response:
        """Put what a promo code gives into the caller's wallet."""
        values = self.body(shapes.RedeemSerializer)
        redeemed = discounts.redeem(
            code=values["code"],
            user_id=self.viewer.buyer_id,
            redeemed_at=self.now,
            created_by_id=self.viewer.keycloak_id,
        )
        return Response(asdict(redeemed), status=201)
