"""Addresses of donations, under /api/v1/."""

from django.urls import path

from apps.commerce.api.views.donations import DonationViewSet

urlpatterns = [
    path("donations", DonationViewSet.as_view({"get": "list", "post": "create"}), name="donations"),
    path(
        "donations/<uuid:donation_id>",
        DonationViewSet.as_view({"get": "retrieve"}),
        name="donation",
    ),
]
