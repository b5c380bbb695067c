"""Referral codes."""

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.tenancy.api.permissions import SIGNED_IN, caller_id
from apps.tenancy.api.requests import TenantRequest
from apps.users import operations, queries
from apps.users.api import bodies, rows
from apps.users.api.viewers import check_may_change, fan_of
from apps.users.api.views.base import UsersView
from apps.users.models import ProfileType, ReferralCode


@extend_schema_view(
    list=extend_schema(
        summary="List referral codes",
        description="The caller's own; to staff, all.",
        responses=rows.ReferralCodeRowSerializer(many=True),
    ),
    create=extend_schema(
        summary="Make a referral code",
        request=bodies.ReferralCodeSerializer,
        responses={201: rows.ReferralCodeRowSerializer},
    ),
)
class ReferralCodeViewSet(UsersView):
    """Codes that bring people."""

    row_serializer = serializer_class = rows.ReferralCodeRowSerializer
    access = {"list": SIGNED_IN, "create": SIGNED_IN, "use": SIGNED_IN}

    def get_queryset(self) -> QuerySet[ReferralCode]:
        """Return the codes that the caller may see."""
        if self.viewer.is_staff:
            return ReferralCode.objects.all()
        me = self.viewer.keycloak_id
        return ReferralCode.objects.filter(
            Q(profile__keycloak_id=me) | Q(profile__owner__keycloak_id=me)
        )

    def list(self, request: TenantRequest) -> Response:
        """Answer with the codes."""
        return self.list_rows(request)

    def create(self, request: TenantRequest) -> Response:
        """Make a code."""
        values = self.body(bodies.ReferralCodeSerializer)
        profile_id = values.pop("profile_id", None)
        if profile_id is None:
            celebrity = queries.profile_of_person(
                keycloak_id=caller_id(request), profile_type=ProfileType.CELEBRITY
            )
            profile_id = (celebrity or fan_of(request)).id
        else:
            check_may_change(request, profile_id=profile_id)
        code = operations.create_referral_code(
            profile_id=profile_id, created_on=timezone.now(), **values
        )
        return self.show(request, status=201, id=code.id)

    @extend_schema(
        summary="Come by a referral code",
        description="The same code again changes nothing; a fan comes by one code.",
        request=None,
        responses={204: None},
    )
    def use(self, request: TenantRequest, code: str) -> Response:
        """Come by a code."""
        operations.use_referral_code(code=code, fan_id=fan_of(request).id, used_at=timezone.now())
        return Response(status=204)
