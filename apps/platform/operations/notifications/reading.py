"""What people have read of what they were told in the app, and how long it is kept."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from apps.platform.models import Audience, Channel, Notification, NotificationStatus
from apps.platform.operations import stream

READ = "notification.read"
KEPT_FOR = timedelta(days=180)
BATCH = 5_000


def mark(*, notification_id: UUID, is_read: bool, marked_at: datetime) -> None:
    """Note that somebody has read a notification, or wants to read it again."""
    shown = Notification.objects.filter(id=notification_id, channel=Channel.IN_APP)
    if is_read:
        shown.filter(status=NotificationStatus.SENT).update(
            status=NotificationStatus.READ, read_on=marked_at
        )
    else:
        shown.filter(status=NotificationStatus.READ).update(
            status=NotificationStatus.SENT, read_on=None
        )
    _tell(shown.values_list("user_id", flat=True))


def mark_all_read(*, profile_ids: Collection[UUID], marked_at: datetime) -> int:
    """Note that somebody has read all that their profiles were told so far; return how many were new."""
    unread = Notification.objects.filter(
        user_id__in=profile_ids, channel=Channel.IN_APP, status=NotificationStatus.SENT
    )
    count = unread.update(status=NotificationStatus.READ, read_on=marked_at)
    if count:
        _tell(profile_ids)
    return count


def forget_old(*, now: datetime) -> int:
    """Delete what nobody waits for and is older than is kept; return how many that were."""
    old = Notification.objects.filter(created_on__lt=now - KEPT_FOR).exclude(
        status=NotificationStatus.PENDING
    )
    ids = list(old.order_by("id").values_list("id", flat=True)[:BATCH])
    return int(Notification.objects.filter(id__in=ids).delete()[0])


def _tell(profile_ids: Collection[UUID]) -> None:
    """Have the person's other windows look again."""
    for profile_id in sorted(set(profile_ids)):
        stream.tell(kind=READ, audience=Audience.PERSON, audience_id=profile_id, payload={})
