"""Addresses of the platform context, under /api/v1/."""

from django.urls import path

from apps.platform.api import notification_urls, social_urls
from apps.platform.api.views.flags import FlagViewSet
from apps.platform.api.views.search import SearchViewSet
from apps.platform.api.views.stream import StreamTicketView
from apps.platform.api.views.tags import TagViewSet
from apps.platform.api.views.webhooks import DeliveryViewSet, WebhookViewSet

urlpatterns = [
    *social_urls.urlpatterns,
    *notification_urls.urlpatterns,
    path("flags", FlagViewSet.as_view({"get": "list"}), name="flags"),
    path(
        "flags/<str:flag_key>",
        FlagViewSet.as_view({"put": "update", "delete": "destroy"}),
        name="flag",
    ),
    path("search", SearchViewSet.as_view({"get": "list"}), name="search"),
    path("tags", TagViewSet.as_view({"get": "list", "post": "create"}), name="tags"),
    path(
        "tags/<uuid:tag_id>",
        TagViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="tag",
    ),
    path("tags/<uuid:tag_id>/merge", TagViewSet.as_view({"post": "merge"}), name="tag-merge"),
    path("stream/tickets", StreamTicketView.as_view({"post": "create"}), name="stream-tickets"),
    path("webhooks", WebhookViewSet.as_view({"get": "list", "post": "create"}), name="webhooks"),
    path(
        "webhooks/<uuid:webhook_id>",
        WebhookViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="webhook",
    ),
    *(
        path(
            f"webhooks/<uuid:webhook_id>/{action.replace('_', '-')}",
            WebhookViewSet.as_view({method: action}),
            name=f"webhook-{action.replace('_', '-')}",
        )
        for method, action in (
            ("post", "pause"),
            ("post", "resume"),
            ("post", "rotate_secret"),
            ("post", "test"),
            ("post", "replay"),
            ("get", "progress"),
        )
    ),
    path(
        "webhooks/<uuid:webhook_id>/deliveries",
        DeliveryViewSet.as_view({"get": "list"}),
        name="webhook-deliveries",
    ),
    path(
        "webhooks/<uuid:webhook_id>/deliveries/<uuid:delivery_id>",
        DeliveryViewSet.as_view({"get": "retrieve"}),
        name="webhook-delivery",
    ),
]
