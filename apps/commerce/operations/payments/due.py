"""When what providers were asked for is looked after: by the clock there is, which is also theirs."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)
# In one piece of work a provider is called so often: for a customer, for what may be there, for the payment.
_CALLS = 3


def after_asking() -> datetime:
    """Return when whoever asks a provider from now on has surely ended, or died."""
    return (
        timezone.now() + FIRST_PAUSE + timedelta(seconds=_CALLS * settings.PAYMENT_TIMEOUT_SECONDS)
    )


def after(attempts: int) -> datetime:
    """Return when to look again after so many times: in half a minute, then twice as long each time."""
    pause = FIRST_PAUSE * 2.0 ** min(max(attempts - 1, 0), 20)
    return timezone.now() + min(pause, LONGEST_PAUSE)


def now() -> datetime:
    """Return the time that `due_at` is held against."""
    return timezone.now()


def made_at(id_: UUID) -> datetime:
    """Return when a row was made, by its id: a UUIDv7 begins with milliseconds."""
    return datetime.fromtimestamp((id_.int >> 80) / 1_000, UTC)
