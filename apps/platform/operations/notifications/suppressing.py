"""Addresses that get nothing more: they refused, they bounced, or somebody complained."""

from datetime import datetime
from uuid import UUID

from apps.kernel.errors import NotFound
from apps.platform.models import (
    Channel,
    ContactPoint,
    Notification,
    NotificationStatus,
    Suppression,
)
from apps.platform.operations.notifications.recipients import address_hash

REASONS = ("REFUSED", "BOUNCED", "COMPLAINED")


def give_up_address(
    *, channel: str, hashed: str, point_id: UUID | None, reason: str, at: datetime
) -> None:
    """Send nothing more to an address; a browser that is gone is forgotten instead."""
    if channel == Channel.PUSH:
        assert point_id is not None
        ContactPoint.objects.filter(id=point_id).delete()
        return
    Suppression.objects.bulk_create(
        [Suppression(channel=channel, address_hash=hashed, reason=reason, created_on=at)],
        ignore_conflicts=True,
    )


def note_report(
    *,
    channel: str,
    address: str,
    reason: str,
    notification_id: UUID | None = None,
    provider_message_id: str = "",
    at: datetime,
) -> None:
    """Take a provider's report that an address refuses, or that its owner complains.

    :param reason: one of REASONS.
    """
    if address:
        hashed = address_hash(channel=channel, address=address)
        give_up_address(channel=channel, hashed=hashed, point_id=None, reason=reason, at=at)
    sent = Notification.objects.filter(channel=channel, status=NotificationStatus.SENT)
    failed = {"status": NotificationStatus.FAILED, "last_error": f"Reported: {reason}."}
    if notification_id is not None:
        sent.filter(id=notification_id).update(**failed)
    elif provider_message_id:
        sent.filter(provider_message_id=provider_message_id).update(**failed)


def allow_again(*, suppression_id: UUID) -> None:
    """Take an address off the list.

    :raises NotFound: it is not on it.
    """
    if not Suppression.objects.filter(id=suppression_id).delete()[0]:
        raise NotFound
