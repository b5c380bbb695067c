"""The API of a tenant's staff."""

from typing import Any, cast
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.kernel.api.shaping import Row, RowSerializer, StrictSerializer
from apps.tenancy.api.control import ControlView
from apps.tenancy.api.permissions import ADMIN, OWNER, VIEWER
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.models import Account, Membership, Role
from apps.tenancy.operations import members
from apps.tenancy.reads import note_read


class MemberRowSerializer(RowSerializer):
    """A member of the staff."""

    needed = ("account_id",)

    account_id = serializers.UUIDField()
    email = serializers.EmailField()
    name = serializers.CharField()

    class Meta:
        model = Membership
        fields = ("id", "account_id", "email", "name", "role", "joined_at")

    @classmethod
    def finish(cls, rows: list[Row], *, request: Request) -> None:
        """Note whose name and address are shown, but for the caller's own."""
        own = cast(TenantRequest, request).user.account_id
        for row in rows:
            if row["account_id"] != own:
                note_read(
                    request,
                    alias="default",
                    entity_type=Account._meta.db_table,
                    id=row["account_id"],
                    fields=[name for name in ("email", "name") if row.get(name)],
                )


class RoleBody(StrictSerializer):
    """Another role."""

    role = serializers.ChoiceField(choices=Role.choices)


class TransferBody(StrictSerializer):
    """Who is to be the owner."""

    member_id = serializers.UUIDField()


def as_shown(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Add what accounts say of members."""
    return queryset.annotate(
        email=Coalesce("account__email", "account__asserted_email"), name=F("account__name")
    )


@extend_schema(responses=MemberRowSerializer)
class MemberView(ControlView):
    """Members of the staff."""

    row_serializer = MemberRowSerializer
    access = {
        "list": VIEWER,
        "retrieve": VIEWER,
        "partial_update": ADMIN,
        # Everybody may leave; removing others takes an admin, as the operation says.
        "destroy": VIEWER,
        "transfer": OWNER,
    }

    def get_queryset(self) -> QuerySet[Any]:
        """Return the tenant's members."""
        return as_shown(super().get_queryset())

    @extend_schema(
        summary="List the staff",
        operation_id="members_list",
        responses=MemberRowSerializer(many=True),
    )
    def list(self, request: TenantRequest) -> Response:
        """List everybody who has a role in this tenant."""
        return self.list_rows(request)

    @extend_schema(summary="Show a member")
    def retrieve(self, request: TenantRequest, pk: UUID) -> Response:
        """Show one member of the staff."""
        return self.show(request, id=pk)

    @extend_schema(summary="Change a member's role", request=RoleBody)
    def partial_update(self, request: TenantRequest, pk: UUID) -> Response:
        """Give a member another role: none above your own, and the last owner stays one."""
        role = Role(self.body(RoleBody)["role"])
        self.check_match(pk)
        members.change_role(
            tenant_id=self.tenant.id, membership_id=pk, role=role, by=request.user.account_id
        )
        return self.show(request, id=pk)

    @extend_schema(summary="Remove a member", responses={204: None})
    def destroy(self, request: TenantRequest, pk: UUID) -> Response:
        """Take somebody off the staff, or leave it yourself; the last owner stays."""
        self.check_match(pk)
        members.remove_member(
            tenant_id=self.tenant.id, membership_id=pk, by=request.user.account_id
        )
        return Response(status=204)

    @extend_schema(summary="Transfer the ownership", request=TransferBody)
    def transfer(self, request: TenantRequest) -> Response:
        """Make another member an owner, and yourself an admin; answers with the new owner."""
        transfer = members.transfer_ownership(
            tenant_id=self.tenant.id,
            membership_id=self.body(TransferBody)["member_id"],
            by=request.user.account_id,
        )
        return self.show(request, id=transfer.owner.id)
