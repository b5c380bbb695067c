"""Stripe, through its own library. Each tenant has its own keys there.

Every request that makes something carries an idempotency key, and metadata that says whose it is. Stripe
forgets keys after a day: who asks again looks first whether it is there.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, ClassVar
from uuid import UUID

import stripe
from django.conf import settings

from apps.commerce.models import PaymentState, Provider
from apps.commerce.ports.payments import stripe_objects as objects
from apps.commerce.ports.payments.base import (
    BadSignature,
    DisputeOutcome,
    EventSeen,
    PaymentOutcome,
    PaymentRequest,
    ProviderKeys,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderUnavailable,
    RefundOutcome,
    RefundRequest,
)
from apps.commerce.ports.payments.stripe_amounts import to_stripe
from apps.kernel.errors import Invalid

logger = logging.getLogger(__name__)

# How far from now the time in a signature may be, in seconds: Stripe's own choice.
TOLERANCE_SECONDS = 300
_PAGE = 100
# Clocks differ: what was asked for is looked for from a little before.
_CLOCKS_DIFFER = timedelta(hours=1)
_CONFLICT = 409

# What was measured of earlier requests is nobody's business.
stripe.enable_telemetry = False


def fault_of_amount(amount: int, currency: str) -> str | None:
    """Return why Stripe can't take an amount, as a sentence; None if it can."""
    try:
        to_stripe(amount, currency)
    except ProviderRefused as refused:
        return f"Stripe can't take {amount} minor units of {currency}: {refused.code}."
    return None


class StripeProvider:
    """The provider `stripe`."""

    name: ClassVar[str] = Provider.STRIPE
    keeps_customers: ClassVar[bool] = True

    def __init__(self, keys: ProviderKeys) -> None:
        self._keys = keys
        self._api = stripe.StripeClient(
            keys.secret_key,
            base_addresses={"api": settings.STRIPE_API_BASE},
            # What is safe to ask again, the sweep asks again.
            max_network_retries=0,
            http_client=_http_client(settings.PAYMENT_TIMEOUT_SECONDS),
        ).v1

    def create_customer(self, *, tenant_id: UUID, user_id: UUID) -> str:
        """Return the customer's id. Stripe is told nothing of them but whose they are."""
        with _answering():
            customer = self._api.customers.create(
                {"metadata": {"tenant_id": str(tenant_id), "user_id": str(user_id)}},
                {"idempotency_key": f"customer:{tenant_id}:{user_id}"},
            )
        return customer.id

    def create_payment(self, request: PaymentRequest) -> PaymentOutcome:
        """Make a payment intent; without the buyer, confirm it at once."""
        with _answering():
            try:
                intent = self._api.payment_intents.create(
                    objects.intent_params(request),  # type: ignore[arg-type]
                    {"idempotency_key": str(request.payment_id)},
                )
            except stripe.CardError as declined:
                return _declined(declined)
        return objects.payment(intent)

    def find_payment(self, request: PaymentRequest) -> PaymentOutcome | None:
        """Look among what the customer was asked for since."""
        since = datetime.fromtimestamp((request.payment_id.int >> 80) / 1_000, UTC) - _CLOCKS_DIFFER
        with _answering():
            found = self._api.payment_intents.list(
                {
                    "customer": request.customer_id,
                    "created": {"gte": int(since.timestamp())},
                    "limit": _PAGE,
                }
            )
            for intent in found.auto_paging_iter():
                outcome = objects.payment(intent)
                if outcome.payment_id == str(request.payment_id):
                    return outcome
        return None

    def fetch_payment(self, provider_payment_id: str) -> PaymentOutcome:
        """Read the payment intent."""
        with _answering():
            return objects.payment(self._api.payment_intents.retrieve(provider_payment_id))

    def cancel_payment(self, provider_payment_id: str) -> PaymentOutcome:
        """Cancel the payment intent, unless it has ended."""
        try:
            with _answering():
                return objects.payment(self._api.payment_intents.cancel(provider_payment_id))
        except ProviderRefused:
            return self.fetch_payment(provider_payment_id)

    def refund(self, request: RefundRequest) -> RefundOutcome:
        """Make a refund."""
        with _answering():
            refund = self._api.refunds.create(
                objects.refund_params(request),  # type: ignore[arg-type]
                {"idempotency_key": str(request.refund_id)},
            )
        return objects.refund(refund)

    def list_refunds(self, provider_payment_id: str) -> Sequence[RefundOutcome]:
        """Read the refunds of a payment intent."""
        with _answering():
            found = self._api.refunds.list({"payment_intent": provider_payment_id, "limit": _PAGE})
            listed = sorted(found.auto_paging_iter(), key=lambda each: (each.created, each.id))
        return [objects.refund(each) for each in listed]

    def list_disputes(self, provider_payment_id: str) -> Sequence[DisputeOutcome]:
        """Read the disputes of a payment intent."""
        with _answering():
            found = self._api.disputes.list({"payment_intent": provider_payment_id, "limit": _PAGE})
            listed = sorted(found.auto_paging_iter(), key=lambda each: (each.created, each.id))
        return [objects.dispute(each) for each in listed]

    def verify_event(self, *, body: bytes, headers: Mapping[str, str]) -> EventSeen:
        """Verify a webhook by any of the secrets that are valid."""
        signature = headers.get("Stripe-Signature", "")
        if not signature.isascii():
            raise BadSignature("The header Stripe-Signature is not ASCII.")
        event = _verified(body, signature, self._keys.webhook_secrets)
        try:
            return objects.event(event)
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise Invalid(
                "The body is signed, and is not an event as Stripe writes them."
            ) from error


