"""A provider for development: it takes no money, and the amount says what becomes of a payment.

Of an amount in minor units the last two digits count: see docs/payments.md. It keeps nothing: all it
has to know is in the ids it gives.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar
from uuid import UUID

from apps.commerce.models import PaymentState, Provider
from apps.commerce.ports.payments.base import (
    BadSignature,
    DisputeOutcome,
    EventSeen,
    PaymentOutcome,
    PaymentRequest,
    ProviderKeys,
    ProviderRefused,
    ProviderUnavailable,
    RefundOutcome,
    RefundRequest,
)

DECLINED, WAITS, NEEDS_BUYER, NOT_REFUNDED, SILENT = 2, 3, 4, 5, 6
_HUNDRED = 100


class LocalProvider:
    """The provider `local`."""

    name: ClassVar[str] = Provider.LOCAL
    keeps_customers: ClassVar[bool] = False

    def __init__(self, keys: ProviderKeys) -> None:
        self._keys = keys

    def create_customer(self, *, tenant_id: UUID, user_id: UUID) -> str:
        """Return an id made of the person's."""
        return f"local_customer_{user_id}"

    def create_payment(self, request: PaymentRequest) -> PaymentOutcome:
        """Take it, or not, as its amount says."""
        rule = request.amount % _HUNDRED
        if rule == SILENT:
            raise ProviderUnavailable(
                "The local provider doesn't answer for amounts that end in 06."
            )
        if rule == DECLINED:
            raise ProviderRefused("card_declined")
        if rule == NEEDS_BUYER and request.is_off_session:
            raise ProviderRefused("authentication_required")
        return self.fetch_payment(f"local_{request.payment_id}_{request.amount}")

    def find_payment(self, request: PaymentRequest) -> PaymentOutcome | None:
        """Return None: asking again comes to the same."""
        return None

    def fetch_payment(self, provider_payment_id: str) -> PaymentOutcome:
        """Return where it stands: what waits does so until it is simulated."""
        amount = int(provider_payment_id.rpartition("_")[2])
        waits = amount % _HUNDRED == WAITS
        return PaymentOutcome(
            state=PaymentState.PENDING if waits else PaymentState.SUCCEEDED,
            provider_payment_id=provider_payment_id,
            client_secret=f"{provider_payment_id}_secret",
            method_id="local_method",
        )

    def cancel_payment(self, provider_payment_id: str) -> PaymentOutcome:
        """Cancel what waits."""
        found = self.fetch_payment(provider_payment_id)
        if found.state != PaymentState.PENDING:
            return found
        return PaymentOutcome(state=PaymentState.CANCELLED, provider_payment_id=provider_payment_id)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Give it back, unless its amount says that nobody takes it."""
        if request.amount % _HUNDRED == NOT_REFUNDED:
            raise ProviderRefused("expired_or_canceled_card")
        return RefundOutcome(
            state=PaymentState.SUCCEEDED,
            provider_refund_id=f"local_refund_{request.refund_id}",
            provider_payment_id=request.provider_payment_id,
            amount=request.amount,
            refund_id=str(request.refund_id),
        )

    def list_refunds(self, provider_payment_id: str) -> Sequence[RefundOutcome]:
        """Return none: nobody else gives anything back here."""
        return []

    def list_disputes(self, provider_payment_id: str) -> Sequence[DisputeOutcome]:
        """Return none: disputes are simulated."""
        return []

    def verify_event(self, *, body: bytes, headers: Mapping[str, str]) -> EventSeen:
        """Refuse: it tells nothing by itself.

        :raises BadSignature: always.
        """
        raise BadSignature("The local provider sends no events.")
