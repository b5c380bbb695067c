"""The notifications API of staff: the tenant's own wording, and addresses that get nothing more."""

from dataclasses import asdict
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.platform.api.serializers import notifications as shapes
from apps.platform.api.views.base import PlatformContextView
from apps.platform.models import Channel, NotificationTemplate, Suppression
from apps.platform.operations import notifications
from apps.platform.operations.notifications.wording import TEMPLATES
from apps.tenancy.api.permissions import ADMIN, EDITOR
from apps.tenancy.api.requests import TenantRequest


class TemplateFilter(filters.FilterSet):
    """`?template_key=`, `?channel=`, `?locale=`."""

    template_key = filters.CharFilter(max_length=255)
    channel = filters.ChoiceFilter(choices=Channel.choices)
    locale = filters.CharFilter(max_length=35)

    class Meta:
        model = NotificationTemplate
        fields: list[str] = []


@extend_schema_view(
    list=extend_schema(
        summary="List the tenant's own texts", responses=shapes.TemplateRowSerializer(many=True)
    ),
    retrieve=extend_schema(
        summary="Read a text of the tenant's", responses=shapes.TemplateRowSerializer
    ),
    create=extend_schema(
        summary="Give the tenant its own text",
        description="A text that names an unknown variable, or anything that runs, is refused (422).",
        request=shapes.TemplateBody,
        responses={201: shapes.TemplateRowSerializer},
    ),
    partial_update=extend_schema(
        summary="Change a text of the tenant's",
        request=shapes.TemplateBody,
        responses=shapes.TemplateRowSerializer,
    ),
    destroy=extend_schema(summary="Go back to the system's text", responses={204: None}),
)
class TemplateViewSet(PlatformContextView):
    """The tenant's own wording."""

    row_serializer = serializer_class = shapes.TemplateRowSerializer
    filterset_class = TemplateFilter
    access = {
        "list": EDITOR,
        "retrieve": EDITOR,
        "create": EDITOR,
        "partial_update": EDITOR,
        "destroy": EDITOR,
        "system": EDITOR,
        "preview": EDITOR,
    }

    def get_queryset(self) -> QuerySet[NotificationTemplate]:
        """Return the texts."""
        return NotificationTemplate.objects.all()

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of texts."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, template_id: UUID) -> Response:
        """Answer with a text."""
        return self.show(request, id=template_id)

    def create(self, request: TenantRequest) -> Response:
        """Add a text."""
        values = self.body(shapes.TemplateBody)
        template = notifications.create_template(values=values, created_at=timezone.now())
        return self.show(request, status=201, id=template.id)

    def partial_update(self, request: TenantRequest, template_id: UUID) -> Response:
        """Change a text."""
        self.check_match(request, id=template_id)
        changes = self.body(shapes.TemplateBody, partial=True)
        notifications.change_template(
            template_id=template_id, changes=changes, changed_at=timezone.now()
        )
        return self.show(request, id=template_id)

    def destroy(self, request: TenantRequest, template_id: UUID) -> Response:
        """Remove a text."""
        self.check_match(request, id=template_id)
        notifications.remove_template(template_id=template_id)
        return Response(status=204)

    @extend_schema(
        summary="List what texts there are, and their variables",
        responses=shapes.SystemTemplatesSerializer,
    )
    def system(self, request: TenantRequest) -> Response:
        """Answer with every template."""
        rows = [
            {"template_key": each.key, "topic": each.topic, "variables": dict(each.variables)}
            for each in TEMPLATES.values()
        ]
        return Response({"templates": rows})

    @extend_schema(
        summary="Look at a text with sample values",
        request=shapes.TemplateTextBody,
        responses=shapes.PreviewSerializer,
    )
    def preview(self, request: TenantRequest) -> Response:
        """Answer with the text as somebody would read it."""
        values = self.body(shapes.TemplateTextBody)
        text = notifications.preview(
            template_key=values["template_key"],
            channel=values["channel"],
            subject=values["subject"],
            body=values["body_template"],
        )
        return Response(asdict(text))


class SuppressionFilter(filters.FilterSet):
    """`?channel=`."""

    channel = filters.ChoiceFilter(choices=Channel.choices)

    class Meta:
        model = Suppression
        fields: list[str] = []


@extend_schema_view(
    list=extend_schema(
        summary="List addresses that get nothing more",
        responses=shapes.SuppressionRowSerializer(many=True),
    ),
    retrieve=extend_schema(
        summary="Read why an address gets nothing more",
        responses=shapes.SuppressionRowSerializer,
    ),
    destroy=extend_schema(summary="Send to an address again", responses={204: None}),
)
class SuppressionViewSet(PlatformContextView):
    """Addresses that get nothing more."""

    row_serializer = serializer_class = shapes.SuppressionRowSerializer
    filterset_class = SuppressionFilter
    access = {"list": ADMIN, "retrieve": ADMIN, "destroy": ADMIN}

    def get_queryset(self) -> QuerySet[Suppression]:
        """Return the list."""
        return Suppression.objects.all()

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of them."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, suppression_id: UUID) -> Response:
        """Answer with one of them."""
        return self.show(request, id=suppression_id)

    def destroy(self, request: TenantRequest, suppression_id: UUID) -> Response:
        """Take one of them off."""
        notifications.allow_again(suppression_id=suppression_id)
        return Response(status=204)
