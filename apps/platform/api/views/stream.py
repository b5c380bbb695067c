"""The REST side of the live stream: tickets for browsers."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.platform.ports import tickets
from apps.tenancy.api.permissions import SIGNED_IN
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.api.views import PlatformView


class StreamTicketSerializer(serializers.Serializer):
    """A ticket for the live stream."""

    ticket = serializers.CharField(read_only=True, help_text="For `?ticket=`; it opens one stream.")
    expires_in = serializers.IntegerField(read_only=True, help_text="Seconds.")


class StreamTicketView(PlatformView):
    """Tickets for the live stream; nothing is written in a database."""

    context = "platform"
    access = {"create": SIGNED_IN}
    serializer_class = StreamTicketSerializer

    @extend_schema(
        summary="Get a ticket for the live stream",
        description=(
            "A browser's EventSource sends no header: it opens "
            "`GET /api/v1/stream?ticket=…&last_event_id=…`. The ticket is good once, for 30 seconds and "
            "for this tenant; the stream ends when the token does that this request was sent with. "
            "Whoever can send a header opens the stream with `Authorization` and needs no ticket."
        ),
        request=None,
        responses={201: StreamTicketSerializer},
    )
    def create(self, request: TenantRequest) -> Response:
        """Give the caller a ticket."""
        holder = tickets.Holder(
            person_id=request.user.id,
            account_id=request.user.account_id,
            issuer=request.user.issuer,
            expires_at=float(request.auth["exp"]),  # type: ignore[index]
        )
        ticket = tickets.issue(tenant_id=request.tenant.id, slug=request.tenant.slug, holder=holder)
        return Response(
            {"ticket": ticket, "expires_in": tickets.LIFETIME_SECONDS},
            status=201,
            headers={"Cache-Control": "no-store"},
        )
