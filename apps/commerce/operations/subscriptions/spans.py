"""When periods end: counted from an anchor, so that they never drift."""

from calendar import monthrange
from datetime import datetime, timedelta

from apps.commerce.models import Recurrence

MONTHS = {Recurrence.MONTHLY: 1, Recurrence.YEARLY: 12}


def end_of(*, anchor_at: datetime, recurrence: str, count: int) -> datetime:
    """Return when the `count`-th period after an anchor ends, in UTC.

    Of a month that has no such day, it is the last: from 31 January, months end on 28 or 29 February,
    31 March, 30 April.
    """
    if recurrence == Recurrence.WEEKLY:
        return anchor_at + timedelta(weeks=count)
    months = anchor_at.month - 1 + count * MONTHS[Recurrence(recurrence)]
    year, month = anchor_at.year + months // 12, months % 12 + 1
    return anchor_at.replace(
        year=year, month=month, day=min(anchor_at.day, monthrange(year, month)[1])
    )


def unused_share(*, amount: int, starts_at: datetime, ends_at: datetime, at: datetime) -> int:
    """Return what of an amount is for the time from `at` to the end, in whole minor units, rounded down."""
    whole = (ends_at - starts_at) // timedelta(microseconds=1)
    left = (ends_at - max(at, starts_at)) // timedelta(microseconds=1)
    if whole <= 0 or left <= 0:
        return 0
    return amount * left // whole