def _verified(body: bytes, signature: str, secrets: Sequence[str]) -> Any:
    why = "This tenant has no webhook secret of Stripe."
    for secret in secrets:
        try:
            return stripe.Webhook.construct_event(
                body, signature, secret, tolerance=TOLERANCE_SECONDS
            )
        except stripe.SignatureVerificationError as error:
            why = f"{str(error.user_message).split(chr(10))[0].rstrip('.')}."
        except (ValueError, AttributeError, TypeError) as error:
            raise BadSignature("The body is not JSON as Stripe sends it.") from error
    raise BadSignature(why)


@contextmanager
def _answering() -> Iterator[None]:
    """Turn the library's errors into the port's."""
    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise ProviderMisconfigured(
            "An admin of the tenant must put Stripe's keys again."
        ) from error
    except stripe.CardError as error:
        raise ProviderRefused(_code(error)) from error
    except stripe.InvalidRequestError as error:
        if error.http_status == _CONFLICT:
            raise ProviderUnavailable("Stripe is still busy with the same request.") from error
        raise ProviderRefused(_code(error)) from error
    except stripe.StripeError as error:
        # Also a key that stands for other words: what it was used for must be found, not made again.
        logger.warning("Stripe can't be asked: %s", type(error).__name__)
        raise ProviderUnavailable("Try again in a moment: nothing is charged twice.") from error


def _declined(error: stripe.CardError) -> PaymentOutcome:
    intent = getattr(error.error, "payment_intent", None)
    said = objects.payment(intent) if intent else None
    return PaymentOutcome(
        state=PaymentState.FAILED,
        provider_payment_id=said.provider_payment_id if said else "",
        failure=_code(error),
        tenant_id=said.tenant_id if said else "",
        payment_id=said.payment_id if said else "",
    )


def _code(error: stripe.StripeError) -> str:
    said = getattr(error.error, "decline_code", None) or error.code or "invalid_request"
    return str(said)[:255]


@cache
def _http_client(timeout: float) -> stripe.RequestsClient:
    # One for all tenants: it keeps connections, a set for each thread, and no keys.
    return stripe.RequestsClient(timeout=timeout)
