"""Settling: the one place where a payment comes from one state into another."""

from datetime import datetime
from uuid import UUID

from apps.commerce.models import (
    Payment,
    PaymentPurpose,
    PaymentState,
    ProviderCustomer,
    Purchase,
)
from apps.commerce.operations import purchases, subscriptions, wallets
from apps.commerce.operations.payments import due
from apps.commerce.ports.payments import PaymentOutcome
from apps.kernel.errors import Conflict, NotFound

S = PaymentState
ALIVE = (S.CREATED, S.PENDING, S.SUCCEEDED)
UNSETTLED = (S.CREATED, S.PENDING)


class OutcomeOfAnother(Conflict):
    """What the provider says is of another payment."""

    slug = "outcome-of-another"
    title = "The provider speaks of another payment."


def settle_payment(*, payment_id: UUID, outcome: PaymentOutcome, at: datetime) -> Payment:
    """Record what a provider says of a payment, and do what follows from it, once.

    What has succeeded stays so. What has failed, or was cancelled, can still succeed: late. It is then
    up to what it was for whether it is of use; money that nobody has use for goes into its payer's wallet.

    :raises NotFound: there is no such payment.
    :raises OutcomeOfAnother: the provider calls this payment something else.
    """
    payment = lock_payment(payment_id)
    if payment.provider_payment_id not in {
        "",
        outcome.provider_payment_id or payment.provider_payment_id,
    }:
        raise OutcomeOfAnother(
            f"{payment.id} is {payment.provider_payment_id} there, not {outcome.provider_payment_id}."
        )
    payment.provider_payment_id = payment.provider_payment_id or outcome.provider_payment_id
    before = payment.state
    payment.due_at = _due_at(payment, outcome)
    if outcome.state == S.SUCCEEDED and before != S.SUCCEEDED:
        _succeed(payment, outcome, at=at)
    elif before in UNSETTLED:
        payment.state, payment.failure = outcome.state, outcome.failure
        _save(payment)
        if outcome.state != S.PENDING:
            _fail(payment, at=at)
    else:
        _save(payment)
    return payment


def lock_payment(payment_id: UUID) -> Payment:
    """Return a payment, locked with what it is for: that first, as everybody does who changes both.

    :raises NotFound: there is none.
    """
    purchase_id = (
        Payment.objects.filter(id=payment_id).values_list("purchase_id", flat=True).first()
    )
    if purchase_id is not None:
        Purchase.objects.select_for_update().filter(id=purchase_id).values("id").first()
    payment: Payment | None = Payment.objects.select_for_update().filter(id=payment_id).first()
    if payment is None:
        raise NotFound
    return payment


def _due_at(payment: Payment, outcome: PaymentOutcome) -> datetime | None:
    is_open = outcome.state == S.PENDING or (
        # A provider keeps it open until it is told that it won't be paid any more.
        outcome.state == S.FAILED and bool(payment.provider_payment_id)
    )
    if payment.state == S.SUCCEEDED or not is_open:
        return None
    if payment.state in UNSETTLED and outcome.state == S.PENDING:
        return due.after(payment.attempts)
    return due.now()


def _succeed(payment: Payment, outcome: PaymentOutcome, *, at: datetime) -> None:
    if _is_paid_otherwise(payment):
        _put_into_wallet(payment, at=at)
    payment.state, payment.failure = S.SUCCEEDED, ""
    _save(payment)
    _keep_method(payment, outcome)
    if payment.purpose == PaymentPurpose.PURCHASE:
        assert payment.purchase_id is not None
        purchases.complete_purchase(
            purchase_id=payment.purchase_id, payment=payment, completed_at=at
        )
    elif payment.purpose == PaymentPurpose.SUBSCRIPTION:
        subscriptions.receive_payment(payment=payment, received_at=at)
    else:
        payment.transaction_id = wallets.receive_top_up(payment=payment, received_at=at)
        payment.save(update_fields=["transaction_id"])


def _fail(payment: Payment, *, at: datetime) -> None:
    if payment.purpose == PaymentPurpose.PURCHASE:
        assert payment.purchase_id is not None
        purchases.fail_purchase(purchase_id=payment.purchase_id, failed_at=at)
    elif payment.purpose == PaymentPurpose.SUBSCRIPTION:
        subscriptions.payment_failed(payment=payment, failed_at=at)


def _is_paid_otherwise(payment: Payment) -> bool:
    """Return whether a purchase waits for, or was paid by, another payment than this one."""
    if payment.purchase_id is None:
        return False
    others = Payment.objects.filter(purchase_id=payment.purchase_id, state__in=ALIVE)
    return others.exclude(id=payment.id).exists()


def _put_into_wallet(payment: Payment, *, at: datetime) -> None:
    wallet = wallets.open_wallet(
        user_id=payment.user_id, currency=payment.currency, opened_at=at, is_owed=True
    )
    payment.purpose, payment.purchase, payment.wallet_id = PaymentPurpose.TOP_UP, None, wallet.id


def _keep_method(payment: Payment, outcome: PaymentOutcome) -> None:
    """Keep what a subscription was paid with: its renewals are paid with that."""
    if payment.purpose == PaymentPurpose.SUBSCRIPTION and outcome.method_id:
        ProviderCustomer.objects.filter(provider=payment.provider, user_id=payment.user_id).exclude(
            provider_method_id=outcome.method_id
        ).update(provider_method_id=outcome.method_id)


def _save(payment: Payment) -> None:
    payment.updated_at = due.now()
    payment.save(
        update_fields=[
            "purpose",
            "purchase",
            "wallet_id",
            "provider_payment_id",
            "state",
            "failure",
            "due_at",
            "updated_at",
        ]
    )
