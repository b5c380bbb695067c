"""Steering the local provider: what a real one would tell some time, a developer says."""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import models

from apps.commerce.models import DisputeState, Payment, PaymentState, Provider
from apps.commerce.operations.payments import following, settling
from apps.commerce.ports.payments import DisputeOutcome, PaymentOutcome
from apps.kernel.errors import Conflict, Forbidden


class Simulated(models.TextChoices):
    """What can be simulated."""

    SUCCEEDED = "SUCCEEDED", "it is paid"
    FAILED = "FAILED", "it fails"
    CANCELLED = "CANCELLED", "it is cancelled"
    DISPUTED = "DISPUTED", "the buyer's bank disputes it"
    DISPUTE_WON = "DISPUTE_WON", "the dispute is won"
    DISPUTE_LOST = "DISPUTE_LOST", "the dispute is lost"


_PAYMENTS = {
    Simulated.SUCCEEDED: PaymentState.SUCCEEDED,
    Simulated.FAILED: PaymentState.FAILED,
    Simulated.CANCELLED: PaymentState.CANCELLED,
}
_DISPUTES = {
    Simulated.DISPUTED: DisputeState.OPEN,
    Simulated.DISPUTE_WON: DisputeState.WON,
    Simulated.DISPUTE_LOST: DisputeState.LOST,
}


class NotSimulated(Forbidden):
    """Only what takes no money is steered, and only where that is allowed."""

    slug = "not-simulated"
    title = "This payment can't be simulated."


class NothingToDispute(Conflict):
    """What was not paid is not disputed."""

    slug = "nothing-to-dispute"
    title = "It was not paid."


def simulate_payment(*, payment_id: UUID, outcome: str, simulated_at: datetime) -> Payment:
    """Have a payment of the local provider end, or be disputed, as somebody says.

    :param outcome: one of `Simulated`.
    :raises NotFound: there is no such payment.
    :raises NotSimulated: a real provider moves its money, or this deployment has no local one.
    :raises NothingToDispute: it has not succeeded.
    """
    payment = settling.lock_payment(payment_id)
    if payment.provider != Provider.LOCAL or not settings.LOCAL_PAYMENTS:
        raise NotSimulated(
            "Only payments of the provider `local` are, where QUINTET_LOCAL_PAYMENTS is on."
        )
    said = Simulated(outcome)
    if said in _PAYMENTS:
        return settling.settle_payment(
            payment_id=payment_id,
            outcome=PaymentOutcome(
                state=_PAYMENTS[said],
                provider_payment_id=payment.provider_payment_id,
                failure="simulated" if said == Simulated.FAILED else "",
            ),
            at=simulated_at,
        )
    if payment.state != PaymentState.SUCCEEDED:
        raise NothingToDispute(f"It is {payment.state}.")
    dispute = DisputeOutcome(
        state=_DISPUTES[said],
        provider_dispute_id=f"local_dispute_{payment.id}",
        amount=payment.amount,
    )
    following.follow_dispute(payment=payment, dispute=dispute, at=simulated_at)
    return payment
