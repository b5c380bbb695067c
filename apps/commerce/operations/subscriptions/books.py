"""What subscriptions write into the ledger, and what they ask of providers."""

from datetime import datetime
from uuid import UUID

from django.db.models import F

from apps.commerce.models import (
    Payment,
    PaymentPurpose,
    PaymentState,
    Subscription,
    SubscriptionPeriod,
    TransactionType,
)
from apps.commerce.models.subscription import LIVE
from apps.commerce.operations import ledger, wallets
from apps.commerce.operations.ledger import accounts
from apps.commerce.operations.payments import creating

UNSETTLED = (PaymentState.CREATED, PaymentState.PENDING)


def charge_wallet(
    *,
    subscription: Subscription,
    period: SubscriptionPeriod,
    charged_at: datetime,
    created_by_id: UUID | None = None,
) -> UUID:
    """Take a period's amount from the subscriber's wallet; return the ledger transaction.

    :raises InsufficientFunds: there is less in it.
    """
    wallet = wallets.open_wallet(
        user_id=subscription.user_id, currency=subscription.currency, opened_at=charged_at
    )
    revenue = accounts.open_account(accounts.revenue(subscription.currency))
    posting = _posting(
        subscription,
        key=period_key(period),
        at=charged_at,
        amount=period.amount,
        legs=[
            ledger.Leg(account_id=wallet.account_id, amount=-period.amount),
            ledger.Leg(account_id=revenue, amount=period.amount),
        ],
        created_by_id=created_by_id,
    )
    return ledger.post_one(posting).id


def book_payment(
    *, subscription: Subscription, period: SubscriptionPeriod, payment: Payment, at: datetime
) -> UUID:
    """Write down that a provider has taken a period's amount; return the ledger transaction."""
    clearing = accounts.clearing(payment.provider, payment.currency)
    revenue = accounts.revenue(payment.currency)
    opened = accounts.open_accounts([clearing, revenue])
    posting = _posting(
        subscription,
        key=period_key(period),
        at=at,
        amount=payment.amount,
        legs=[
            ledger.Leg(account_id=opened[clearing.code], amount=-payment.amount),
            ledger.Leg(account_id=opened[revenue.code], amount=payment.amount),
        ],
    )
    return ledger.post_one(posting).id


def book_unneeded_payment(
    *, subscription: Subscription, payment: Payment, received_at: datetime
) -> UUID:
    """Put what a provider has taken for nothing into the subscriber's wallet.

    It came too late, or twice: after the subscription had ended, or for a period that was paid.
    """
    wallet = wallets.open_wallet(
        user_id=payment.user_id, currency=payment.currency, opened_at=received_at, is_owed=True
    )
    clearing = accounts.open_account(accounts.clearing(payment.provider, payment.currency))
    posting = ledger.Posting(
        cause=ledger.Cause(
            key=f"payment:{payment.id}:unneeded",
            at=received_at,
            description="A payment that a subscription had no use for.",
        ),
        transaction_type=TransactionType.CREDIT,
        amount=payment.amount,
        currency=payment.currency,
        legs=[
            ledger.Leg(account_id=clearing, amount=-payment.amount),
            ledger.Leg(account_id=wallet.account_id, amount=payment.amount),
        ],
        user_id=payment.user_id,
        meta_data={"subscription_id": str(subscription.id)},
    )
    return ledger.post_one(posting).id


def refund_to_wallet(
    *, subscription: Subscription, amount: int, refunded_at: datetime, created_by_id: UUID | None
) -> UUID:
    """Give back, into the subscriber's wallet, what was paid for the time after an end."""
    wallet = wallets.open_wallet(
        user_id=subscription.user_id, currency=subscription.currency, opened_at=refunded_at
    )
    revenue = accounts.open_account(accounts.revenue(subscription.currency))
    posting = ledger.Posting(
        cause=ledger.Cause(
            key=f"subscription:{subscription.id}:refund",
            at=refunded_at,
            created_by_id=created_by_id,
        ),
        transaction_type=TransactionType.REFUND,
        amount=amount,
        currency=subscription.currency,
        legs=[
            ledger.Leg(account_id=revenue, amount=-amount),
            ledger.Leg(account_id=wallet.account_id, amount=amount),
        ],
        user_id=subscription.user_id,
        meta_data={"subscription_id": str(subscription.id)},
    )
    return ledger.post_one(posting).id


def request_payment(
    *,
    subscription: Subscription,
    period: SubscriptionPeriod,
    requested_at: datetime,
    is_off_session: bool = False,
) -> Payment:
    """Return the payment that a provider is to be asked for: the one under way, else a new one.

    One at a time, since its id is what the provider knows it by: asked again, it takes nothing twice.

    :param is_off_session: a renewal, which the subscriber is not there for.
    """
    # By the user, as payments have an index for that.
    under_way = Payment.objects.filter(
        user_id=subscription.user_id,
        period_id=period.id,
        provider=subscription.provider,
        state__in=UNSETTLED,
    ).first()
    return under_way or creating.create_payment(
        purpose=PaymentPurpose.SUBSCRIPTION,
        user_id=subscription.user_id,
        provider=subscription.provider,
        amount=period.amount,
        currency=subscription.currency,
        created_at=requested_at,
        subscription_id=subscription.id,
        period_id=period.id,
        is_off_session=is_off_session,
    )


def begun_by_subscriber(*, subscription_id: UUID) -> list[UUID]:
    """Return the payments of its present period that the subscriber began and hasn't made yet. One query.

    Those of a first period, and of a change of plans, are none: nobody else is going to make these.
    """
    present = SubscriptionPeriod.objects.filter(
        subscription_id=subscription_id,
        subscription__state__in=LIVE,
        number=F("subscription__period"),
    )
    begun = Payment.objects.filter(
        # By the user, as payments have an index for that.
        user_id__in=present.values("subscription__user_id"),
        period_id__in=present.values("id"),
        state__in=UNSETTLED,
        is_off_session=False,
    )
    return list(begun.order_by("id").values_list("id", flat=True))


def period_key(period: SubscriptionPeriod) -> str:
    """Return the key under which a period is paid in the ledger: once, for ever, whoever pays it."""
    return f"subscription:{period.subscription_id}:{period.number}"


def _posting(
    subscription: Subscription,
    *,
    key: str,
    at: datetime,
    amount: int,
    legs: list[ledger.Leg],
    created_by_id: UUID | None = None,
) -> ledger.Posting:
    return ledger.Posting(
        cause=ledger.Cause(key=key, at=at, created_by_id=created_by_id),
        transaction_type=TransactionType.PURCHASE,
        amount=amount,
        currency=subscription.currency,
        legs=legs,
        user_id=subscription.user_id,
        is_debit=True,
        meta_data={"subscription_id": str(subscription.id)},
    )
