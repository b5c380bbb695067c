"""The API of the test clock: a tenant's commerce in fast motion."""

from collections.abc import Callable

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from apps.commerce.api.serializers import subscriptions as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.models import TestClock
from apps.commerce.operations import clock
from apps.tenancy.api.permissions import ADMIN
from apps.tenancy.api.requests import TenantRequest


class ClockViewSet(CommerceView):
    """The tenant's test clock."""

    row_serializer = serializer_class = shapes.ClockRowSerializer
    # Moving to a time twice is moving there once: it needs no key.
    idempotency_model = None  # type: ignore[assignment]
    access = {"retrieve": ADMIN, "update": ADMIN, "destroy": ADMIN, "advance": ADMIN}

    def perform(self, request: TenantRequest, handler: Callable[..., Response]) -> Response:
        """Advance before the unit of work that shows the clock: each step is one of its own."""
        if self.action == "advance":
            clock.advance_clock(tenant=request.tenant, to=self.body(shapes.AdvanceBody)["to"])
        return super().perform(request, handler)

    def get_queryset(self) -> QuerySet[TestClock]:
        """Return the clock."""
        return TestClock.objects.all()

    @extend_schema(
        summary="Read the test clock",
        description="404 where there is none: it is the time that it is for everybody.",
        responses=shapes.ClockRowSerializer,
    )
    def retrieve(self, request: TenantRequest) -> Response:
        """Answer with the clock."""
        return self.show(request)

    @extend_schema(
        summary="Give commerce a clock of its own",
        description=(
            "It stands until it is advanced, and nothing falls due by itself. Only where the flag "
            "`commerce.test_clock` is on. The same again changes nothing."
        ),
        request=shapes.ClockBody,
        responses=shapes.ClockRowSerializer,
    )
    def update(self, request: TenantRequest) -> Response:
        """Set the clock."""
        clock.set_clock(time=self.body(shapes.ClockBody)["time"], set_at=timezone.now())
        return self.show(request)

    @extend_schema(
        summary="Go back to the time that it is for everybody",
        description="What has happened by the clock stays, and so do times that lie ahead.",
        responses={204: None},
    )
    def destroy(self, request: TenantRequest) -> Response:
        """Delete the clock."""
        clock.delete_clock(deleted_at=timezone.now())
        return Response(status=204)

    @extend_schema(
        summary="Advance the test clock",
        description=(
            "What falls due until then happens in order, each thing at its own time: purchases "
            "expire, subscriptions are renewed, charged again, and end. The reply comes when all of "
            "it is done. 409 while somebody else advances it; one that was stopped goes on when the "
            "same is asked again."
        ),
        request=shapes.AdvanceBody,
        responses=shapes.ClockRowSerializer,
    )
    def advance(self, request: TenantRequest) -> Response:
        """Answer with the clock, which has arrived."""
        return self.show(request)
