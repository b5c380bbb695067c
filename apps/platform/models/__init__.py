"""The platform context's tables."""

from apps.platform.models.comment import (
    Comment,
    Like,
    TargetType,
)
from apps.platform.models.flag import (
    FeatureFlag,
)
from apps.platform.models.group import (
    BoardScore,
    ContentType,
    GroupMember,
    GroupMessage,
    GroupType,
    Joining,
    RealtimeGroup,
)
from apps.platform.models.idempotency import (
    IdempotencyKey,
)
from apps.platform.models.messages import (
    DomainEvent,
    InboxEntry,
    OutboxEntry,
)
from apps.platform.models.notification import (
    Channel,
    ContactPoint,
    Frequency,
    Notification,
    NotificationPreference,
    NotificationStatus,
    NotificationTemplate,
    QuietHours,
    Suppression,
)
from apps.platform.models.search import (
    SearchDocument,
)
from apps.platform.models.stream import (
    Audience,
    StreamEvent,
    StreamPosition,
)
from apps.platform.models.tag import (
    Tag,
    TagAssociation,
    TagType,
)
from apps.platform.models.webhook import (
    DeliveryState,
    EndpointState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookProgress,
)

__all__ = [
    "Audience",
    "BoardScore",
    "Channel",
    "Comment",
    "ContactPoint",
    "ContentType",
    "DeliveryState",
    "DomainEvent",
    "EndpointState",
    "FeatureFlag",
    "Frequency",
    "GroupMember",
    "GroupMessage",
    "GroupType",
    "IdempotencyKey",
    "InboxEntry",
    "Joining",
    "Like",
    "Notification",
    "NotificationPreference",
    "NotificationStatus",
    "NotificationTemplate",
    "OutboxEntry",
    "QuietHours",
    "RealtimeGroup",
    "SearchDocument",
    "StreamEvent",
    "StreamPosition",
    "Suppression",
    "Tag",
    "TagAssociation",
    "TagType",
    "TargetType",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookProgress",
]
