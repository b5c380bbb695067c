"""What hangs on a profile: images, tags, offers, short links, history, privacy, celebrities."""

from typing import ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.kernel.errors import NotFound
from apps.tenancy.api.permissions import PUBLIC, SIGNED_IN
from apps.tenancy.api.requests import TenantRequest
from apps.users import operations, queries
from apps.users.api import bodies, rows
from apps.users.api.viewers import check_may_change, check_may_look_inside, open_profile
from apps.users.api.views.base import UsersView
from apps.users.models import (
    GroupCelebrity,
    Offer,
    OfferType,
    Profile,
    ProfileImage,
    ProfileShortLink,
    ProfileStatusHistory,
)


@extend_schema_view(
    list=extend_schema(
        summary="List a profile's images", responses=rows.ImageRowSerializer(many=True)
    ),
)
class ImageViewSet(UsersView):
    """Images of a profile."""

    row_serializer = serializer_class = rows.ImageRowSerializer
    access = {"list": PUBLIC, "replace": SIGNED_IN}

    def get_queryset(self) -> QuerySet:
        """Return the profile's images; answering a change, the profile."""
        if self.action == "replace":
            return queries.with_counts(queries.profiles_to_open(viewer=self.viewer))
        return ProfileImage.objects.filter(profile_id=self.named_profile_id)

    def list(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Answer with the images."""
        open_profile(request, profile_id=profile_id, shows="images")
        return self.list_rows(request)

    @extend_schema(
        summary="Set a profile's images",
        description="The profile has exactly these afterwards.",
        request=bodies.ImagesSerializer,
        responses=rows.ProfileRowSerializer,
    )
    def replace(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Set the images; answer with the profile."""
        check_may_change(request, profile_id=profile_id)
        values = self.body(bodies.ImagesSerializer)
        operations.set_images(
            profile_id=profile_id, images=values["images"], created_on=timezone.now()
        )
        self.row_serializer = rows.ProfileRowSerializer  # type: ignore[misc,assignment]
        return self.show(request, id=profile_id)


class ProfileAnswerView(UsersView):
    """A change to what hangs on a profile, answered with the profile."""

    row_serializer = serializer_class = rows.ProfileRowSerializer

    def get_queryset(self) -> QuerySet[Profile]:
        """Return the profiles that the caller can open."""
        return queries.with_counts(queries.profiles_to_open(viewer=self.viewer))


class TagsViewSet(ProfileAnswerView):
    """Tags of a profile."""

    access = {"replace": SIGNED_IN}

    @extend_schema(
        summary="Set a profile's tags",
        description="The profile has exactly these afterwards.",
        request=bodies.TagIdsSerializer,
        responses=rows.ProfileRowSerializer,
    )
    def replace(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Set the tags."""
        check_may_change(request, profile_id=profile_id)
        values = self.body(bodies.TagIdsSerializer)
        operations.set_tags(profile_id=profile_id, tag_ids=values["tag_ids"])
        return self.show(request, id=profile_id)


@extend_schema_view(
    list=extend_schema(
        summary="List a group's celebrities", responses=rows.ProfileRowSerializer(many=True)
    ),
)
class CelebritiesViewSet(ProfileAnswerView):
    """Celebrities in a group."""

    access = {"list": PUBLIC, "replace": SIGNED_IN}
    orderings = {
        "-display_weight": ("-display_weight", "-id"),
        "display_name": ("display_name", "id"),
    }
    default_ordering = "-display_weight"

    def get_queryset(self) -> QuerySet[Profile]:
        """Return the celebrities of the group; answering a change, the group."""
        if self.action != "list":
            return super().get_queryset()
        members = GroupCelebrity.objects.filter(group_id=self.named_profile_id)
        celebrities = queries.profiles(viewer=self.viewer)
        return queries.with_counts(celebrities.filter(id__in=members.values("celebrity_id")))

    def list(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Answer with the celebrities."""
        open_profile(request, profile_id=profile_id, shows="celebrities")
        return self.list_rows(request)

    @extend_schema(
        summary="Set a group's celebrities",
        description="The group has exactly these afterwards.",
        request=bodies.CelebrityIdsSerializer,
        responses=rows.ProfileRowSerializer,
    )
    def replace(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Set the celebrities."""
        check_may_change(request, profile_id=profile_id)
        values = self.body(bodies.CelebrityIdsSerializer)
        operations.set_group_celebrities(
            group_id=profile_id, celebrity_ids=values["celebrity_ids"], joined_on=timezone.now()
        )
        return self.show(request, id=profile_id)


@extend_schema_view(
    retrieve=extend_schema(
        summary="Read who sees what of a profile",
        description="A field that is not named is public.",
        responses=OpenApiResponse(bodies.PrivacySerializer),
    ),
)
class PrivacyViewSet(UsersView):
    """Who sees which fields of a profile."""

    serializer_class = bodies.PrivacySerializer
    access = {"retrieve": SIGNED_IN, "replace": SIGNED_IN}

    def retrieve(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Answer with the levels."""
        profile = check_may_look_inside(request, profile_id=profile_id, shows="field_privacy")
        return Response(profile.field_privacy)

    @extend_schema(
        summary="Set who sees what of a profile",
        request=bodies.PrivacySerializer,
        responses=OpenApiResponse(bodies.PrivacySerializer),
    )
    def replace(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Set the levels."""
        check_may_change(request, profile_id=profile_id)
        values = self.body(bodies.PrivacySerializer)
        profile = operations.set_privacy(
            profile_id=profile_id, privacy=values, updated_at=timezone.now()
        )
        return Response(profile.field_privacy)


@extend_schema_view(
    list=extend_schema(
        summary="List a celebrity's offers", responses=rows.OfferRowSerializer(many=True)
    ),
    destroy=extend_schema(summary="Withdraw an offer", responses={204: None}),
)
class OfferViewSet(UsersView):
    """What a celebrity does for money."""

    row_serializer = serializer_class = rows.OfferRowSerializer
    access = {"list": PUBLIC, "replace": SIGNED_IN, "destroy": SIGNED_IN}

    def get_queryset(self) -> QuerySet[Offer]:
        """Return the celebrity's offers."""
        return Offer.objects.filter(profile_id=self.named_profile_id)

    def list(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Answer with the offers."""
        open_profile(request, profile_id=profile_id, shows="offers")
        return self.list_rows(request)

    @extend_schema(
        summary="Make or change an offer",
        request=bodies.OfferSerializer,
        responses=rows.OfferRowSerializer,
    )
    def replace(self, request: TenantRequest, profile_id: UUID, offer_type: str) -> Response:
        """Make or change an offer."""
        _check_offer_type(offer_type)
        check_may_change(request, profile_id=profile_id)
        offer = operations.set_offer(
            profile_id=profile_id,
            offer_type=offer_type,
            terms=self.body(bodies.OfferSerializer),
            updated_at=timezone.now(),
        )
        return self.show(request, id=offer.id)

    def destroy(self, request: TenantRequest, profile_id: UUID, offer_type: str) -> Response:
        """Withdraw an offer."""
        _check_offer_type(offer_type)
        check_may_change(request, profile_id=profile_id)
        operations.withdraw_offer(profile_id=profile_id, offer_type=offer_type)
        return Response(status=204)


def _check_offer_type(offer_type: str) -> None:
    if offer_type not in OfferType.values:
        raise NotFound


@extend_schema_view(
    list=extend_schema(
        summary="List a profile's short links", responses=rows.ShortLinkRowSerializer(many=True)
    ),
    create=extend_schema(
        summary="Make a short link",
        request=bodies.ShortLinkSerializer,
        responses={201: rows.ShortLinkRowSerializer},
    ),
    destroy=extend_schema(summary="Remove a short link", responses={204: None}),
)
class ShortLinkViewSet(UsersView):
    """Slugs that lead to a profile."""

    row_serializer = serializer_class = rows.ShortLinkRowSerializer
    access = {"list": PUBLIC, "create": SIGNED_IN, "destroy": SIGNED_IN}

    def get_queryset(self) -> QuerySet[ProfileShortLink]:
        """Return the profile's short links."""
        return ProfileShortLink.objects.filter(profile_id=self.named_profile_id)

    def list(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Answer with the short links."""
        open_profile(request, profile_id=profile_id, shows="short_links")
        return self.list_rows(request)

    def create(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Make a short link."""
        check_may_change(request, profile_id=profile_id)
        values = self.body(bodies.ShortLinkSerializer)
        link = operations.create_short_link(
            profile_id=profile_id, slug=values.get("slug", ""), created_on=timezone.now()
        )
        return self.show(request, status=201, id=link.id)

    def location_of(self, request: TenantRequest, row: dict) -> str:
        """Return where the slug is resolved."""
        return f"/api/v1/short-links/{row['slug']}"

    def destroy(self, request: TenantRequest, profile_id: UUID, slug: str) -> Response:
        """Remove a short link."""
        check_may_change(request, profile_id=profile_id)
        operations.delete_short_link(profile_id=profile_id, slug=slug)
        return Response(status=204)


@extend_schema_view(
    retrieve=extend_schema(
        summary="Find the profile behind a short link", responses=rows.ProfileRowSerializer
    ),
)
class SlugViewSet(ProfileAnswerView):
    """Where short links lead."""

    access: ClassVar = {"retrieve": PUBLIC, "go": PUBLIC}

    def retrieve(self, request: TenantRequest, slug: str) -> Response:
        """Answer with the profile."""
        profile_id = queries.profile_id_of_slug(slug=slug, viewer=self.viewer)
        return self.show(request, id=profile_id)

    @extend_schema(
        summary="Follow a short link",
        responses={302: OpenApiResponse(description="The profile is at `Location`.")},
    )
    def go(self, request: TenantRequest, slug: str) -> Response:
        """Redirect to the profile."""
        profile_id = queries.profile_id_of_slug(slug=slug, viewer=self.viewer)
        return Response(status=302, headers={"Location": f"/api/v1/profiles/{profile_id}"})


@extend_schema_view(
    list=extend_schema(
        summary="List the statuses a profile has had",
        responses=rows.StatusRowSerializer(many=True),
    ),
)
class StatusHistoryViewSet(UsersView):
    """The statuses a profile has had; for the person and for staff."""

    row_serializer = serializer_class = rows.StatusRowSerializer
    access = {"list": SIGNED_IN}
    orderings = {"-occurred_on": ("-occurred_on", "-id")}
    default_ordering = "-occurred_on"

    def get_queryset(self) -> QuerySet[ProfileStatusHistory]:
        """Return the profile's history."""
        return ProfileStatusHistory.objects.filter(profile_id=self.named_profile_id)

    def list(self, request: TenantRequest, profile_id: UUID) -> Response:
        """Answer with the history."""
        check_may_look_inside(request, profile_id=profile_id, shows="status_history")
        return self.list_rows(request)
