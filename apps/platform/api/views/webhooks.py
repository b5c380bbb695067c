"""The webhooks API: a tenant's admins say which servers are told of what."""

from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.kernel.errors import Invalid, NotFound
from apps.platform.api.serializers import webhooks as shapes
from apps.platform.models import (
    DeliveryState,
    EndpointState,
    IdempotencyKey,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookProgress,
)
from apps.platform.operations import webhooks
from apps.platform.ports import outbound_http
from apps.tenancy import sealing
from apps.tenancy.api.permissions import ADMIN
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.api.views import ContextView

_KEPT_REPLIES = "quintet kept replies with secrets"


class WebhookFilter(filters.FilterSet):
    """`?state=`."""

    state = filters.ChoiceFilter(choices=EndpointState.choices)

    class Meta:
        model = WebhookEndpoint
        fields: list[str] = []


class DeliveryFilter(filters.FilterSet):
    """`?after_sequence=`, `?state=`, `?kind=`."""

    after_sequence = filters.NumberFilter(
        field_name="sequence",
        lookup_expr="gt",
        min_value=0,
        max_value=shapes.LARGEST_SEQUENCE,
        decimal_places=0,
        help_text="Those behind this number: a consumer that has this one goes on from here.",
    )
    state = filters.ChoiceFilter(choices=DeliveryState.choices)
    kind = filters.CharFilter(max_length=100)

    class Meta:
        model = WebhookDelivery
        fields: list[str] = []


class WebhooksView(ContextView):
    """What all views of webhooks have in common."""

    context = "platform"
    idempotency_model = IdempotencyKey


