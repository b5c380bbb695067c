"""The plain reference's one address, with the serializers and the viewset behind it."""

from typing import Any
from uuid import UUID

from django.urls import path
from rest_framework import serializers
from rest_framework.pagination import CursorPagination
from rest_framework.viewsets import ModelViewSet

from benchmarks.plain.models import Profile, ProfileImage


class ImageSerializer(serializers.ModelSerializer):
    """An image."""

    class Meta:
        model = ProfileImage
        fields = ["id", "image_type", "url", "created_on"]


class ProfileSerializer(serializers.ModelSerializer):
    """A profile, with the same fields as Quintet's."""

    follower_count = serializers.IntegerField(source="counters.follower_count")
    following_count = serializers.IntegerField(source="counters.following_count")
    tag_ids = serializers.SerializerMethodField()
    images = ImageSerializer(many=True)

    class Meta:
        model = Profile
        fields = [
            "id", "profile_type", "keycloak_id", "display_name", "first_name", "last_name", "bio",
            "company_name", "title", "status", "display_weight", "store_code", "parent_group_id",
            "owner_id", "is_approved", "meta_data", "created_on", "updated_at", "is_deleted",
            "follower_count", "following_count", "tag_ids", "images",
        ]  # fmt: skip

    def get_tag_ids(self, profile: Any) -> list[UUID]:
        """Return the ids out of what was prefetched."""
        return [tag.tag_id for tag in profile.profile_tags.all()]


class Pages(CursorPagination):
    """Fifty to a page, by weight."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = ("-display_weight", "-id")


class ProfileViewSet(ModelViewSet):
    """Profiles: three queries for a page."""

    queryset = (
        Profile.objects.filter(is_deleted=False)
        .select_related("counters")
        .prefetch_related("profile_tags", "images")
    )
    serializer_class = ProfileSerializer
    pagination_class = Pages
    filterset_fields = ["profile_type"]


urlpatterns = [path("api/v1/profiles", ProfileViewSet.as_view({"get": "list"}))]
