"""The purchases API: checking out, and what becomes of it."""

from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce import queries
from apps.commerce.api.filters.purchases import PurchaseFilter
from apps.commerce.api.serializers import purchases as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.api.views.paying import PayingView
from apps.commerce.models import Purchase, PurchaseRecipient, PurchaseTransition
from apps.commerce.operations import purchases
from apps.commerce.operations.purchases.checkout import Wishes
from apps.commerce.operations.purchases.recipients import Recipient
from apps.tenancy.api.permissions import SIGNED_IN, SUPPORT, caller_id
from apps.tenancy.api.requests import TenantRequest


@extend_schema_view(
    list=extend_schema(
        summary="List purchases",
        description="Your own; to support, everybody's. Carts are not among them.",
        responses=shapes.PurchaseRowSerializer(many=True),
    ),
    create=extend_schema(
        summary="Check a cart out",
        description=(
            "Prices are fixed, stock is set aside, and the code is used up. With `wallet` it is paid at "
            "once, or held to be captured `later`. With another provider it waits until `expires_at` for "
            "the `payment` of the reply to succeed. Checking out once more with the same provider gives "
            "the same purchase and payment."
        ),
        request=shapes.CheckoutBodySerializer,
        responses={201: shapes.CheckedOutSerializer},
    ),
    retrieve=extend_schema(summary="Read a purchase", responses=shapes.PurchaseRowSerializer),
)
class PurchaseViewSet(PayingView):
    """Purchases, and checking carts out."""

    row_serializer = serializer_class = shapes.PurchaseRowSerializer
    filterset_class = PurchaseFilter
    orderings = {"-id": ("-id",), "id": ("id",)}
    access = {"list": SIGNED_IN, "create": SIGNED_IN, "retrieve": SIGNED_IN}

    def get_queryset(self) -> QuerySet[Purchase]:
        """Return the purchases that the caller can see."""
        return queries.purchases.purchases(viewer=self.viewer)

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of purchases."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, purchase_id: UUID) -> Response:
        """Answer with one purchase."""
        return self.show(request, id=purchase_id)

    def create(self, request: TenantRequest) -> None:
        """Check a cart out; the provider is asked afterwards."""
        values = self.body(shapes.CheckoutBodySerializer)
        checked_out = purchases.check_out(
            cart_id=values["cart_id"],
            user_id=self.viewer.buyer_id,
            wishes=_wishes(values),
            checked_out_at=self.now,
            created_by_id=caller_id(request),
        )
        self.shown_id = checked_out.purchase.id
        self.payment_id = checked_out.payment.id if checked_out.payment else None


class StepViewSet(CommerceView):
    """What is done with purchases."""

    row_serializer = serializer_class = shapes.PurchaseRowSerializer
    access = {"cancel": SIGNED_IN, "capture": SUPPORT, "void": SUPPORT}

    def get_queryset(self) -> QuerySet[Purchase]:
        """Return the purchases that the caller can see."""
        return queries.purchases.purchases(viewer=self.viewer)

    @extend_schema(
        summary="Cancel a purchase",
        description=(
            "While it waits for its payment; for its buyer and support. What is set aside is free again. "
            "A payment that succeeds all the same completes it, or is refunded. Cancelling again "
            "changes nothing."
        ),
        request=None,
        responses=shapes.PurchaseRowSerializer,
    )
    def cancel(self, request: TenantRequest, purchase_id: UUID) -> Response:
        """Cancel a purchase."""
        self._check(request, purchase_id)
        purchases.cancel_purchase(
            purchase_id=purchase_id, cancelled_at=self.now, created_by_id=caller_id(request)
        )
        return self.show(request, id=purchase_id)

    @extend_schema(
        summary="Capture a purchase",
        description="Takes what a wallet holds for it, or a part: the rest goes back. For support.",
        request=shapes.CaptureBodySerializer,
        responses=shapes.PurchaseRowSerializer,
    )
    def capture(self, request: TenantRequest, purchase_id: UUID) -> Response:
        """Capture a purchase."""
        self._check(request, purchase_id)
        values = self.body(shapes.CaptureBodySerializer)
        purchases.capture_purchase(
            purchase_id=purchase_id,
            amount=values.get("amount"),
            captured_at=self.now,
            created_by_id=caller_id(request),
        )
        return self.show(request, id=purchase_id)

    @extend_schema(
        summary="Take back a purchase that cost nothing",
        description="What was paid for is refunded instead. For support.",
        request=None,
        responses=shapes.PurchaseRowSerializer,
    )
    def void(self, request: TenantRequest, purchase_id: UUID) -> Response:
        """Take back a purchase that cost nothing."""
        self._check(request, purchase_id)
        purchases.void_purchase(purchase_id=purchase_id, voided_at=self.now)
        return self.show(request, id=purchase_id)

    def _check(self, request: TenantRequest, purchase_id: UUID) -> None:
        """Refuse what the caller can't see, before its row is held."""
        queries.purchases.open_purchase(purchase_id=purchase_id, viewer=self.viewer)
        self.check_match(request, id=purchase_id)


class OfPurchaseView(CommerceView):
    """A view of what belongs to a purchase."""

    @property
    def named_purchase_id(self) -> UUID:
        """The purchase that the address names."""
        return cast(UUID, self.kwargs.get("purchase_id"))


@extend_schema_view(
    list=extend_schema(
        summary="List the steps a purchase has taken",
        responses=shapes.TransitionRowSerializer(many=True),
    )
)
class TransitionViewSet(OfPurchaseView):
    """Each state that a purchase came from, and into."""

    row_serializer = serializer_class = shapes.TransitionRowSerializer
    orderings = {"occurred_at": ("occurred_at", "id"), "-occurred_at": ("-occurred_at", "-id")}
    default_ordering = "occurred_at"
    access = {"list": SIGNED_IN}

    def get_queryset(self) -> QuerySet[PurchaseTransition]:
        """Return the steps of the purchase."""
        return queries.purchases.transitions(purchase_id=self.named_purchase_id)

    def list(self, request: TenantRequest, purchase_id: UUID) -> Response:
        """Answer with a page of steps."""
        queries.purchases.open_purchase(purchase_id=purchase_id, viewer=self.viewer)
        return self.list_rows(request)


@extend_schema_view(
    list=extend_schema(
        summary="List for whom a purchase is",
        description="For its buyer and support; looks by support are logged.",
        responses=shapes.RecipientRowSerializer(many=True),
    )
)
class RecipientViewSet(OfPurchaseView):
    """For whom a purchase is."""

    row_serializer = serializer_class = shapes.RecipientRowSerializer
    orderings = {"id": ("id",)}
    default_ordering = "id"
    access = {"list": SIGNED_IN}
    is_buyer = False

    def get_queryset(self) -> QuerySet[PurchaseRecipient]:
        """Return the recipients of the purchase."""
        return queries.purchases.recipients(purchase_id=self.named_purchase_id)

    def list(self, request: TenantRequest, purchase_id: UUID) -> Response:
        """Answer with a page of recipients."""
        purchase = queries.purchases.open_purchase(purchase_id=purchase_id, viewer=self.viewer)
        self.is_buyer = self.viewer.is_person(purchase.user_id)
        return self.list_rows(request)


def _wishes(values: dict[str, Any]) -> Wishes:
    return Wishes(
        provider=values["provider"],
        recipients=[Recipient(**each) for each in values.get("recipients", ())],
        expected_total=values.get("expected_total"),
        is_captured_later=values["capture"] == "later",
    )
