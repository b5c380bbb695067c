"""Asking a provider for a payment: noted in one unit of work, asked in none, recorded in another.

The payment's id is the provider's idempotency key. Whoever dies at any point in between leaves a payment
that is due, and the sweep does the same again: it comes to the same payment.
"""

from dataclasses import dataclass
from uuid import UUID

from apps.commerce.models import Payment, PaymentPurpose, PaymentState, ProviderCustomer
from apps.commerce.operations.payments import accounts, due, settling
from apps.commerce.ports import payments as ports
from apps.commerce.queries import clock
from apps.kernel.errors import NotFound
from apps.tenancy import binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A payment, and what its buyer needs to make it. `client_secret` is written down nowhere."""

    payment_id: UUID
    state: str
    failure: str = ""
    client_secret: str = ""
    publishable_key: str = ""
    redirect_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is known of a payment when its provider is asked."""

    payment: Payment
    keys: ports.ProviderKeys
    customer_id: str
    method_id: str


def start_payment(
    *, tenant: binding.Placed, payment_id: UUID, off_session: bool = False
) -> Started:
    """Ask a payment's provider for it, or how it stands if it was asked before, and record the answer.

    Called in no unit of work. What is settled is returned as it is, and nobody is asked.

    :raises NotFound: there is no such payment.
    :raises ProviderUnavailable: it doesn't answer; the sweep asks again.
    :raises ProviderMisconfigured: it doesn't take the tenant's keys; the sweep asks again.
    """
    asked = begin(tenant=tenant, payment_id=payment_id, off_session=off_session)
    if asked.payment.state not in settling.UNSETTLED:
        return _started(asked.payment, asked.keys, None)
    outcome = ask(asked, tenant=tenant)
    with binding.bind(tenant, writes="commerce"):
        payment = settling.settle_payment(payment_id=payment_id, outcome=outcome, at=clock.now())
    return _started(payment, asked.keys, outcome)


def begin(*, tenant: binding.Placed, payment_id: UUID, off_session: bool = False) -> Asked:
    """Note that a provider is going to be asked, and until when nobody else needs to look."""
    with binding.bind(tenant, writes="commerce"):
        payment = Payment.objects.select_for_update().filter(id=payment_id).first()
        if payment is None:
            raise NotFound
        if payment.state in settling.UNSETTLED or payment.due_at is not None:
            # What the provider knows was begun by its buyer, and stays for them to make.
            is_new = not payment.provider_payment_id
            payment.is_off_session = payment.is_off_session or (off_session and is_new)
            payment.attempts += 1
            payment.due_at = due.after_asking()
            payment.save(update_fields=["is_off_session", "attempts", "due_at"])
        customer = ProviderCustomer.objects.filter(
            provider=payment.provider, user_id=payment.user_id
        ).first()
        return Asked(
            payment=payment,
            keys=accounts.keys_of(payment.provider),
            customer_id=customer.provider_customer_id if customer else "",
            method_id=customer.provider_method_id if customer else "",
        )


def ask(asked: Asked, *, tenant: binding.Placed) -> ports.PaymentOutcome:
    """Ask the provider: for a new payment, or how it stands."""
    provider = ports.connect(asked.keys)
    payment = asked.payment
    try:
        if payment.provider_payment_id:
            return provider.fetch_payment(payment.provider_payment_id)
        if payment.is_off_session and provider.keeps_customers and not asked.method_id:
            raise ports.ProviderRefused("no_payment_method")
        request = request_for(asked, tenant=tenant, customer_id=_customer(asked, tenant=tenant))
        # It may be there, under a key that the provider has forgotten, or that stood for other words.
        found = provider.find_payment(request) if payment.attempts > 1 else None
        return found or provider.create_payment(request)
    except ports.ProviderRefused as refused:
        return ports.PaymentOutcome(
            state=PaymentState.FAILED,
            provider_payment_id=payment.provider_payment_id,
            failure=refused.code,
        )


def request_for(asked: Asked, *, tenant: binding.Placed, customer_id: str) -> ports.PaymentRequest:
    """Return what a provider is asked for."""
    payment = asked.payment
    return ports.PaymentRequest(
        tenant_id=tenant.id,
        payment_id=payment.id,
        amount=payment.amount,
        currency=payment.currency,
        customer_id=customer_id,
        method_id=asked.method_id if payment.is_off_session else "",
        is_off_session=payment.is_off_session,
        keeps_method=payment.purpose == PaymentPurpose.SUBSCRIPTION,
    )


def _customer(asked: Asked, *, tenant: binding.Placed) -> str:
    """Return what the provider calls the buyer, who is made known to it and written down first."""
    provider = ports.connect(asked.keys)
    if asked.customer_id or not provider.keeps_customers:
        return asked.customer_id
    payment = asked.payment
    customer_id = provider.create_customer(tenant_id=tenant.id, user_id=payment.user_id)
    with binding.bind(tenant, writes="commerce"):
        customer, _ = ProviderCustomer.objects.get_or_create(
            provider=payment.provider,
            user_id=payment.user_id,
            defaults={"provider_customer_id": customer_id, "created_on": clock.now()},
        )
        return customer.provider_customer_id


def _started(
    payment: Payment, keys: ports.ProviderKeys, outcome: ports.PaymentOutcome | None
) -> Started:
    # What is settled needs nothing of its buyer.
    said = outcome if payment.state == PaymentState.PENDING else None
    return Started(
        payment_id=payment.id,
        state=payment.state,
        failure=payment.failure,
        client_secret=said.client_secret if said else "",
        publishable_key=keys.publishable_key,
        redirect_url=said.redirect_url if said else "",
    )
