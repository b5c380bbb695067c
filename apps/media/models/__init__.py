"""The media context's tables."""

from apps.media.models.messages import DomainEvent, InboxEntry, OutboxEntry

__all__ = ["DomainEvent", "InboxEntry", "OutboxEntry"]
