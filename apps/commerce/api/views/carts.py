"""The carts API: filled by whoever holds the token or has signed in."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.cache import patch_vary_headers
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from apps.commerce import queries
from apps.commerce.api.serializers import carts as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.models import Purchase
from apps.commerce.operations.purchases import carts
from apps.kernel.api.shaping import Row
from apps.kernel.errors import NotFound
from apps.tenancy.api.permissions import PUBLIC, SIGNED_IN
from apps.tenancy.api.requests import TenantRequest

TOKEN = "Cart-Token"
TOKEN_PARAMETER = OpenApiParameter(
    TOKEN,
    str,
    OpenApiParameter.HEADER,
    description="What a cart was made with that nobody has signed in for.",
)


@extend_schema_view(
    list=extend_schema(
        summary="List your carts",
        description="There is one of each currency at most.",
        responses=shapes.CartRowSerializer(many=True),
    ),
    create=extend_schema(
        summary="Begin a cart",
        description=(
            "Without a token of a person the reply has a `token`, which opens the cart. Who has signed "
            "in has one cart of each currency, and is answered with it if it is there."
        ),
        request=shapes.CartBodySerializer,
        responses={200: shapes.CartRowSerializer, 201: shapes.NewCartSerializer},
    ),
    retrieve=extend_schema(
        summary="Read a cart",
        description="At the prices of now. What is not for sale any more counts for nothing.",
        parameters=[TOKEN_PARAMETER],
        responses=shapes.CartRowSerializer,
    ),
    partial_update=extend_schema(
        summary="Change a cart",
        description="Its code is quoted from then on, and used up at checkout.",
        parameters=[TOKEN_PARAMETER],
        request=shapes.CartChangeSerializer,
        responses=shapes.CartRowSerializer,
    ),
    destroy=extend_schema(
        summary="Drop a cart", parameters=[TOKEN_PARAMETER], responses={204: None}
    ),
)
class CartViewSet(CommerceView):
    """Carts."""

    row_serializer = serializer_class = shapes.CartRowSerializer
    access = {
        "list": SIGNED_IN,
        "create": PUBLIC,
        "retrieve": PUBLIC,
        "partial_update": PUBLIC,
        "destroy": PUBLIC,
        "add_line": PUBLIC,
        "change_line": PUBLIC,
        "remove_line": PUBLIC,
        "adopt": SIGNED_IN,
    }
    # Of a cart that this request has made.
    token = ""

    def get_queryset(self) -> QuerySet[Purchase]:
        """Return the carts that the caller has, or has the token of."""
        token = self.token or self.request.headers.get(TOKEN, "")
        return queries.purchases.carts(
            viewer=self.viewer, token_hash=carts.hash_of(token) if token else ""
        )

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Have caches keep the replies of different tokens apart."""
        response = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(response, [TOKEN])
        return response

    def location_of(self, request: TenantRequest, row: Row) -> str:
        """Return the address of a cart."""
        return f"/api/v1/carts/{row['id']}"

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of carts."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, cart_id: UUID) -> Response:
        """Answer with one cart."""
        return self.show(request, id=cart_id)

    def create(self, request: TenantRequest) -> Response:
        """Begin a cart."""
        values = self.body(shapes.CartBodySerializer)
        user_id = self.viewer.buyer_id if request.user else None
        opened = carts.open_cart(user_id=user_id, currency=values["currency"], opened_at=self.now)
        self.token = opened.token
        response = self.show(request, status=201 if opened.is_new else 200, id=opened.cart.id)
        if opened.token:
            response.data = {**response.data, "token": opened.token}
        return response

    def partial_update(self, request: TenantRequest, cart_id: UUID) -> Response:
        """Change a cart."""
        self._check(request, cart_id)
        changes = self.body(shapes.CartChangeSerializer, partial=True)
        carts.change_cart(cart_id=cart_id, changes=changes, changed_at=self.now)
        return self.show(request, id=cart_id)

    def destroy(self, request: TenantRequest, cart_id: UUID) -> Response:
        """Drop a cart."""
        self._check(request, cart_id)
        carts.drop_cart(cart_id=cart_id, dropped_at=self.now)
        return Response(status=204)

    @extend_schema(
        summary="Put an item into a cart",
        description="As a line of its own, also if the item is in it. The reply is the cart.",
        parameters=[TOKEN_PARAMETER],
        request=shapes.LineBodySerializer,
        responses={201: shapes.CartRowSerializer},
    )
    def add_line(self, request: TenantRequest, cart_id: UUID) -> Response:
        """Put an item into a cart."""
        self._check(request, cart_id)
        values = self.body(shapes.LineBodySerializer)
        carts.add_line(
            cart_id=cart_id,
            item_id=values["item_id"],
            quantity=values["quantity"],
            metadata=values.get("metadata", {}),
            added_at=self.now,
        )
        return self.show(request, status=201, id=cart_id)

    @extend_schema(
        summary="Change a line of a cart",
        description="The reply is the cart.",
        parameters=[TOKEN_PARAMETER],
        request=shapes.LineChangeSerializer,
        responses=shapes.CartRowSerializer,
    )
    def change_line(self, request: TenantRequest, cart_id: UUID, line_id: UUID) -> Response:
        """Change a line."""
        self._check(request, cart_id)
        changes = self.body(shapes.LineChangeSerializer, partial=True)
        carts.change_line(cart_id=cart_id, line_id=line_id, changes=changes, changed_at=self.now)
        return self.show(request, id=cart_id)

    @extend_schema(
        summary="Take a line out of a cart", parameters=[TOKEN_PARAMETER], responses={204: None}
    )
    def remove_line(self, request: TenantRequest, cart_id: UUID, line_id: UUID) -> Response:
        """Take a line out."""
        self._check(request, cart_id)
        carts.remove_line(cart_id=cart_id, line_id=line_id, removed_at=self.now)
        return Response(status=204)

    @extend_schema(
        summary="Make a cart yours",
        description=(
            "After signing in, with the cart's token. What is in your own cart of the currency comes "
            "together with it: the reply is the one you have then, and the token opens nothing more."
        ),
        parameters=[TOKEN_PARAMETER],
        request=None,
        responses=shapes.CartRowSerializer,
    )
    def adopt(self, request: TenantRequest, cart_id: UUID) -> Response:
        """Make a cart the caller's."""
        self._check(request, cart_id)
        cart = carts.adopt_cart(cart_id=cart_id, user_id=self.viewer.buyer_id, adopted_at=self.now)
        return self.show(request, id=cart.id)

    def _check(self, request: TenantRequest, cart_id: UUID) -> None:
        """Refuse what is not the caller's, before its row is held."""
        if not self.get_queryset().filter(id=cart_id).exists():
            raise NotFound
        self.check_match(request, id=cart_id)
