"""Payments to be: written down before any provider is asked."""

from datetime import datetime
from uuid import UUID

from apps.commerce.models import Payment, Purchase
from apps.commerce.operations.payments import accounts, due
from apps.commerce.ports import payments as ports
from apps.kernel.errors import Invalid


def create_payment(  # noqa: PLR0913 - a payment is for one of several things
    *,
    purpose: str,
    user_id: UUID,
    provider: str,
    amount: int,
    currency: str,
    created_at: datetime,
    purchase: Purchase | None = None,
    wallet_id: UUID | None = None,
    subscription_id: UUID | None = None,
    period_id: UUID | None = None,
    is_off_session: bool = False,
) -> Payment:
    """Write down what a provider is to be asked for. Asking is `start_payment`'s, once this is committed.

    Whoever dies in between leaves it to the sweep, which asks.

    :param is_off_session: it is to be taken without its buyer, from the method kept for renewals.
    :raises Invalid: nobody is asked for payments by this provider, or it can't take the amount.
    :raises ProviderNotEnabled: it takes no payments in this tenant.
    """
    if not ports.is_asked(provider):
        raise Invalid(fields={"provider": [f"{provider!r} is not a provider that is asked."]})
    accounts.check_enabled(provider)
    ports.check_amount(provider=provider, amount=amount, currency=currency)
    return Payment.objects.create(
        purpose=purpose,
        purchase=purchase,
        wallet_id=wallet_id,
        subscription_id=subscription_id,
        period_id=period_id,
        user_id=user_id,
        provider=provider,
        amount=amount,
        currency=currency,
        is_off_session=is_off_session,
        due_at=due.after_asking(),
        created_on=created_at,
    )
