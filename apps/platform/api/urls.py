"""Addresses of the platform context, under /api/v1/."""

from django.urls import path

from apps.platform.api.views import TagViewSet

urlpatterns = [
    path("tags", TagViewSet.as_view({"get": "list", "post": "create"}), name="tags"),
    path(
        "tags/<uuid:tag_id>",
        TagViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="tag",
    ),
    path("tags/<uuid:tag_id>/merge", TagViewSet.as_view({"post": "merge"}), name="tag-merge"),
]
