"""Looking after payments: whatever became of whoever asked for them.

One that was not asked for is asked for, one that waits is looked at again, and one that nobody wants any
more is cancelled there, so that it can't be paid late.
"""

import logging
from uuid import UUID

from django.conf import settings

from apps.commerce.models import Payment, PaymentState, Purchase, PurchaseState
from apps.commerce.operations.payments import due, settling, starting
from apps.commerce.operations.payments.starting import Asked
from apps.commerce.ports import payments as ports
from apps.commerce.queries import clock, subscriptions
from apps.kernel.errors import Problem
from apps.tenancy import binding

logger = logging.getLogger(__name__)

AT_ONCE = 100


def sweep_payments(*, tenant: binding.Placed) -> int:
    """Look after the payments that are due; return how many these were. Called in no unit of work."""
    with binding.bind(tenant):
        found = Payment.objects.filter(due_at__lte=due.now()).order_by("due_at", "id")
        ids = list(found.values_list("id", flat=True)[:AT_ONCE])
    for payment_id in ids:
        try:
            sweep_payment(tenant=tenant, payment_id=payment_id)
        except Problem as problem:
            logger.warning("the payment %s is looked at again later: %s", payment_id, problem.slug)
        except Exception:
            # One that can't be looked after must not keep the others from it. It stays due.
            logger.exception("the payment %s can't be looked after", payment_id)
    return len(ids)


def sweep_payment(*, tenant: binding.Placed, payment_id: UUID) -> None:
    """Ask for a payment, look at it again, or cancel it; unless somebody else just did.

    :raises ProviderUnavailable: the provider doesn't answer.
    :raises ProviderMisconfigured: it doesn't take the tenant's keys.
    """
    with binding.bind(tenant, writes="commerce"):
        payment = settling.lock_payment(payment_id)
        if payment.due_at is None or payment.due_at > due.now():
            return
        is_wanted = _is_wanted(payment)
    asked = starting.begin(tenant=tenant, payment_id=payment_id)
    outcome = starting.ask(asked, tenant=tenant) if is_wanted else _cancel(asked, tenant=tenant)
    with binding.bind(tenant, writes="commerce"):
        settling.settle_payment(payment_id=payment_id, outcome=outcome, at=clock.now())


def give_up_payment(*, tenant: binding.Placed, payment_id: UUID) -> None:
    """Cancel a payment that its buyer began and left, and record where it stands then. Called in no unit of work.

    It may have been made meanwhile, or be on its way: then it stays.

    :raises ProviderUnavailable: the provider doesn't answer.
    :raises ProviderMisconfigured: it doesn't take the tenant's keys.
    """
    asked = starting.begin(tenant=tenant, payment_id=payment_id)
    if asked.payment.state not in settling.UNSETTLED:
        return
    outcome = _cancel(asked, tenant=tenant)
    with binding.bind(tenant, writes="commerce"):
        settling.settle_payment(payment_id=payment_id, outcome=outcome, at=clock.now())


def _is_wanted(payment: Payment) -> bool:
    if payment.state not in settling.UNSETTLED:
        return False
    if payment.purchase_id is not None:
        waiting = Purchase.objects.filter(id=payment.purchase_id, state=PurchaseState.PENDING)
        return waiting.exists()
    if payment.subscription_id and payment.period_id:
        return subscriptions.is_awaited(
            subscription_id=payment.subscription_id, period_id=payment.period_id
        )
    return due.now() - due.made_at(payment.id) < settings.PAYMENT_ABANDONED_AFTER


def _cancel(asked: Asked, *, tenant: binding.Placed) -> ports.PaymentOutcome:
    provider = ports.connect(asked.keys)
    known_as = asked.payment.provider_payment_id
    if not known_as and (asked.customer_id or not provider.keeps_customers):
        # Whoever asked for it may have died before the answer came.
        request = starting.request_for(asked, tenant=tenant, customer_id=asked.customer_id)
        found = provider.find_payment(request)
        known_as = found.provider_payment_id if found else ""
    if known_as:
        return provider.cancel_payment(known_as)
    return ports.PaymentOutcome(state=PaymentState.CANCELLED, provider_payment_id="")
