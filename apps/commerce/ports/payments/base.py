"""What every provider of payments can do, and what it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol
from uuid import UUID

from apps.commerce.models import DisputeState, PaymentState, RefundReason
from apps.kernel.errors import Problem, Unavailable


class ProviderUnavailable(Unavailable):
    """The provider does not answer, or not as it should; whether it did anything is not known."""

    slug = "provider-unavailable"
    title = "The payment provider does not answer right now."


class ProviderMisconfigured(Problem):
    """The provider does not take the tenant's keys."""

    status = 502
    slug = "provider-misconfigured"
    title = "The payment provider does not accept this tenant's keys."


class BadSignature(Problem):
    """What claims to come from a provider was not signed by it, or too long ago."""

    slug = "bad-signature"
    title = "The signature is not valid."


class ProviderRefused(Exception):
    """The provider says no, and asking again would change nothing.

    :param code: its own, such as `card_declined`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderKeys:
    """A tenant's account with a provider, unsealed: for one piece of work, and never written down."""

    provider: str
    publishable_key: str = ""
    secret_key: str = ""
    webhook_secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<ProviderKeys {self.provider}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequest:
    """What a provider is to take. `payment_id` is the idempotency key."""

    tenant_id: UUID
    payment_id: UUID
    amount: int
    currency: str
    customer_id: str
    method_id: str = ""
    is_off_session: bool = False
    """The buyer is not there: it is taken at once, from `method_id`."""
    keeps_method: bool = False
    """Whether the method is to be kept for later payments without the buyer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentOutcome:
    """Where a payment stands, as its provider says.

    `tenant_id` and `payment_id` are what the provider was told when it was asked, as text.
    """

    state: PaymentState
    """PENDING, SUCCEEDED, FAILED or CANCELLED."""
    provider_payment_id: str
    client_secret: str = ""
    redirect_url: str = ""
    failure: str = ""
    method_id: str = ""
    tenant_id: str = ""
    payment_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """What a provider is to give back. `refund_id`, of a ProviderRefund, is the idempotency key."""

    tenant_id: UUID
    refund_id: UUID
    provider_payment_id: str
    amount: int
    currency: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOutcome:
    """Where a refund stands, as its provider says. One that was not asked for here has no `refund_id`."""

    state: PaymentState
    provider_refund_id: str
    provider_payment_id: str
    amount: int
    failure: str = ""
    tenant_id: str = ""
    refund_id: str = ""
    reason: str = RefundReason.REQUESTED


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeOutcome:
    """Where a dispute stands, as the provider says."""

    state: DisputeState
    provider_dispute_id: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSeen:
    """Something a provider told by itself: a reason to ask how a payment stands, no more.

    `provider_payment_id` is of the payment it has to do with; empty if it has to do with none.
    """

    event_id: str
    kind: str
    provider_payment_id: str
    occurred_at: datetime


class PaymentProvider(Protocol):
    """A tenant's account with a provider. Every method may take as long as the provider does: none is
    called in a unit of work.

    All raise `ProviderUnavailable` and `ProviderMisconfigured`.
    """

    name: ClassVar[str]
    keeps_customers: ClassVar[bool]
    """Whether it must know who pays before it takes anything."""

    def create_customer(self, *, tenant_id: UUID, user_id: UUID) -> str:
        """Return what the provider calls somebody; the same, however often it is asked."""

    def create_payment(self, request: PaymentRequest) -> PaymentOutcome:
        """Ask for a payment; the same, however often it is asked.

        :raises ProviderRefused: it never will.
        """

    def find_payment(self, request: PaymentRequest) -> PaymentOutcome | None:
        """Return the payment that may have been asked for before; None if it was not."""

    def fetch_payment(self, provider_payment_id: str) -> PaymentOutcome:
        """Return where a payment stands.

        :raises ProviderRefused: there is none.
        """

    def cancel_payment(self, provider_payment_id: str) -> PaymentOutcome:
        """Have a payment not happen; return where it stands, which may be that it has happened."""

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Give something back; the same refund, however often it is asked.

        :raises ProviderRefused: it never will.
        """

    def list_refunds(self, provider_payment_id: str) -> Sequence[RefundOutcome]:
        """Return the refunds of a payment, the oldest first."""

    def list_disputes(self, provider_payment_id: str) -> Sequence[DisputeOutcome]:
        """Return what banks dispute of a payment, the oldest first."""

    def verify_event(self, *, body: bytes, headers: Mapping[str, str]) -> EventSeen:
        """Return what a provider tells.

        :raises BadSignature: it was not the provider who signed it, or too long ago.
        """
