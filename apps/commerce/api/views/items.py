"""The inventory API: items, and what has changed of them."""

from typing import Any, ClassVar, cast
from uuid import UUID

from django.db.models import Model, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.commerce.api.filters.items import ItemFilter
from apps.commerce.api.serializers import items as shapes
from apps.commerce.api.views.base import CommerceView
from apps.commerce.models import (
    InventoryItem,
    InventoryPriceHistory,
    InventoryQuantityHistory,
    InventoryStateHistory,
)
from apps.commerce.operations import items
from apps.commerce.operations.item_lists import LISTS
from apps.commerce.queries.items import visible_items
from apps.kernel.errors import NotFound
from apps.tenancy.api.keeping import KeepsReplies
from apps.tenancy.api.permissions import EDITOR, PUBLIC
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.caching import LIST_SECONDS, Keep

# What a listing is made of, with what `?expand=` shows of makers and tags.
MADE_OF = ("commerce.item", "users.profile", "platform.tag")


@extend_schema_view(
    list=extend_schema(
        summary="List what is for sale",
        description=(
            "Everybody sees what is for sale; editors see all, and whoever makes what is sold "
            "their own."
        ),
        responses=shapes.ItemRowSerializer(many=True),
    ),
    create=extend_schema(
        summary="Make an item",
        request=shapes.ItemBodySerializer,
        responses={201: shapes.ItemRowSerializer},
    ),
    retrieve=extend_schema(summary="Read an item", responses=shapes.ItemRowSerializer),
    partial_update=extend_schema(
        summary="Change an item, its state or how many there are",
        description="Lists are replaced as a whole; those that are not given stay as they are.",
        request=shapes.ItemChangeSerializer,
        responses=shapes.ItemRowSerializer,
    ),
    destroy=extend_schema(
        summary="Delete an item",
        description="What was bought of it stays bought.",
        responses={204: None},
    ),
)
class ItemViewSet(KeepsReplies, CommerceView):
    """Items: what is sold, for how much, and how many there are."""

    row_serializer = serializer_class = shapes.ItemRowSerializer
    filterset_class = ItemFilter
    orderings = {
        "created_on": ("created_on", "id"),
        "-created_on": ("-created_on", "-id"),
        "price": ("price", "id"),
        "-price": ("-price", "-id"),
        "name": ("name", "id"),
        "-name": ("-name", "-id"),
    }
    default_ordering = "-created_on"
    kept = {"list": Keep(seconds=LIST_SECONDS, kinds=MADE_OF)}
    access = {
        "list": PUBLIC,
        "retrieve": PUBLIC,
        "create": EDITOR,
        "partial_update": EDITOR,
        "destroy": EDITOR,
    }

    def get_queryset(self) -> QuerySet[InventoryItem]:
        """Return the items that the caller sees."""
        return visible_items(viewer=self.viewer)

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of items."""
        return self.list_rows(request)

    def retrieve(self, request: TenantRequest, item_id: UUID) -> Response:
        """Answer with one item."""
        return self.show(request, id=item_id)

    def create(self, request: TenantRequest) -> Response:
        """Make an item."""
        values, lists = _apart(self.body(shapes.ItemBodySerializer))
        item = items.create_item(
            quantity=values.pop("quantity", None),
            created_by_id=values.pop("created_by_id", None) or self.viewer.buyer_id,
            values=values,
            lists=lists,
            created_on=self.now,
        )
        return self.show(request, status=201, id=item.id)

    def partial_update(self, request: TenantRequest, item_id: UUID) -> Response:
        """Change an item."""
        self.check_match(request, id=item_id)
        values, lists = _apart(self.body(shapes.ItemChangeSerializer, partial=True))
        items.update_item(item_id=item_id, changes=values, lists=lists, updated_at=self.now)
        return self.show(request, id=item_id)

    def destroy(self, request: TenantRequest, item_id: UUID) -> Response:
        """Delete an item."""
        self.check_match(request, id=item_id)
        items.delete_item(item_id=item_id, deleted_at=self.now)
        return Response(status=204)


class ItemHistoryView(CommerceView):
    """What has changed of an item, the latest first."""

    model: ClassVar[type[Model]]
    orderings = {
        "changed_on": ("changed_on", "id"),
        "-changed_on": ("-changed_on", "-id"),
    }
    default_ordering = "-changed_on"
    access = {"list": EDITOR}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the changes of the item that the address names.

        :raises NotFound: there is no such item.
        """
        if getattr(self, "swagger_fake_view", False):
            return self.model._default_manager.none()
        item_id = cast(UUID, self.kwargs.get("item_id"))
        if not visible_items(viewer=self.viewer).filter(id=item_id).exists():
            raise NotFound
        return self.model._default_manager.filter(inventory_item_id=item_id)

    def list(self, request: TenantRequest, item_id: UUID) -> Response:
        """Answer with a page of changes."""
        return self.list_rows(request)


@extend_schema_view(
    list=extend_schema(
        summary="List the prices an item had",
        responses=shapes.PriceHistoryRowSerializer(many=True),
    )
)
class PriceHistoryViewSet(ItemHistoryView):
    """Prices that changed."""

    model = InventoryPriceHistory
    row_serializer = serializer_class = shapes.PriceHistoryRowSerializer


@extend_schema_view(
    list=extend_schema(
        summary="List how many there were of an item",
        responses=shapes.QuantityHistoryRowSerializer(many=True),
    )
)
class QuantityHistoryViewSet(ItemHistoryView):
    """Quantities that changed; sales don't change them."""

    model = InventoryQuantityHistory
    row_serializer = serializer_class = shapes.QuantityHistoryRowSerializer


@extend_schema_view(
    list=extend_schema(
        summary="List the states an item was in",
        responses=shapes.StateHistoryRowSerializer(many=True),
    )
)
class StateHistoryViewSet(ItemHistoryView):
    """States that changed."""

    model = InventoryStateHistory
    row_serializer = serializer_class = shapes.StateHistoryRowSerializer


def _apart(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what an item's columns are to hold, and its lists of ids."""
    if "keywords" in values:
        # In small letters, so that they are found whatever the case.
        values["keywords"] = list(dict.fromkeys(word.lower() for word in values["keywords"]))
    lists = {name: values.pop(name) for name in LISTS if name in values}
    return values, lists
