"""The API of invitations to a tenant's staff."""

from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel.api.shaping import Row, RowSerializer, StrictSerializer
from apps.tenancy.api.control import ControlView
from apps.tenancy.api.members import MemberRowSerializer, as_shown
from apps.tenancy.api.permissions import ADMIN, PUBLIC, SIGNED_IN
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.models import Invitation, Role
from apps.tenancy.operations import invitations
from apps.tenancy.reads import note_read


class InvitationRowSerializer(RowSerializer):
    """An invitation; its token is in the email and nowhere else."""

    class Meta:
        model = Invitation
        fields = ("id", "email", "role", "status", "created_at", "expires_at")

    @classmethod
    def finish(cls, rows: list[Row], *, request: Request) -> None:
        """Note whose address is shown, but for the caller's own."""
        own = cast(TenantRequest, request).user.email
        for row in rows:
            if row.get("email") and row["email"] != own:
                note_read(
                    request,
                    alias="default",
                    entity_type=Invitation._meta.db_table,
                    id=row["id"],
                    fields=["email"],
                )


class InvitationBody(StrictSerializer):
    """Whom to invite, as what."""

    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(choices=Role.choices)


class TokenBody(StrictSerializer):
    """The token out of the email."""

    token = serializers.CharField(max_length=200)


@extend_schema(responses=InvitationRowSerializer)
class InvitationView(ControlView):
    """Invitations to the staff."""

    row_serializer = InvitationRowSerializer
    access = {"list": ADMIN, "create": ADMIN, "retrieve": ADMIN, "destroy": ADMIN}

    @extend_schema(
        summary="List invitations",
        operation_id="invitations_list",
        responses=InvitationRowSerializer(many=True),
    )
    def list(self, request: TenantRequest) -> Response:
        """List invitations, answered ones too."""
        return self.list_rows(request)

    @extend_schema(summary="Show an invitation")
    def retrieve(self, request: TenantRequest, pk: UUID) -> Response:
        """Show one invitation."""
        return self.show(request, id=pk)

    @extend_schema(
        summary="Invite somebody", request=InvitationBody, responses={201: InvitationRowSerializer}
    )
    def create(self, request: TenantRequest) -> Response:
        """Send an invitation by email. An address has one open invitation at a time."""
        body = self.body(InvitationBody)
        invitation = invitations.invite(
            tenant_id=self.tenant.id,
            email=body["email"],
            role=Role(body["role"]),
            by=request.user.account_id,
            invited_at=timezone.now(),
        )
        return self.show(request, id=invitation.id, status=201)

    @extend_schema(summary="Take an invitation back", responses={204: None})
    def destroy(self, request: TenantRequest, pk: UUID) -> Response:
        """Take back an invitation that is waiting for an answer."""
        self.check_match(pk)
        invitations.revoke(
            tenant_id=self.tenant.id,
            invitation_id=pk,
            by=request.user.account_id,
            revoked_at=timezone.now(),
        )
        return Response(status=204)


class AnswerView(ControlView):
    """Answers to an invitation, on the host of the tenant that it is from."""

    row_serializer = MemberRowSerializer
    access = {"accept": SIGNED_IN, "decline": PUBLIC}
    shapes_rows = False

    def get_queryset(self) -> QuerySet[Any]:
        """Return the tenant's members."""
        return as_shown(super().get_queryset())

    @extend_schema(
        summary="Accept an invitation",
        operation_id="invitations_accept",
        request=TokenBody,
        responses={200: MemberRowSerializer},
    )
    def accept(self, request: TenantRequest) -> Response:
        """Join the staff. Sign in with the address it was sent to, and have that address confirmed."""
        member = invitations.accept(
            tenant_id=self.tenant.id,
            token=self.body(TokenBody)["token"],
            person=request.user,
            accepted_at=timezone.now(),
        )
        return self.show(request, id=member.id)

    @extend_schema(
        summary="Decline an invitation",
        operation_id="invitations_decline",
        request=TokenBody,
        responses={204: None},
    )
    def decline(self, request: TenantRequest) -> Response:
        """Refuse it. The token is enough; no account is needed."""
        invitations.decline(
            tenant_id=self.tenant.id,
            token=self.body(TokenBody)["token"],
            declined_at=timezone.now(),
        )
        return Response(status=204)
