"""Addresses of the commerce context, under /api/v1/."""

from apps.commerce.api import (
    donation_urls,
    inventory_urls,
    payment_urls,
    purchase_urls,
    report_urls,
    subscription_urls,
    wallet_urls,
)

urlpatterns = [
    *inventory_urls.urlpatterns,
    *purchase_urls.urlpatterns,
    *payment_urls.urlpatterns,
    *wallet_urls.urlpatterns,
    *subscription_urls.urlpatterns,
    *report_urls.urlpatterns,
    *donation_urls.urlpatterns,
]
