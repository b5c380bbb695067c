"""The relay: hands recorded messages to their subscribers, at least once and in order per aggregate.

What waits is in the outbox of the context that recorded it: one row per message and handler. A relay
leases a batch, gives it to the handlers, each in units of work of its own, and takes the rows away.
A handler's inbox notes each message in the transaction of what the handler does: however often a
message comes, and wherever a relay is killed, its effect is there once.
"""

import logging
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from time import monotonic

from apps.kernel import messages
from apps.kernel.messages import Subscription
from apps.tenancy import binding, inbox, outbox
from apps.tenancy.inbox import BeingReplayed
from apps.tenancy.outbox import Delivery, Failure, Outcome

logger = logging.getLogger(__name__)

# Of one call, which thereby ends; a task then makes room for other tenants.
ROUNDS = 100
# Every so many batches one is of messages under suspicion, however much else waits.
SUSPECTS_EVERY = 10
# About six hours with the pauses below; after that a person has to look.
ATTEMPTS = 17
LONGEST_PAUSE_SECONDS = 3_600.0
# Of a message that nobody here can take. About eight minutes: a relay of the release before may meet
# what only the next one knows.
ATTEMPTS_OF_UNKNOWN = 8
# A handler whose read model is being filled anew is asked again after so long.
REPLAY_PAUSE_SECONDS = 5.0


