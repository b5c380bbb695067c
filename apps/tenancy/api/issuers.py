"""The API of the issuers a tenant trusts."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from apps.kernel.api.shaping import RowSerializer, StrictSerializer
from apps.tenancy.api.control import ControlView
from apps.tenancy.api.permissions import ADMIN, OWNER
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.models import Issuer
from apps.tenancy.models.issuer import ALGORITHMS, default_algorithms
from apps.tenancy.operations import issuers


class IssuerRowSerializer(RowSerializer):
    """An issuer that the tenant trusts."""

    algorithms = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Issuer
        fields = (
            "id", "url", "audience", "jwks_uri", "algorithms", "subject_claim", "is_active",
            "created_at",
        )  # fmt: skip


class IssuerChangeBody(StrictSerializer):
    """On what terms an issuer is trusted."""

    audience = serializers.CharField(max_length=500)
    jwks_uri = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        help_text="Where its keys are; empty: where its discovery document says.",
    )
    algorithms = serializers.ListField(
        child=serializers.ChoiceField(choices=ALGORITHMS), required=False, min_length=1
    )
    subject_claim = serializers.CharField(
        max_length=100,
        required=False,
        help_text="The claim that says who a person is. A UUID in it is the person's id.",
    )
    is_active = serializers.BooleanField(required=False)


class IssuerBody(IssuerChangeBody):
    """An issuer to trust."""

    url = serializers.CharField(max_length=500, help_text="The `iss` of its tokens.")
    algorithms = serializers.ListField(
        child=serializers.ChoiceField(choices=ALGORITHMS), default=default_algorithms, min_length=1
    )


@extend_schema(responses=IssuerRowSerializer)
class IssuerView(ControlView):
    """Issuers whose tokens this tenant accepts besides the embedded one's."""

    row_serializer = IssuerRowSerializer
    access = {
        "list": ADMIN,
        "retrieve": ADMIN,
        # Whoever names an issuer's keys can speak for everybody who signs in there, owners too.
        "create": OWNER,
        "partial_update": OWNER,
        "destroy": OWNER,
    }

    @extend_schema(
        summary="List trusted issuers",
        operation_id="issuers_list",
        responses=IssuerRowSerializer(many=True),
    )
    def list(self, request: TenantRequest) -> Response:
        """List the issuers that this tenant trusts."""
        return self.list_rows(request)

    @extend_schema(summary="Show a trusted issuer")
    def retrieve(self, request: TenantRequest, pk: UUID) -> Response:
        """Show one trusted issuer."""
        return self.show(request, id=pk)

    @extend_schema(
        summary="Trust an issuer", request=IssuerBody, responses={201: IssuerRowSerializer}
    )
    def create(self, request: TenantRequest) -> Response:
        """Trust an OpenID Connect issuer: its tokens are accepted for this tenant within 2 seconds."""
        body = self.body(IssuerBody)
        issuer = issuers.trust_issuer(tenant_id=self.tenant.id, url=body.pop("url"), values=body)
        return self.show(request, id=issuer.id, status=201)

    @extend_schema(summary="Change a trusted issuer", request=IssuerChangeBody)
    def partial_update(self, request: TenantRequest, pk: UUID) -> Response:
        """Change on what terms an issuer is trusted, or switch it off; within 2 seconds it holds."""
        values = self.body(IssuerChangeBody, partial=True)
        self.check_match(pk)
        issuers.change_issuer(tenant_id=self.tenant.id, issuer_id=pk, values=values)
        return self.show(request, id=pk)

    @extend_schema(summary="Stop trusting an issuer", responses={204: None})
    def destroy(self, request: TenantRequest, pk: UUID) -> Response:
        """Accept the issuer's tokens no longer."""
        self.check_match(pk)
        issuers.distrust_issuer(tenant_id=self.tenant.id, issuer_id=pk)
        return Response(status=204)
