"""Addresses of payments, under /api/v1/."""

from django.urls import URLPattern, path

from apps.commerce.api.views import payments, provider_accounts, provider_events

urlpatterns: list[URLPattern] = [
    path("payments", payments.PaymentViewSet.as_view({"get": "list"}), name="payments"),
    path(
        "payments/<uuid:payment_id>",
        payments.PaymentViewSet.as_view({"get": "retrieve"}),
        name="payment",
    ),
    path(
        "payments/<uuid:payment_id>/resume",
        payments.PaymentViewSet.as_view({"post": "resume"}),
        name="payment-resume",
    ),
    path(
        "payments/<uuid:payment_id>/simulate",
        payments.PaymentViewSet.as_view({"post": "simulate"}),
        name="payment-simulate",
    ),
    path(
        "provider-refunds",
        payments.ProviderRefundViewSet.as_view({"get": "list"}),
        name="provider-refunds",
    ),
    path(
        "provider-refunds/<uuid:refund_id>",
        payments.ProviderRefundViewSet.as_view({"get": "retrieve"}),
        name="provider-refund",
    ),
    path(
        "provider-refunds/<uuid:refund_id>/pay-into-wallet",
        payments.ProviderRefundViewSet.as_view({"post": "pay_into_wallet"}),
        name="provider-refund-pay-into-wallet",
    ),
    path(
        "payment-providers",
        provider_accounts.PaymentProviderViewSet.as_view({"get": "list"}),
        name="payment-providers",
    ),
    path(
        "provider-accounts",
        provider_accounts.ProviderAccountViewSet.as_view({"get": "list"}),
        name="provider-accounts",
    ),
    path(
        "provider-accounts/<str:provider>",
        provider_accounts.ProviderAccountViewSet.as_view({"get": "retrieve", "put": "update"}),
        name="provider-account",
    ),
    path(
        "provider-accounts/<str:provider>/rotate-webhook-secret",
        provider_accounts.ProviderAccountViewSet.as_view({"post": "rotate_webhook_secret"}),
        name="provider-account-rotate-webhook-secret",
    ),
    path(
        "payment-events/stripe",
        provider_events.StripeEventsView.as_view({"post": "create"}),
        name="payment-events-stripe",
    ),
]
