"""What is kept of people here, when they are erased."""

from collections.abc import Collection
from uuid import UUID

from django.db import connections

from apps.platform.models import (
    ContactPoint,
    Notification,
    NotificationPreference,
    QuietHours,
)

# What others were told of them names them; the ids that it is about say which those are.
ABOUT = """
SELECT n.id FROM notifications n, jsonb_each_text(n.meta_data) AS about
WHERE about.value = ANY(%s)
"""


def forget_people(*, ids: Collection[UUID]) -> dict[str, int]:
    """Delete what some profiles were told, what others were told of them, and all they set.

    :returns: how many rows of which table went.
    """
    if not ids:
        return {}
    with connections["platform"].cursor() as cursor:
        cursor.execute(ABOUT, [[str(id_) for id_ in ids]])
        about = {id_ for (id_,) in cursor.fetchall()}
    digests = Notification.objects.filter(id__in=about, digest_id__isnull=False)
    about |= set(digests.values_list("digest_id", flat=True))
    removed = {
        "notifications": Notification.objects.filter(user_id__in=ids).delete()[0]
        + Notification.objects.filter(id__in=about).delete()[0]
    }
    for model in (ContactPoint, NotificationPreference, QuietHours):
        removed[model._meta.db_table] = model.objects.filter(user_id__in=ids).delete()[0]
    return removed
