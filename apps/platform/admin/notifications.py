"""Notifications in a tenant's admin: to look at. Texts are changed by the API, which checks them."""

from django.contrib import admin

from apps.platform.admin.webhooks import LookedAt
from apps.platform.models import Notification, NotificationTemplate, Suppression
from apps.tenancy.admin_site import tenant_site


@admin.register(NotificationTemplate, site=tenant_site)
class NotificationTemplateAdmin(LookedAt):
    """The tenant's own wording."""

    list_display = ["template_key", "channel", "locale", "subject", "updated_at"]
    list_filter = ["channel", "locale"]
    search_fields = ["template_key"]
    ordering = ["template_key", "id"]


@admin.register(Notification, site=tenant_site)
class NotificationAdmin(LookedAt):
    """What was sent and what was not, the newest first; what it says is its recipient's."""

    list_display = [
        "created_on",
        "topic",
        "channel",
        "status",
        "attempts",
        "due_at",
        "last_error",
    ]
    list_filter = ["status", "channel", "topic"]
    exclude = ["subject", "body"]
    ordering = ["-id"]


@admin.register(Suppression, site=tenant_site)
class SuppressionAdmin(LookedAt):
    """Addresses that get nothing more, by their hashes."""

    list_display = ["channel", "reason", "address_hash", "created_on"]
    list_filter = ["channel", "reason"]
    ordering = ["-id"]
