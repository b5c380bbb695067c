"""Reads of payments."""

from django.db.models import QuerySet

from apps.commerce.models import Payment, ProviderRefund
from apps.commerce.queries.viewers import Viewer


def payments_for(viewer: Viewer) -> QuerySet[Payment]:
    """Return the payments somebody may see: their own, and all for the tenant's support."""
    if viewer.is_support:
        return Payment.objects.all()
    return own_payments(viewer)


def own_payments(viewer: Viewer) -> QuerySet[Payment]:
    """Return the payments that somebody makes."""
    return Payment.objects.filter(user_id__in=viewer.profile_ids)


def provider_refunds() -> QuerySet[ProviderRefund]:
    """Return what providers were to give back."""
    return ProviderRefund.objects.all()
