"""The events context's tables."""

from apps.events.models.messages import DomainEvent, InboxEntry, OutboxEntry

__all__ = ["DomainEvent", "InboxEntry", "OutboxEntry"]
