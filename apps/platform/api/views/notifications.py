"""The notifications API of people: what they were told, how they want to be told, and where."""

from functools import cached_property
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.kernel.api.filters import BooleanFilter
from apps.platform import queries
from apps.platform.api.serializers import notifications as shapes
from apps.platform.api.views.base import PlatformContextView
from apps.platform.models import (
    Channel,
    ContactPoint,
    Notification,
    NotificationStatus,
    QuietHours,
)
from apps.platform.operations import notifications
from apps.platform.ports import push
from apps.tenancy.api.permissions import SIGNED_IN, caller_id
from apps.tenancy.api.requests import TenantRequest
from apps.users import interface as users


class NotificationFilter(filters.FilterSet):
    """`?unread=`, `?topic=`."""

    unread = BooleanFilter(method="with_unread", help_text="Those not read yet, or those read.")
    topic = filters.CharFilter(max_length=100)

    class Meta:
        model = Notification
        fields: list[str] = []

    def with_unread(
        self, rows: QuerySet[Notification], name: str, value: bool
    ) -> QuerySet[Notification]:
        """Keep what is unread, or what is read."""
        is_read = Q(status=NotificationStatus.READ)
        return rows.filter(~is_read if value else is_read)


class PersonView(PlatformContextView):
    """A view of what is the caller's own."""

    @cached_property
    def settings_id(self) -> UUID:
        """The profile that what the caller sets is kept under, whichever of theirs it is for.

        :raises NoProfile: they have none.
        """
        person_id = caller_id(self.request)
        own = users.profiles_of_person(keycloak_ids={person_id}).get(person_id)
        found = own and (own.fan_id or own.celebrity_id)
        if not found:
            raise queries.NoProfile("Make one first: POST /api/v1/me.")
        return found


@extend_schema_view(
    list=extend_schema(
        summary="List one's own notifications",
        description="What the caller's profiles were told in the app, the newest first.",
        responses=shapes.NotificationRowSerializer(many=True),
    ),
    retrieve=extend_schema(
        summary="Read a notification of one's own", responses=shapes.NotificationRowSerializer
    ),
    partial_update=extend_schema(
        summary="Mark a notification as read, or as unread",
        request=shapes.NotificationBody,
        responses=shapes.NotificationRowSerializer,
    ),
)
class NotificationViewSet(PersonView):
    """What the caller was told in the app."""

    row_serializer = serializer_class = shapes.NotificationRowSerializer
    filterset_class = NotificationFilter
    access = {
        "list": SIGNED_IN,
        "retrieve": SIGNED_IN,
        "partial_update": SIGNED_IN,
        "read_all": SIGNED_IN,
    }

    def get_queryset(self) -> QuerySet[Notification]:
        """Return the caller's notifications."""
        if getattr(self, "swagger_fake_view", False):
            return Notification.objects.none()
        return Notification.objects.filter(
            user_id__in=self.viewer.profile_ids, channel=Channel.IN_APP
        )

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of notifications."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, notification_id: UUID) -> Response:
        """Answer with a notification."""
        return self.show(request, id=notification_id)

    def partial_update(self, request: TenantRequest, notification_id: UUID) -> Response:
        """Mark a notification."""
        # That it is the caller's, before it is held.
        self.row(request, id=notification_id)
        self.check_match(request, id=notification_id)
        values = self.body(shapes.NotificationBody)
        notifications.mark(
            notification_id=notification_id,
            is_read=values["is_read"],
            marked_at=timezone.now(),
        )
        return self.show(request, id=notification_id)

    @extend_schema(
        summary="Mark all notifications as read",
        request=None,
        responses=shapes.ReadAllSerializer,
    )
    def read_all(self, request: TenantRequest) -> Response:
        """Mark all as read."""
        count = notifications.mark_all_read(
            profile_ids=self.viewer.profile_ids, marked_at=timezone.now()
        )
        return Response({"read": count})


class PreferencesViewSet(PersonView):
    """How the caller wants to be told of what."""

    serializer_class = shapes.PreferencesSerializer
    access = {"retrieve": SIGNED_IN, "update": SIGNED_IN}

    @extend_schema(summary="Read how one is told of what", responses=shapes.PreferencesSerializer)
    def retrieve(self, request: TenantRequest) -> Response:
        """Answer with every topic."""
        return self._all()

    @extend_schema(
        summary="Say how one wants to be told of what",
        description="What is not named stays as it is. It holds for all profiles of the caller.",
        request=shapes.PreferencesBody,
        responses=shapes.PreferencesSerializer,
    )
    def update(self, request: TenantRequest) -> Response:
        """Take the caller's choices."""
        values = self.body(shapes.PreferencesBody)
        notifications.set_preferences(
            settings_id=self.settings_id,
            choices=values["preferences"],
            set_at=timezone.now(),
        )
        return self._all()

    def _all(self) -> Response:
        return Response({"preferences": notifications.preferences_of(settings_id=self.settings_id)})


