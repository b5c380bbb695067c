"""What time it is for a tenant's commerce."""

from datetime import datetime

from django.utils import timezone

from apps.commerce.models import Purchase, PurchaseState, Subscription, TestClock


def now() -> datetime:
    """Return the time of the bound tenant's test clock, or the time there is, in UTC. One query."""
    return TestClock.objects.values_list("time", flat=True).first() or timezone.now()


def next_moment(*, after: datetime, until: datetime) -> datetime | None:
    """Return when something falls due next, later than `after`; None if nothing does until `until`.

    Holds and reservations are a purchase's, and expire with it.
    """
    subscriptions = Subscription.objects.filter(due_at__gt=after, due_at__lte=until)
    purchases = Purchase.objects.filter(
        state=PurchaseState.PENDING, expires_at__gt=after, expires_at__lte=until
    )
    moments = [
        subscriptions.order_by("due_at").values_list("due_at", flat=True).first(),
        purchases.order_by("expires_at").values_list("expires_at", flat=True).first(),
    ]
    return min((moment for moment in moments if moment is not None), default=None)