class NoSuchHandler(LookupError):
    """A message waits for a handler that is not subscribed any more."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No handler is subscribed as {name!r}.")


class LeftBehind(RuntimeError):
    """Relays ended, again and again, while they were at work on a message."""

    def __init__(self, times: int) -> None:
        super().__init__(f"Relays ended {times} times while they were at work on this message.")


class TookTooLong(RuntimeError):
    """A handler was at work for longer than its message is leased."""

    def __init__(self) -> None:
        super().__init__(f"The handler took longer than {outbox.LEASE_SECONDS:g} seconds.")


@dataclass(slots=True)
class Relay:
    """One relay of one tenant and context: what it delivered, and what became of the rest."""

    tenant: binding.Placed
    context: str
    handlers: Sequence[str] | None = None
    is_stopping: Callable[[], bool] = bool
    delivered: int = 0
    failed: int = 0
    dead: int = 0
    is_more: bool = False
    # When a batch must be given up: its lease ends at the latter, and nothing is begun after the former.
    _begin_until: float = 0.0
    _end_until: float = 0.0

    def run(self) -> None:
        """Deliver what is due; after many batches, or when told to stop, leave the rest: `is_more`."""
        outcome = Outcome()
        for number in range(1, ROUNDS + 1):
            if self.is_stopping():
                break
            batch = self._turn(outcome, suspects_only=number % SUSPECTS_EVERY == 0)
            outcome = Outcome()
            if not batch and number % SUSPECTS_EVERY:
                return
            for name, group in groupby(batch, key=lambda delivery: delivery.handler):
                self._give(name, list(group), outcome)
            self.delivered += len(outcome.done)
            self.failed += len(outcome.failed)
            self.dead += sum(each.is_dead for each in outcome.failed)
        with binding.bind(self.tenant, writes=self.context):
            outbox.settle(outcome, context=self.context)
        self.is_more = True

    def _turn(self, outcome: Outcome, *, suspects_only: bool) -> list[Delivery]:
        """Settle a batch and claim the next, in one transaction."""
        begun = monotonic()
        with binding.bind(self.tenant, writes=self.context):
            outbox.settle(outcome, context=self.context)
            batch = outbox.claim(
                context=self.context, handlers=self.handlers, suspects_only=suspects_only
            )
        self._begin_until = begun + outbox.LEASE_SECONDS / 2
        self._end_until = begun + outbox.LEASE_SECONDS
        return batch

    def _give(self, name: str, group: list[Delivery], outcome: Outcome) -> None:
        """Deliver messages to one handler, wherever that ends."""
        subscription = messages.subscriptions().get(name)
        if subscription is None:
            self._give_up(group, outcome)
            return
        try:
            self._deliver(group, subscription=subscription, outcome=outcome)
        except BeingReplayed:
            logger.info("%s is being replayed: its messages wait", name)
            settled = {each.id for each in outcome.done}
            settled |= {each.delivery.id for each in outcome.failed}
            settled |= {each.id for back in outcome.back.values() for each in back}
            rest = [each for each in group if each.id not in settled]
            outcome.put_back(rest, pause_seconds=REPLAY_PAUSE_SECONDS)

    def _give_up(self, group: list[Delivery], outcome: Outcome) -> None:
        for _, of_one in groupby(group, key=lambda delivery: delivery.about):
            first, *rest = of_one
            error = NoSuchHandler(first.handler)
            is_dead = _fail(first, error, outcome, attempts=ATTEMPTS_OF_UNKNOWN)
            outcome.put_back(rest if not is_dead else [])
            if is_dead:
                for each in rest:
                    _fail(each, error, outcome, attempts=0)

    def _deliver(
        self, group: list[Delivery], *, subscription: Subscription, outcome: Outcome
    ) -> None:
        """Deliver messages together; where together they fail, each half by itself."""
        group = self._without_held(group, outcome)
        if not group:
            return
        if monotonic() > self._begin_until:
            outcome.put_back(group)
            return
        try:
            if group[0].attempts >= ATTEMPTS:
                raise LeftBehind(group[0].attempts)
            taken = self._take(group, subscription=subscription)
        except BeingReplayed:
            raise
        except Exception as error:  # noqa: BLE001 - one of them is at fault: it is looked for
            if len(group) == 1:
                unknown = isinstance(error, messages.Undeclared)
                limit = ATTEMPTS_OF_UNKNOWN if unknown else ATTEMPTS
                _fail(group[0], error, outcome, attempts=limit)
                return
            middle = _middle(group)
            self._deliver(group[:middle], subscription=subscription, outcome=outcome)
            self._deliver(group[middle:], subscription=subscription, outcome=outcome)
        else:
            outcome.done += group[:taken]
            outcome.put_back(group[taken:])

    def _without_held(self, group: list[Delivery], outcome: Outcome) -> list[Delivery]:
        """Put back what has to wait for an earlier message of its aggregate; return the others."""
        late = [each.delivery for each in outcome.failed if not each.is_dead]
        late += [each for back in outcome.back.values() for each in back]
        held = {(each.handler, each.about) for each in late}
        if not held:
            return group
        outcome.put_back([each for each in group if (each.handler, each.about) in held])
        return [each for each in group if (each.handler, each.about) not in held]

    def _take(self, group: Sequence[Delivery], *, subscription: Subscription) -> int:
        """Let the handler take messages, in one unit of work with the notes in its inbox.

        Return how many it took before half of the lease was over: the others were not begun.

        :raises TookTooLong: the lease ended meanwhile, and what was done is taken back.
        """
        with binding.bind(self.tenant, writes=subscription.context):
            new = inbox.note(
                handler=subscription.name,
                context=subscription.context,
                ids=[delivery.envelope.id for delivery in group],
            )
            taken = 0
            for delivery in group:
                if taken and monotonic() > self._begin_until:
                    inbox.forget(
                        handler=subscription.name,
                        context=subscription.context,
                        ids=[late.envelope.id for late in group[taken:]],
                    )
                    break
                if delivery.envelope.id in new:
                    envelope = delivery.envelope
                    message = messages.from_payload(envelope.kind, envelope.payload)
                    subscription.handle(message, envelope)
                taken += 1
            if monotonic() > self._end_until:
                raise TookTooLong
        return taken


def relay(*, tenant: binding.Placed, context: str, handlers: Iterable[str] | None = None) -> int:
    """Deliver what is due of a tenant's messages of one context; return how many that were.

    :param handlers: only these; all of them, those that are gone included, when None.
    """
    work = Relay(tenant, context, None if handlers is None else sorted(handlers))
    work.run()
    return work.delivered


def _fail(delivery: Delivery, error: Exception, outcome: Outcome, *, attempts: int) -> bool:
    """Note a failure, by one line of the log; return whether the message is dead with it.

    :param attempts: how many it has in all.
    """
    made = delivery.attempts + 1
    is_dead = made >= attempts
    pause = min(2.0**made, LONGEST_PAUSE_SECONDS) * random.uniform(0.75, 1.25)
    # What follows the first line of a database's error are the values of the row.
    first_line = (str(error).splitlines() or [""])[0]
    text = f"{type(error).__name__}: {first_line}".replace("\x00", "")[: outbox.ERROR_LENGTH]
    outcome.failed.append(Failure(delivery, made, text, pause, is_dead))
    if is_dead:
        said = "%s is given up for %s after %s attempts: %s"
        logger.error(said, delivery.envelope.id, delivery.handler, made, text, exc_info=error)
    else:
        said = "%s failed on %s, and is tried again in %.0f s: %s"
        logger.warning(said, delivery.handler, delivery.envelope.id, pause, text)
    return is_dead


def _middle(group: Sequence[Delivery]) -> int:
    """Return where to halve: between two aggregates, or else in the midst of the only one."""
    starts = [
        number for number in range(1, len(group)) if group[number].about != group[number - 1].about
    ]
    middle = len(group) // 2
    return min(starts, key=lambda start: abs(start - middle), default=middle)
