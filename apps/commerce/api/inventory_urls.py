"""Addresses of what is sold, and of codes, under /api/v1/."""

from django.urls import path

from apps.commerce.api.views.codes import CodeUsageViewSet, CodeViewSet, PromoCodeView
from apps.commerce.api.views.items import (
    ItemViewSet,
    PriceHistoryViewSet,
    QuantityHistoryViewSet,
    StateHistoryViewSet,
)

urlpatterns = [
    path("items", ItemViewSet.as_view({"get": "list", "post": "create"}), name="items"),
    path(
        "items/<uuid:item_id>",
        ItemViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="item",
    ),
    *(
        path(
            f"items/<uuid:item_id>/{kind}-history",
            view.as_view({"get": "list"}),
            name=f"item-{kind}-history",
        )
        for kind, view in (
            ("price", PriceHistoryViewSet),
            ("quantity", QuantityHistoryViewSet),
            ("state", StateHistoryViewSet),
        )
    ),
    path(
        "discount-codes",
        CodeViewSet.as_view({"get": "list", "post": "create"}),
        name="discount-codes",
    ),
    path(
        "discount-codes/<uuid:code_id>",
        CodeViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="discount-code",
    ),
    path(
        "discount-codes/<uuid:code_id>/usages",
        CodeUsageViewSet.as_view({"get": "list"}),
        name="discount-code-usages",
    ),
    path(
        "promo-codes/redeem",
        PromoCodeView.as_view({"post": "redeem"}),
        name="promo-code-redeem",
    ),
]
