"""The test clock: a tenant's commerce in fast motion, each thing at its own time."""

from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from apps.commerce import queries
from apps.commerce.models import TestClock
from apps.commerce.operations import purchases, subscriptions
from apps.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from apps.kernel.ids import uuid7
from apps.kernel.refusals import refusing
from apps.platform import interface as platform
from apps.tenancy import binding

FLAG = "commerce.test_clock"

# Two years with a leap day, which is the most that Stripe's test clocks move by: a yearly plan is renewed
# twice, and there is an end to what one call can ask for.
LONGEST_MOVE = timedelta(days=731)

# A mover gives a sign of life at each step. What falls due at one moment takes no longer, unless it is
# very much; and should two move after all, each row is still worked off once.
SILENT_AFTER = timedelta(minutes=5)


class ClockNotAllowed(Forbidden):
    """The tenant's money is real."""

    slug = "test-clock-not-allowed"
    title = "There is no test clock for this tenant."


class ClockMoving(Conflict):
    """It is moved by one at a time."""

    slug = "test-clock-moving"
    title = "The test clock is on its way."


class ClockExists(Conflict):
    """A clock is advanced, and not set again."""

    slug = "test-clock-exists"
    title = "There is a test clock already."


def set_clock(*, time: datetime, set_at: datetime) -> TestClock:
    """Give the bound tenant a clock of its own, which stands until it is advanced.

    :param set_at: the time that it is for everybody.
    :raises ClockNotAllowed: the flag `commerce.test_clock` is off.
    :raises ClockExists: there is one, that shows another time.
    :raises Invalid: it is more than two years away.
    """
    _check_allowed()
    there = TestClock.objects.first()
    if there is not None:
        if there.time == time:
            return there
        raise ClockExists(f"It shows {there.time.isoformat()}: advance it, or delete it first.")
    if abs(time - set_at) > LONGEST_MOVE:
        raise Invalid(fields={"time": [f"It is more than {LONGEST_MOVE.days} days away."]})
    clock = TestClock(time=time, created_on=set_at)
    with refusing(alias="commerce", constraints={"test_clocks_one": ClockExists()}):
        clock.save(force_insert=True)
    return clock


def delete_clock(*, deleted_at: datetime) -> None:
    """Go back to the time that it is for everybody; what has happened stays.

    :raises NotFound: there is no clock.
    :raises ClockMoving: it is on its way.
    """
    clock = _hold()
    if _is_alive(clock, at=deleted_at):
        raise ClockMoving("Delete it when it has arrived.")
    clock.delete()


def advance_clock(*, tenant: binding.Placed, to: datetime) -> TestClock:
    """Move a tenant's clock, and work off what falls due, in order, each thing at its own time.

    Binds itself, anew for each step: if it is killed, the next call goes on from where it stood.

    :raises ClockNotAllowed: the flag `commerce.test_clock` is off.
    :raises NotFound: there is no clock.
    :raises ClockMoving: somebody else moves it, or it was on its way further.
    :raises Invalid: it would go back, or more than two years.
    """
    mover_id = uuid7()
    with binding.bind(tenant, writes="commerce"):
        moment = _take(to=to, mover_id=mover_id)
    try:
        while True:
            _work_off(tenant, now=moment)
            with binding.bind(tenant, writes="commerce"):
                clock, is_there = _step(mover_id=mover_id)
            if is_there:
                return clock
            moment = clock.time
    except BaseException:
        _let_go(tenant, mover_id=mover_id)
        raise


def resume_clock(*, tenant: binding.Placed) -> TestClock | None:
    """Bring a clock to where it was on its way to, if whoever moved it is gone. Binds itself."""
    with binding.bind(tenant):
        clock = TestClock.objects.first()
    if clock is None or clock.moving_to is None or _is_alive(clock, at=timezone.now()):
        return None
    return advance_clock(tenant=tenant, to=clock.moving_to)


def _take(*, to: datetime, mover_id: UUID) -> datetime:
    _check_allowed()
    clock = _hold()
    if _is_alive(clock, at=timezone.now()):
        raise ClockMoving(f"It moves to {clock.moving_to}. Wait until it has arrived.")
    if clock.moving_to is not None and to < clock.moving_to:
        raise ClockMoving(
            f"It was stopped on its way to {clock.moving_to.isoformat()}: go on to it."
        )
    if to < clock.time:
        raise Invalid(fields={"to": [f"It shows {clock.time.isoformat()}, and never goes back."]})
    if to - clock.time > LONGEST_MOVE:
        raise Invalid(fields={"to": [f"It moves by {LONGEST_MOVE.days} days at most at once."]})
    clock.moving_to, clock.mover_id, clock.moved_at = to, mover_id, timezone.now()
    clock.save(update_fields=["moving_to", "mover_id", "moved_at"])
    return clock.time


def _work_off(tenant: binding.Placed, *, now: datetime) -> None:
    purchases.expire_each_due(tenant=tenant, now=now)
    subscriptions.work_off_due(tenant=tenant, now=now)


def _step(*, mover_id: UUID) -> tuple[TestClock, bool]:
    """Set the clock to the next moment; return it, and whether it has arrived with nothing left to do."""
    clock = _hold()
    if clock.mover_id != mover_id or clock.moving_to is None:
        raise ClockMoving("Somebody else has taken over.")
    moment = queries.clock.next_moment(after=clock.time, until=clock.moving_to)
    clock.moved_at = timezone.now()
    if moment is None:
        clock.time, clock.moving_to, clock.mover_id = clock.moving_to, None, None
    else:
        clock.time = moment
    clock.save(update_fields=["time", "moving_to", "mover_id", "moved_at"])
    return clock, moment is None


def _let_go(tenant: binding.Placed, *, mover_id: UUID) -> None:
    with binding.bind(tenant, writes="commerce"):
        TestClock.objects.filter(mover_id=mover_id).update(moved_at=None)


def _hold() -> TestClock:
    clock = TestClock.objects.select_for_update().first()
    if clock is None:
        raise NotFound("There is no test clock.")
    return clock


def _is_alive(clock: TestClock, *, at: datetime) -> bool:
    if clock.moving_to is None or clock.moved_at is None:
        return False
    return clock.moved_at > at - SILENT_AFTER


def _check_allowed() -> None:
    if not platform.is_on(key=FLAG):
        raise ClockNotAllowed(f"Switch the flag {FLAG} on first, where no money is real.")
