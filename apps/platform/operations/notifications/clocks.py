"""Clocks: when somebody's quiet hours end, and when it is eight in the morning where they are."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from apps.platform.models import Frequency

DIGESTS_AT = time(8)
MONDAY = 0


def zone(name: str) -> ZoneInfo:
    """Return a time zone; UTC for one that this machine does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def is_zone(name: str) -> bool:
    """Return whether a name is that of an IANA time zone."""
    return name in available_timezones()


def quiet_until(*, now: datetime, starts: time, ends: time, time_zone: str) -> datetime | None:
    """Return when the quiet hours that `now` is in end, in UTC; None outside of them.

    They go by what a clock on the wall shows: an end that is skipped in spring is as late as the clock
    jumps, and one that comes twice in autumn is over when it comes the second time.
    """
    here = zone(time_zone)
    local = now.astimezone(here)
    if not _is_within(local.time(), starts=starts, ends=ends):
        return None
    day = local.date() if local.time() < ends else local.date() + timedelta(days=1)
    for fold in (0, 1):
        end = datetime.combine(day, ends, tzinfo=here).replace(fold=fold).astimezone(UTC)
        if end > now and not _is_within(end.astimezone(here).time(), starts=starts, ends=ends):
            return end
    # The clock goes from within the hours to within them: look again in an hour.
    return now + timedelta(hours=1)


def _is_within(moment: time, *, starts: time, ends: time) -> bool:
    if starts <= ends:
        return starts <= moment < ends
    return moment >= starts or moment < ends


def next_digest(*, now: datetime, frequency: str, time_zone: str) -> datetime:
    """Return the next eight o'clock of a time zone, in UTC; of a Monday, if it is weekly."""
    here = zone(time_zone)
    local = now.astimezone(here)
    day = local.date()
    for _ in range(9):
        at = datetime.combine(day, DIGESTS_AT, tzinfo=here).astimezone(UTC)
        if at > now and (frequency != Frequency.WEEKLY or day.weekday() == MONDAY):
            return at
        day += timedelta(days=1)
    raise AssertionError("No week has no Monday.")
