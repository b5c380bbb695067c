"""The platform context in a tenant's admin: one module per part."""

from apps.platform.admin import flags, notifications, social, tags, webhooks

__all__ = ["flags", "notifications", "social", "tags", "webhooks"]
