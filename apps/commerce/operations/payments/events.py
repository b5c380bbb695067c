"""What providers tell by themselves: kept once, however often it comes, and worked off afterwards.

An event is a reason to ask, no more: events come twice, late and in any order. Everything about its
payment is asked anew and booked in one order, so that it does not matter which event made us ask.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.commerce.models import Payment, ProviderEvent
from apps.commerce.operations.payments import accounts, due, following, settling
from apps.commerce.ports import payments as ports
from apps.commerce.queries import clock
from apps.kernel.errors import Conflict, NotFound, Problem
from apps.tenancy import binding, kicks

logger = logging.getLogger(__name__)

# By its name: tasks are above operations.
WORK_OFF_EVENTS = "commerce.work_off_events"
AT_ONCE = 100
# After so many times, in not quite four days, an event is left to the staff.
ATTEMPTS = 365
# What begins so may change how a payment stands; other events are kept, and nothing follows from them.
_KINDS = ("payment_intent.", "charge.", "refund.")

NOT_OURS = "ignored: not a payment of this tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Everything about a payment, as its provider says now."""

    outcome: ports.PaymentOutcome
    refunds: Sequence[ports.RefundOutcome]
    disputes: Sequence[ports.DisputeOutcome]


def receive_event(
    *,
    tenant: binding.Placed,
    provider: str,
    body: bytes,
    headers: Mapping[str, str],
    received_at: datetime,
) -> None:
    """Keep what a provider tells, if it is signed, and have it worked off. Called in no unit of work.

    :raises NotFound: the tenant has no account with the provider.
    :raises BadSignature: it is not the provider's, or too old.
    :raises Invalid: it is signed, and no event.
    """
    try:
        with binding.bind(tenant):
            keys = accounts.keys_of(provider)
    except accounts.ProviderNotEnabled as error:
        raise NotFound from error
    seen = ports.connect(keys).verify_event(body=body, headers=headers)
    with binding.bind(tenant, writes="commerce"):
        event = ProviderEvent(
            provider=provider,
            event_id=seen.event_id,
            kind=seen.kind,
            object_id=seen.provider_payment_id,
            occurred_at=seen.occurred_at,
            received_at=received_at,
            due_at=due.now(),
        )
        ProviderEvent.objects.bulk_create([event], ignore_conflicts=True)
        binding.on_commit(lambda: kicks.kick_task(WORK_OFF_EVENTS, tenant=tenant))


def work_off_events(*, tenant: binding.Placed) -> int:
    """Work off the events that are due; return how many. Called in no unit of work."""
    with binding.bind(tenant):
        found = ProviderEvent.objects.filter(due_at__lte=due.now()).order_by("due_at", "id")
        ids = list(found.values_list("id", flat=True)[:AT_ONCE])
    for event_id in ids:
        try:
            work_off_event(tenant=tenant, event_id=event_id)
        except Problem as problem:
            _note(tenant, event_id, f"waits: {problem.slug}")
        except Exception:
            # One that can't be worked off must not keep the others from it.
            logger.exception("the event %s can't be worked off", event_id)
            _note(tenant, event_id, "waits: something went wrong here")
    return len(ids)


def work_off_event(*, tenant: binding.Placed, event_id: UUID) -> None:
    """Ask how an event's payment stands, and book it; unless somebody else just did.

    :raises ProviderUnavailable: the provider doesn't answer.
    :raises Conflict: something that was given back there can't be booked here.
    """
    with binding.bind(tenant, writes="commerce"):
        event = _locked(event_id)
        if event.due_at is None or event.due_at > due.now():
            return
        event.attempts += 1
        event.due_at = due.after_asking() if event.attempts < ATTEMPTS else None
        event.save(update_fields=["attempts", "due_at"])
        keys = accounts.keys_of(event.provider)
    told = _ask(event, ports.connect(keys))
    with binding.bind(tenant, writes="commerce"):
        at = clock.now()
        outcome: str | Conflict = "ignored: nothing follows from it"
        if told is not None:
            outcome = _book(told, tenant=tenant, at=at)
        if isinstance(outcome, str):
            event = _locked(event_id)
            event.outcome, event.processed_at, event.due_at = outcome, at, None
            event.save(update_fields=["outcome", "processed_at", "due_at"])
    if isinstance(outcome, Conflict):
        # What could be booked is.
        raise outcome


def repeat_event(*, event_id: UUID) -> None:
    """Have an event worked off again.

    :raises NotFound: there is none.
    """
    event = _locked(event_id)
    event.attempts, event.due_at = 0, due.now()
    event.save(update_fields=["attempts", "due_at"])
    tenant = binding.require().tenant
    binding.on_commit(lambda: kicks.kick_task(WORK_OFF_EVENTS, tenant=tenant))


def _ask(event: ProviderEvent, provider: ports.PaymentProvider) -> Told | None:
    if not event.object_id or not event.kind.startswith(_KINDS):
        return None
    try:
        return Told(
            outcome=provider.fetch_payment(event.object_id),
            refunds=provider.list_refunds(event.object_id),
            disputes=provider.list_disputes(event.object_id),
        )
    except ports.ProviderRefused:
        # It is an object of other keys than this tenant's.
        return None


def _book(told: Told, *, tenant: binding.Placed, at: datetime) -> str | Conflict:
    """Book what was told, if it is of the bound tenant; return what came of it, in a few words or what refused."""
    if told.outcome.tenant_id != str(tenant.id):
        return NOT_OURS
    try:
        payment_id = UUID(told.outcome.payment_id)
        payment: Payment = settling.settle_payment(
            payment_id=payment_id, outcome=told.outcome, at=at
        )
    except (ValueError, NotFound, settling.OutcomeOfAnother):
        return NOT_OURS
    refused = following.follow_payment(
        payment=payment, refunds=told.refunds, disputes=told.disputes, at=at
    )
    return refused or f"booked: {payment.state}"


def _note(tenant: binding.Placed, event_id: UUID, outcome: str) -> None:
    with binding.bind(tenant, writes="commerce"):
        event = _locked(event_id)
        event.outcome = outcome
        if event.due_at is not None:
            event.due_at = due.after(event.attempts)
        event.save(update_fields=["outcome", "due_at"])


def _locked(event_id: UUID) -> ProviderEvent:
    event: ProviderEvent | None = (
        ProviderEvent.objects.select_for_update().filter(id=event_id).first()
    )
    if event is None:
        raise NotFound
    return event