@extend_schema_view(
    list=extend_schema(summary="List webhooks", responses=shapes.WebhookRowSerializer(many=True)),
    retrieve=extend_schema(summary="Read a webhook", responses=shapes.WebhookRowSerializer),
    create=extend_schema(
        summary="Add a webhook",
        description="The reply holds the secret, which no later one shows.",
        request=shapes.WebhookBody,
        responses={201: shapes.WebhookWithSecretSerializer},
    ),
    partial_update=extend_schema(
        summary="Change a webhook",
        description="What waits for it goes to the new address.",
        request=shapes.WebhookBody,
        responses=shapes.WebhookRowSerializer,
    ),
    destroy=extend_schema(summary="Remove a webhook", responses={204: None}),
)
class WebhookViewSet(WebhooksView):
    """A tenant's endpoints."""

    row_serializer = serializer_class = shapes.WebhookRowSerializer
    filterset_class = WebhookFilter
    access = {
        "list": ADMIN,
        "retrieve": ADMIN,
        "create": ADMIN,
        "partial_update": ADMIN,
        "destroy": ADMIN,
        "pause": ADMIN,
        "resume": ADMIN,
        "rotate_secret": ADMIN,
        "test": ADMIN,
        "replay": ADMIN,
        "progress": ADMIN,
    }

    def initial(self, request: TenantRequest, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Refuse who may not, and a URL that leads inside: a look-up must not hold a transaction.

        :raises Invalid: the name leads to no public address.
        """
        super().initial(request, *args, **kwargs)
        if self.action not in {"create", "partial_update"} or not isinstance(request.data, dict):
            return
        url = request.data.get("url")
        if not isinstance(url, str) or outbound_http.fault_of_url(url):
            # The body is judged as a whole, inside.
            return
        if fault := outbound_http.fault_of_place(url):
            raise Invalid(fields={"url": [fault]})

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        """Return the endpoints that were not removed."""
        return WebhookEndpoint.objects.filter(deleted_at=None)

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of endpoints."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, webhook_id: UUID) -> Response:
        """Answer with an endpoint."""
        return self.show(request, id=webhook_id)

    def create(self, request: TenantRequest) -> Response:
        """Add an endpoint."""
        values = self.body(shapes.WebhookBody)
        endpoint, secret = webhooks.add_endpoint(**values, added_at=timezone.now())
        return self._with_secret(self.show(request, status=201, id=endpoint.id), secret)

    def partial_update(self, request: TenantRequest, webhook_id: UUID) -> Response:
        """Change an endpoint."""
        self.check_match(request, id=webhook_id)
        values = self.body(shapes.WebhookBody, partial=True)
        webhooks.change_endpoint(endpoint_id=webhook_id, changes=values, changed_at=timezone.now())
        return self.show(request, id=webhook_id)

    def destroy(self, request: TenantRequest, webhook_id: UUID) -> Response:
        """Remove an endpoint."""
        self.check_match(request, id=webhook_id)
        webhooks.remove_endpoint(endpoint_id=webhook_id, removed_at=timezone.now())
        return Response(status=204)

    @extend_schema(
        summary="Pause a webhook",
        description="Messages are queued meanwhile, and kept for 7 days. Pausing again changes nothing.",
        request=None,
        responses=shapes.WebhookRowSerializer,
    )
    def pause(self, request: TenantRequest, webhook_id: UUID) -> Response:
        """Pause an endpoint."""
        webhooks.pause_endpoint(
            endpoint_id=webhook_id, paused_at=timezone.now(), because="An admin paused it."
        )
        return self.show(request, id=webhook_id)

    @extend_schema(
        summary="Resume a webhook",
        description="What waits is sent. One that is active, but failing, is tried at once.",
        request=None,
        responses=shapes.WebhookRowSerializer,
    )
    def resume(self, request: TenantRequest, webhook_id: UUID) -> Response:
        """Resume an endpoint."""
        webhooks.resume_endpoint(endpoint_id=webhook_id, resumed_at=timezone.now())
        return self.show(request, id=webhook_id)

    @extend_schema(
        summary="Change the secret of a webhook",
        description="The reply holds the new secret. Deliveries carry signatures of both for 24 hours.",
        request=shapes.WebhookRotateBody,
        responses=shapes.WebhookWithSecretSerializer,
    )
    def rotate_secret(self, request: TenantRequest, webhook_id: UUID) -> Response:
        """Change the secret."""
        values = self.body(shapes.WebhookRotateBody)
        endpoint, secret = webhooks.rotate_secret(
            endpoint_id=webhook_id,
            rotated_at=timezone.now(),
            revoke_former=values["revoke_former"],
        )
        return self._with_secret(self.show(request, id=endpoint.id), secret)

    @extend_schema(
        summary="Try a webhook",
        description="Sends a message of the kind `webhooks.ping`. What came of it is in the delivery.",
        request=None,
        responses={202: shapes.DeliveryRowSerializer},
    )
    def test(self, request: TenantRequest, webhook_id: UUID) -> Response:
        """Have an endpoint pinged."""
        delivery = webhooks.queue_ping(endpoint_id=webhook_id, asked_at=timezone.now())
        names = shapes.DeliveryRowSerializer.Meta.fields
        [row] = WebhookDelivery.objects.filter(id=delivery.id).values(*names)
        return Response(row, status=202)

    @extend_schema(
        summary="Send deliveries again",
        description="They keep their ids, bodies and numbers, so that a consumer knows them.",
        request=shapes.WebhookReplayBody,
        responses={202: shapes.WebhookReplaySerializer},
    )
    def replay(self, request: TenantRequest, webhook_id: UUID) -> Response:
        """Send deliveries again."""
        values = self.body(shapes.WebhookReplayBody)
        count = webhooks.replay_deliveries(
            endpoint_id=webhook_id, asked_at=timezone.now(), **values
        )
        return Response({"replayed": count}, status=202)

    @extend_schema(summary="Read how far a webhook is", responses=shapes.WebhookProgressSerializer)
    def progress(self, request: TenantRequest, webhook_id: UUID) -> Response:
        """Answer with counts and times."""
        row = (
            WebhookProgress.objects.filter(endpoint_id=webhook_id, endpoint__deleted_at=None)
            .values("last_sequence", "failures", "failing_since", "held_until")
            .first()
        )
        if row is None:
            raise NotFound
        counts = WebhookDelivery.objects.filter(endpoint_id=webhook_id).aggregate(
            pending=Count("id", filter=Q(state=DeliveryState.PENDING)),
            failed=Count("id", filter=Q(state=DeliveryState.FAILED)),
        )
        return Response({**row, **counts})

    # A reply that is kept to be given again for its Idempotency-Key is sealed: it may hold a secret.

    def kept_form(self, content: bytes) -> bytes:
        """Return a reply as it is kept."""
        return sealing.seal(content.decode(), purpose=_KEPT_REPLIES).encode()

    def shown_form(self, kept: bytes) -> bytes:
        """Return a kept reply as it was first given."""
        return sealing.unseal(kept.decode(), purpose=_KEPT_REPLIES).encode()

    def _with_secret(self, response: Response, secret: str) -> Response:
        response.data = {**response.data, "secret": secret}
        return response


@extend_schema_view(
    list=extend_schema(
        summary="List deliveries of a webhook",
        description=(
            "In the order of their numbers, which have no gap: whoever reads on from the last number "
            "they have misses nothing."
        ),
        responses=shapes.DeliveryRowSerializer(many=True),
    ),
    retrieve=extend_schema(summary="Read a delivery", responses=shapes.DeliveryRowSerializer),
)
class DeliveryViewSet(WebhooksView):
    """What one endpoint was sent."""

    row_serializer = serializer_class = shapes.DeliveryRowSerializer
    filterset_class = DeliveryFilter
    orderings = {"sequence": ("sequence",), "-sequence": ("-sequence",)}
    default_ordering = "sequence"
    access = {"list": ADMIN, "retrieve": ADMIN}

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        """Return the deliveries of the endpoint, if it was not removed."""
        return WebhookDelivery.objects.filter(
            endpoint_id=self.kwargs.get("webhook_id"), endpoint__deleted_at=None
        )

    def list(self, request: TenantRequest, webhook_id: UUID) -> Response:
        """Answer with a page of deliveries."""
        if not WebhookEndpoint.objects.filter(id=webhook_id, deleted_at=None).exists():
            raise NotFound
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, webhook_id: UUID, delivery_id: UUID) -> Response:
        """Answer with a delivery."""
        return self.show(request, id=delivery_id)
