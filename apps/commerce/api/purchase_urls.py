"""Addresses of carts, purchases and refunds, under /api/v1/."""

from typing import Any

from django.urls import path

from apps.commerce.api.views.carts import CartViewSet
from apps.commerce.api.views.purchases import (
    PurchaseViewSet,
    RecipientViewSet,
    StepViewSet,
    TransitionViewSet,
)
from apps.commerce.api.views.refunds import RefundViewSet

CART = "carts/<uuid:cart_id>"
PURCHASE = "purchases/<uuid:purchase_id>"
LISTING: dict[str, Any] = {"get": "list", "post": "create"}

urlpatterns = [
    path("carts", CartViewSet.as_view(LISTING), name="carts"),
    path(
        CART,
        CartViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="cart",
    ),
    path(f"{CART}/lines", CartViewSet.as_view({"post": "add_line"}), name="cart-lines"),
    path(
        f"{CART}/lines/<uuid:line_id>",
        CartViewSet.as_view({"patch": "change_line", "delete": "remove_line"}),
        name="cart-line",
    ),
    path(f"{CART}/adopt", CartViewSet.as_view({"post": "adopt"}), name="cart-adopt"),
    path("purchases", PurchaseViewSet.as_view(LISTING), name="purchases"),
    path(PURCHASE, PurchaseViewSet.as_view({"get": "retrieve"}), name="purchase"),
    path(f"{PURCHASE}/cancel", StepViewSet.as_view({"post": "cancel"}), name="purchase-cancel"),
    path(f"{PURCHASE}/capture", StepViewSet.as_view({"post": "capture"}), name="purchase-capture"),
    path(f"{PURCHASE}/void", StepViewSet.as_view({"post": "void"}), name="purchase-void"),
    path(
        f"{PURCHASE}/transitions",
        TransitionViewSet.as_view({"get": "list"}),
        name="purchase-transitions",
    ),
    path(
        f"{PURCHASE}/recipients",
        RecipientViewSet.as_view({"get": "list"}),
        name="purchase-recipients",
    ),
    path(f"{PURCHASE}/refunds", RefundViewSet.as_view(LISTING), name="purchase-refunds"),
    path(
        f"{PURCHASE}/refunds/<uuid:refund_id>",
        RefundViewSet.as_view({"get": "retrieve"}),
        name="purchase-refund",
    ),
]
