"""Paying by a provider, step by step, and what is left afterwards."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from rest_framework.test import APIClient

from apps.commerce.models import (
    Payment,
    PaymentPurpose,
    Provider,
    ProviderEvent,
    ProviderRefund,
)
from apps.commerce.operations import purchases, wallets
from apps.commerce.operations.payments import (
    accounts,
    creating,
    due,
    events,
    refunding,
    starting,
    sweeping,
)
from apps.tenancy import binding
from tests.api import client_of
from tests.commerce.payments.stripe_fake import Account, StripeFake
from tests.commerce.payments.stripe_fake.server import signed
from tests.commerce.purchases import buying

EVENTS = "/api/v1/payment-events/stripe"
PAYMENTS = "/api/v1/payments"


def put_account(tenant, stripe: StripeFake, *, name: str = "") -> Account:
    """Open an account with the fake, and put its keys."""
    account = stripe.open_account(name or tenant.slug)
    with binding.bind(tenant, writes="commerce"):
        accounts.put_account(
            provider=Provider.STRIPE,
            values={
                "publishable_key": "pk_test_1",
                "secret_key": account.secret_key,
                "webhook_secret": account.webhook_secret,
            },
            put_at=timezone.now(),
        )
    return account


def check_out(tenant, buyer, item, *, provider="stripe") -> Payment:
    """A purchase that waits for a payment, which nobody was asked for yet."""
    payment = buying.check_out_now(tenant, buyer.id, item, provider=provider).payment
    assert payment is not None
    return payment


def ask_for_top_up(tenant, buyer, *, amount=2_000, provider="stripe") -> Payment:
    """A payment into a wallet, which nobody was asked for yet."""
    now = timezone.now()
    with binding.bind(tenant, writes="commerce"):
        wallet = wallets.open_wallet(user_id=buyer.id, currency="USD", opened_at=now)
        return creating.create_payment(
            purpose=PaymentPurpose.TOP_UP,
            user_id=buyer.id,
            provider=provider,
            amount=amount,
            currency="USD",
            created_at=now,
            wallet_id=wallet.id,
        )


def start(tenant, payment: Payment, **kwargs) -> starting.Started:
    return starting.start_payment(tenant=tenant, payment_id=payment.id, **kwargs)


def begin(tenant, account: Account, payment: Payment) -> str:
    """Ask for a payment; return its payment intent's id."""
    start(tenant, payment)
    intent_id = reload(tenant, payment).provider_payment_id
    assert account.get(intent_id, "payment_intent")
    return intent_id


def reload(tenant, payment: Payment) -> Payment:
    with binding.bind(tenant):
        return Payment.objects.get(id=payment.id)


def make_due(tenant) -> None:
    """Let so much time pass that everything that waits to be looked after is due."""
    past = due.now() - timedelta(seconds=1)
    with binding.bind(tenant, writes="commerce"):
        for model in (Payment, ProviderRefund, ProviderEvent):
            model.objects.filter(due_at__isnull=False).update(due_at=past)


def sweep(tenant) -> None:
    """Everything that a worker does by the clock, later."""
    make_due(tenant)
    sweeping.sweep_payments(tenant=tenant)
    refunding.send_refunds(tenant=tenant)
    events.work_off_events(tenant=tenant)


def refund(tenant, payment: Payment, amount: int | None = None) -> ProviderRefund:
    """Refund a purchase; nothing is sent yet."""
    with binding.bind(tenant, writes="commerce"):
        made = purchases.refund_purchase(
            purchase_id=payment.purchase_id,
            amount=amount,
            reason="REQUESTED",
            refunded_at=timezone.now(),
            created_by_id=None,
        )
        return ProviderRefund.objects.get(refund=made)


def deliver(tenant, event: dict, *, secret: str, at: float | None = None):
    """Send an event as Stripe does; return the reply."""
    body, signature = signed(event, secret=secret, at=at)
    return post_event(client_of(tenant), body, signature)


def post_event(client: APIClient, body: bytes, signature: str):
    return client.generic(
        "POST",
        EVENTS,
        body,
        content_type="application/json; charset=utf-8",
        headers={"Stripe-Signature": signature},
    )


def deliver_all(tenant, account: Account, kept: list[dict] | None = None) -> None:
    """Deliver all that the account has told, and work it off."""
    for event in account.events if kept is None else kept:
        assert deliver(tenant, event, secret=account.webhook_secret).status_code == 200
    events.work_off_events(tenant=tenant)


def outcomes(tenant) -> dict[str, str]:
    """What came of each event, by its kind."""
    with binding.bind(tenant):
        return dict(ProviderEvent.objects.order_by("id").values_list("kind", "outcome"))


def books(tenant) -> dict[str, int]:
    """What each account holds that holds anything, wallets left out."""
    return buying.accounts_of(tenant)


def purchase_state(tenant, purchase_id: UUID | None) -> str:
    assert purchase_id is not None
    return buying.purchase_of(tenant, purchase_id).state
