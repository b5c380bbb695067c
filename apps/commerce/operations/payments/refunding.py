"""Refunds at a provider: queued in the transaction of the refund, sent after it, and found by the sweep.

The books are written when a refund is made. What follows where the provider gives nothing back after all
is in `unpaid`.
"""

import logging
from datetime import datetime
from uuid import UUID

from apps.commerce.models import (
    Payment,
    PaymentState,
    ProviderRefund,
    Refund,
)
from apps.commerce.operations.payments import accounts, due, unpaid
from apps.commerce.ports import payments as ports
from apps.commerce.queries import clock
from apps.kernel.errors import Problem
from apps.tenancy import binding, kicks

logger = logging.getLogger(__name__)

# By its name: tasks are above operations.
SEND_REFUNDS = "commerce.send_refunds"
AT_ONCE = 100
S = PaymentState
UNSETTLED = (S.CREATED, S.PENDING)


def queue_refund(*, refund: Refund, payment: Payment, queued_at: datetime) -> ProviderRefund:
    """Have the payment's provider give back what a refund says, once this is committed.

    The books are written by whoever makes the refund: it is taken from what the provider has of the
    tenant's.
    """
    queued = ProviderRefund.objects.create(
        refund=refund, payment=payment, due_at=due.now(), created_on=queued_at
    )
    bound = binding.require()
    tenant = bound.tenant
    bound.add_hook(lambda: kicks.kick_task(SEND_REFUNDS, tenant=tenant), once=SEND_REFUNDS)
    return queued


def send_refunds(*, tenant: binding.Placed) -> int:
    """Send, or look again at, the refunds that are due; return how many. Called in no unit of work."""
    with binding.bind(tenant):
        found = ProviderRefund.objects.filter(due_at__lte=due.now()).order_by("due_at", "id")
        ids = list(found.values_list("id", flat=True)[:AT_ONCE])
    for refund_id in ids:
        try:
            send_refund(tenant=tenant, refund_id=refund_id)
        except Problem as problem:
            logger.warning("the refund %s is sent again later: %s", refund_id, problem.slug)
        except Exception:
            # One that can't be sent must not keep the others from it. It stays due.
            logger.exception("the refund %s can't be sent", refund_id)
    return len(ids)


def send_refund(*, tenant: binding.Placed, refund_id: UUID) -> None:
    """Ask the provider for a refund, or how it stands; unless somebody else just did.

    :raises ProviderUnavailable: it doesn't answer.
    :raises ProviderMisconfigured: it doesn't take the tenant's keys.
    """
    with binding.bind(tenant, writes="commerce"):
        refund = unpaid.locked(refund_id)
        if refund.due_at is None or refund.due_at > due.now():
            return
        refund.attempts += 1
        refund.due_at = due.after_asking()
        refund.save(update_fields=["attempts", "due_at"])
        keys = accounts.keys_of(refund.payment.provider)
        request = _request(refund, tenant=tenant)
    outcome = _ask(ports.connect(keys), request, is_first=refund.attempts == 1)
    with binding.bind(tenant, writes="commerce"):
        settle_refund(refund_id=refund_id, outcome=outcome, at=clock.now())


def settle_refund(*, refund_id: UUID, outcome: ports.RefundOutcome, at: datetime) -> ProviderRefund:
    """Record what a provider says of a refund. One that was given back can still fail: a bank refuses it.

    :raises NotFound: there is no such refund.
    """
    refund = unpaid.locked(refund_id)
    said = S.FAILED if outcome.state == S.CANCELLED else outcome.state
    # Of one that was made up for by another, only that other can fail.
    is_same = outcome.provider_refund_id == refund.provider_refund_id
    if refund.state in UNSETTLED or (refund.state == S.SUCCEEDED and said == S.FAILED and is_same):
        if said == S.FAILED:
            unpaid.book_unpaid(refund, said_of=outcome.provider_refund_id, at=at)
        refund.state, refund.failure = said, outcome.failure
        refund.provider_refund_id = outcome.provider_refund_id or refund.provider_refund_id
        refund.due_at = due.after(refund.attempts) if said == S.PENDING else None
        refund.updated_at = due.now()
        refund.save(
            update_fields=["state", "failure", "provider_refund_id", "due_at", "updated_at"]
        )
    return refund


def _request(refund: ProviderRefund, *, tenant: binding.Placed) -> ports.RefundRequest:
    return ports.RefundRequest(
        tenant_id=tenant.id,
        refund_id=refund.id,
        provider_payment_id=refund.payment.provider_payment_id,
        amount=refund.refund.amount,
        currency=refund.payment.currency,
        reason=refund.refund.reason,
    )


def _ask(
    provider: ports.PaymentProvider, request: ports.RefundRequest, *, is_first: bool
) -> ports.RefundOutcome:
    try:
        if not is_first:
            # It may be there, under a key that the provider has forgotten.
            for each in provider.list_refunds(request.provider_payment_id):
                if each.refund_id == str(request.refund_id):
                    return each
        return provider.refund(request)
    except ports.ProviderRefused as refused:
        return ports.RefundOutcome(
            state=S.FAILED,
            provider_refund_id="",
            provider_payment_id=request.provider_payment_id,
            amount=request.amount,
            failure=refused.code,
        )
