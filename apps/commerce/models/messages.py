"""Messages of this context: recorded, waiting to be delivered, and taken by its handlers."""

from apps.tenancy.models.messages import (
    AbstractDomainEvent,
    AbstractInboxEntry,
    AbstractOutboxEntry,
)


class DomainEvent(AbstractDomainEvent):
    """A message that this context recorded."""

    class Meta(AbstractDomainEvent.Meta):
        pass


class OutboxEntry(AbstractOutboxEntry):
    """A message of this context that one handler has not been given yet."""

    class Meta(AbstractOutboxEntry.Meta):
        pass


class InboxEntry(AbstractInboxEntry):
    """A message that a handler of this context has taken."""

    class Meta(AbstractInboxEntry.Meta):
        pass
