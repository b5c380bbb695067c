"""What providers tell by themselves comes in here: signed, as a raw body, without a token."""

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.commerce.api.serializers.payments import ReceivedSerializer
from apps.commerce.models import Provider
from apps.commerce.operations.payments import events
from apps.kernel.errors import BodyTooLarge
from apps.tenancy.api.permissions import PUBLIC
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.api.views import PlatformView

SIGNATURE = OpenApiParameter(
    "Stripe-Signature",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description="As Stripe signs its events.",
)


class StripeEventsView(PlatformView):
    """Events of Stripe. Bound by the operation: first to read the tenant's secrets, then to keep the event."""

    serializer_class = ReceivedSerializer
    access = {"create": PUBLIC}

    @extend_schema(
        summary="Take an event of Stripe's",
        description=(
            "Give this address to Stripe as the webhook endpoint of the tenant. An event is kept once, "
            "however often it comes, and worked off after it was answered."
        ),
        parameters=[SIGNATURE],
        request=OpenApiTypes.OBJECT,
        responses=ReceivedSerializer,
    )
    def create(self, request: TenantRequest) -> Response:
        """Keep an event.

        :raises BodyTooLarge: it is larger than this server takes.
        """
        try:
            # As it came: what is signed is bytes.
            body = request._request.body
        except RequestDataTooBig as error:
            raise BodyTooLarge(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) from error
        events.receive_event(
            tenant=request.tenant,
            provider=Provider.STRIPE,
            body=body,
            headers=request.headers,
            received_at=timezone.now(),
        )
        return Response({"received": True})
