"""Giving payments up that nobody wants any more. The sweep cancels them, so that they can't be paid late."""

from uuid import UUID

from apps.commerce.models import Payment, PaymentState
from apps.commerce.operations.payments import due
from apps.tenancy import binding, kicks

# By its name: tasks are above operations.
SWEEP_PAYMENTS = "commerce.sweep_payments"


def give_up_payments(*, purchase_id: UUID) -> None:
    """Have what a purchase waited for cancelled at the provider, soon after this is committed."""
    waiting = Payment.objects.filter(
        purchase_id=purchase_id, state__in=(PaymentState.CREATED, PaymentState.PENDING)
    )
    if waiting.update(due_at=due.now()):
        bound = binding.require()
        tenant = bound.tenant
        bound.add_hook(lambda: kicks.kick_task(SWEEP_PAYMENTS, tenant=tenant), once=SWEEP_PAYMENTS)
