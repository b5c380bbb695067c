"""The subscriptions API: of the people who have them, and of those who look after them."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce.api.filters.subscriptions import SubscriptionFilter
from apps.commerce.api.serializers import subscriptions as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.api.views.paying import PayingView
from apps.commerce.models import Subscription, SubscriptionPeriod
from apps.commerce.operations import subscriptions
from apps.commerce.queries import Viewer
from apps.kernel.errors import Forbidden, NotFound
from apps.tenancy.api.permissions import SIGNED_IN
from apps.tenancy.api.requests import TenantRequest

# Where there is no address, as when the API is described.
_NOBODY = UUID(int=0)


class NotYours(Forbidden):
    """What costs somebody money is theirs to ask for."""

    slug = "not-yours"
    title = "Only the subscriber can do this."


class RefundByStaff(Forbidden):
    """A refund is given, and not taken."""

    slug = "refund-by-staff"
    title = "Only the tenant's staff can refund."


def seen_by(viewer: Viewer) -> QuerySet[Subscription]:
    """Return a caller's own subscriptions; to those who support buyers all."""
    if viewer.is_support:
        return Subscription.objects.all()
    return Subscription.objects.filter(user_id__in=viewer.profile_ids)


@extend_schema_view(
    list=extend_schema(
        summary="List subscriptions",
        description="The caller's own; to those who support buyers all of them.",
        responses=shapes.SubscriptionRowSerializer(many=True),
    ),
    retrieve=extend_schema(
        summary="Read a subscription", responses=shapes.SubscriptionRowSerializer
    ),
    create=extend_schema(
        summary="Subscribe to a plan",
        description=(
            "The trial comes first, if the plan has one and the caller never had it. Else the first "
            "period is paid now: from the wallet at once, 409 where there is less in it; by another "
            "provider it is INCOMPLETE until the payment has succeeded. While it is, the same request "
            "tries again; after a day it is EXPIRED."
        ),
        request=shapes.SubscriptionBody,
        responses={201: shapes.SubscriptionPaidSerializer},
    ),
)
class SubscriptionViewSet(PayingView):
    """Who has which plan."""

    row_serializer = serializer_class = shapes.SubscriptionRowSerializer
    filterset_class = SubscriptionFilter
    access = dict.fromkeys(
        ("list", "retrieve", "create", "cancel", "resume", "change_plan", "pay"), SIGNED_IN
    )

    def get_queryset(self) -> QuerySet[Subscription]:
        """Return the subscriptions that the caller sees."""
        return seen_by(self.viewer)

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of subscriptions."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, subscription_id: UUID) -> Response:
        """Answer with a subscription."""
        return self.show(request, id=subscription_id)

    def create(self, request: TenantRequest) -> None:
        """Subscribe."""
        subscribed = subscriptions.subscribe(
            **self.body(shapes.SubscriptionBody),
            user_id=self.viewer.buyer_id,
            subscribed_at=self.now,
            created_by_id=self.viewer.keycloak_id,
        )
        self._pay_for(subscribed.subscription.id, subscribed.payment_id, status=201)

    @extend_schema(
        summary="Cancel a subscription",
        description=(
            "At once, with what it entitles to, or when the present period ends, until when it can be "
            "taken back. What isn't paid ends at once in any case."
        ),
        request=shapes.CancelBody,
        responses=shapes.SubscriptionRowSerializer,
    )
    def cancel(self, request: TenantRequest, subscription_id: UUID) -> Response:
        """Cancel."""
        self._check_seen(subscription_id)
        values = self.body(shapes.CancelBody)
        is_refunded = values["refund"] == "prorated"
        if is_refunded and not self.viewer.is_support:
            raise RefundByStaff("Ask the support for it.")
        subscriptions.cancel_subscription(
            subscription_id=subscription_id,
            cancelled_at=self.now,
            at_period_end=values["at_period_end"],
            is_refunded=is_refunded,
            created_by_id=self.viewer.keycloak_id,
        )
        return self.show(request, id=subscription_id)

    @extend_schema(
        summary="Take back a cancellation",
        description="Of one that goes on until its present period ends; for its subscriber alone.",
        request=None,
        responses=shapes.SubscriptionRowSerializer,
    )
    def resume(self, request: TenantRequest, subscription_id: UUID) -> Response:
        """Resume."""
        self._check_own(subscription_id)
        subscriptions.resume_subscription(subscription_id=subscription_id, resumed_at=self.now)
        return self.show(request, id=subscription_id)

    @extend_schema(
        summary="Change the plan",
        description=(
            "A period of the new plan begins now. What the present one's price has left is credited "
            "to it; the rest is charged now, and what is left of the credit is taken off the periods "
            "that follow. On trial, the trial goes on and nothing is charged."
        ),
        request=shapes.ChangePlanBody,
        responses=shapes.SubscriptionPaidSerializer,
    )
    def change_plan(self, request: TenantRequest, subscription_id: UUID) -> None:
        """Change the plan."""
        self._check_own(subscription_id)
        changed = subscriptions.change_plan(
            **self.body(shapes.ChangePlanBody),
            subscription_id=subscription_id,
            changed_at=self.now,
            created_by_id=self.viewer.keycloak_id,
        )
        self._pay_for(subscription_id, changed.payment_id, status=200)

    @extend_schema(
        summary="Pay what is past due",
        request=None,
        responses=shapes.SubscriptionPaidSerializer,
    )
    def pay(self, request: TenantRequest, subscription_id: UUID) -> None:
        """Pay now."""
        self._check_own(subscription_id)
        payment_id = subscriptions.request_payment(
            subscription_id=subscription_id,
            requested_at=self.now,
            created_by_id=self.viewer.keycloak_id,
        )
        self._pay_for(subscription_id, payment_id, status=200)

    def _pay_for(self, subscription_id: UUID, payment_id: UUID | None, *, status: int) -> None:
        self.shown_id, self.payment_id = subscription_id, payment_id
        self.paid_status = status  # type: ignore[misc]

    def _check_seen(self, subscription_id: UUID) -> UUID:
        rows = self.get_queryset().filter(id=subscription_id)
        user_id = rows.values_list("user_id", flat=True).first()
        if user_id is None:
            raise NotFound
        return user_id

    def _check_own(self, subscription_id: UUID) -> None:
        if not self.viewer.is_person(self._check_seen(subscription_id)):
            raise NotYours("It is another person's, and so is the money.")


@extend_schema_view(
    list=extend_schema(
        summary="List the periods of a subscription",
        description="In order, the trial as number 0.",
        responses=shapes.PeriodRowSerializer(many=True),
    )
)
class PeriodViewSet(CommerceView):
    """The periods of one subscription."""

    row_serializer = serializer_class = shapes.PeriodRowSerializer
    orderings = {"number": ("number",), "-number": ("-number",)}
    default_ordering = "number"
    access = {"list": SIGNED_IN}

    def get_queryset(self) -> QuerySet[SubscriptionPeriod]:
        """Return the periods of the subscription."""
        return SubscriptionPeriod.objects.filter(
            subscription_id=self.kwargs.get("subscription_id", _NOBODY)
        )

    def list(self, request: TenantRequest, subscription_id: UUID) -> Response:
        """Answer with a page of periods."""
        if not seen_by(self.viewer).filter(id=subscription_id).exists():
            raise NotFound
        return self.list_rows(request)
