"""Webhooks in a tenant's admin: to look at. They are changed by the API, which checks and signs."""

from django.contrib import admin

from apps.platform.models import WebhookDelivery, WebhookEndpoint
from apps.tenancy.admin_site import ReadOnlyAdmin, tenant_site
from apps.tenancy.api.permissions import Rank


class LookedAt(ReadOnlyAdmin):
    """Pages for admins of the tenant, on which nothing can be changed."""

    needs = {**ReadOnlyAdmin.needs, "view": Rank.ADMIN}


@admin.register(WebhookEndpoint, site=tenant_site)
class WebhookAdmin(LookedAt):
    """Endpoints, and why they are paused."""

    list_display = ["url", "description", "state", "paused_because", "deleted_at"]
    list_filter = ["state"]
    search_fields = ["url", "description"]
    ordering = ["-id"]
    exclude = ["sealed_secrets"]


@admin.register(WebhookDelivery, site=tenant_site)
class DeliveryAdmin(LookedAt):
    """The log of deliveries, the newest first."""

    list_display = [
        "endpoint",
        "sequence",
        "kind",
        "state",
        "attempts",
        "response_status",
        "last_error",
    ]
    list_select_related = ["endpoint"]
    list_filter = ["state"]
    ordering = ["-id"]