class QuietHoursViewSet(PersonView):
    """When the caller is not to be disturbed."""

    row_serializer = serializer_class = shapes.QuietHoursRowSerializer
    access = {"retrieve": SIGNED_IN, "update": SIGNED_IN, "destroy": SIGNED_IN}

    def get_queryset(self) -> QuerySet[QuietHours]:
        """Return the caller's quiet hours."""
        if getattr(self, "swagger_fake_view", False):
            return QuietHours.objects.none()
        return QuietHours.objects.filter(user_id=self.settings_id)

    @extend_schema(
        summary="Read one's quiet hours",
        description="404 where there are none.",
        responses=shapes.QuietHoursRowSerializer,
    )
    def retrieve(self, request: TenantRequest) -> Response:
        """Answer with the hours."""
        return self.show(request)

    @extend_schema(
        summary="Set one's quiet hours",
        description="What is not urgent waits until they end.",
        request=shapes.QuietHoursBody,
        responses=shapes.QuietHoursRowSerializer,
    )
    def update(self, request: TenantRequest) -> Response:
        """Set the hours."""
        values = self.body(shapes.QuietHoursBody)
        notifications.set_quiet_hours(
            settings_id=self.settings_id, values=values, set_at=timezone.now()
        )
        return self.show(request)

    @extend_schema(summary="Have no quiet hours", responses={204: None})
    def destroy(self, request: TenantRequest) -> Response:
        """Remove the hours."""
        notifications.end_quiet_hours(settings_id=self.settings_id)
        return Response(status=204)


@extend_schema_view(
    list=extend_schema(
        summary="List one's telephones and browsers",
        responses=shapes.ContactPointRowSerializer(many=True),
    ),
    retrieve=extend_schema(
        summary="Read a telephone or browser of one's own",
        responses=shapes.ContactPointRowSerializer,
    ),
    destroy=extend_schema(summary="Remove a telephone or browser", responses={204: None}),
)
class ContactPointViewSet(PersonView):
    """Where the caller is reached besides their email address."""

    row_serializer = serializer_class = shapes.ContactPointRowSerializer
    access = {
        "list": SIGNED_IN,
        "retrieve": SIGNED_IN,
        "destroy": SIGNED_IN,
        "add_telephone": SIGNED_IN,
        "add_browser": SIGNED_IN,
        "push_key": SIGNED_IN,
        "send_code": SIGNED_IN,
        "verify": SIGNED_IN,
    }

    def get_queryset(self) -> QuerySet[ContactPoint]:
        """Return the caller's contact points."""
        if getattr(self, "swagger_fake_view", False):
            return ContactPoint.objects.none()
        return ContactPoint.objects.filter(user_id=self.settings_id)

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of them."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, contact_point_id: UUID) -> Response:
        """Answer with one of them."""
        return self.show(request, id=contact_point_id)

    def destroy(self, request: TenantRequest, contact_point_id: UUID) -> Response:
        """Remove one of them."""
        notifications.remove(settings_id=self.settings_id, point_id=contact_point_id)
        return Response(status=204)

    @extend_schema(
        summary="Add a telephone",
        description="A code is sent to it. It is used once the code is given back.",
        request=shapes.TelephoneBody,
        responses={201: shapes.ContactPointRowSerializer},
    )
    def add_telephone(self, request: TenantRequest) -> Response:
        """Add a telephone."""
        values = self.body(shapes.TelephoneBody)
        point = notifications.add_telephone(
            settings_id=self.settings_id, number=values["number"], added_at=timezone.now()
        )
        return self._shown(request, point)

    @extend_schema(
        summary="Read the key that browsers subscribe with", responses=shapes.PushKeySerializer
    )
    def push_key(self, request: TenantRequest) -> Response:
        """Answer with the key."""
        return Response({"public_key": push.public_key()})

    @extend_schema(
        summary="Add a browser",
        description="The same one again has its keys changed.",
        request=shapes.BrowserBody,
        responses={201: shapes.ContactPointRowSerializer},
    )
    def add_browser(self, request: TenantRequest) -> Response:
        """Add a browser."""
        values = self.body(shapes.BrowserBody)
        point = notifications.add_browser(
            settings_id=self.settings_id, added_at=timezone.now(), **values
        )
        return self._shown(request, point)

    @extend_schema(
        summary="Have another code sent",
        request=None,
        responses=shapes.ContactPointRowSerializer,
    )
    def send_code(self, request: TenantRequest, contact_point_id: UUID) -> Response:
        """Send a code."""
        notifications.send_code(
            settings_id=self.settings_id, point_id=contact_point_id, asked_at=timezone.now()
        )
        return self.show(request, id=contact_point_id)

    @extend_schema(
        summary="Give a code back",
        description=(
            "A wrong code is answered with 200 and without `verified_at`; `code_attempts_left` says how "
            "often one can still be given."
        ),
        request=shapes.CodeBody,
        responses=shapes.ContactPointRowSerializer,
    )
    def verify(self, request: TenantRequest, contact_point_id: UUID) -> Response:
        """Take a code. A refusal would undo that a wrong one was counted."""
        values = self.body(shapes.CodeBody)
        notifications.verify(
            settings_id=self.settings_id,
            point_id=contact_point_id,
            code=values["code"],
            verified_at=timezone.now(),
        )
        return self.show(request, id=contact_point_id)

    def _shown(self, request: TenantRequest, point: ContactPoint) -> Response:
        response = self.show(request, status=201, id=point.id)
        response["Location"] = f"/api/v1/contact-points/{point.id}"
        return response
