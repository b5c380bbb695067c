"""Exchange: money of one currency for money of another, at a rate that the transaction names."""

from dataclasses import replace
from uuid import UUID

from apps.commerce.models import ExchangeRate, LedgerTransaction, TransactionType, UserWallet
from apps.commerce.operations import ledger, rates, wallets
from apps.commerce.operations.ledger import accounts
from apps.commerce.queries import rates as rate_queries
from apps.kernel.errors import Conflict, Invalid


class RateChanged(Conflict):
    """The rate that was quoted is no longer the one that is valid."""

    slug = "exchange-rate-changed"
    title = "The rate has changed."


def exchange(
    *,
    wallet_id: UUID,
    to_currency: str,
    amount: int,
    cause: ledger.Cause,
    quoted_rate_id: UUID | None = None,
) -> UUID:
    """Exchange `amount` minor units of a wallet at the rate valid at `cause.at`; return the transaction.

    What is bought is rounded down. Each currency balances by itself, against what the tenant has of it.

    :param quoted_rate_id: exchange at this rate or not at all.
    :raises NoRate: there is no rate of the pair now.
    :raises RateChanged: another rate than the quoted one is valid.
    :raises NothingBought: it would buy less than 1 minor unit, or more than 10^12.
    :raises InsufficientFunds: there is less in the wallet.
    :raises PersonGone, PersonShutOut: its owner may not move money.
    """
    wallet = wallets.get_wallet(wallet_id=wallet_id)
    if wallet.currency == to_currency:
        raise Invalid(fields={"to_currency": [f"The wallet is in {to_currency} already."]})
    wallets.check_people(ids=[wallet.user_id])
    rate = _rate(wallet, to_currency, cause)
    if quoted_rate_id is not None and rate.id != quoted_rate_id:
        raise RateChanged("Ask for a new quote: GET /api/v1/exchange-rates/quote.")
    bought = rate_queries.bought(rate=rate, amount=amount)
    target = wallets.open_wallet(user_id=wallet.user_id, currency=to_currency, opened_at=cause.at)
    posting = ledger.Posting(
        cause=replace(cause, description="An exchange of one currency for another."),
        transaction_type=TransactionType.EXCHANGE,
        amount=amount,
        currency=wallet.currency,
        legs=_legs(wallet, target, amount=amount, bought=bought),
        user_id=wallet.user_id,
        is_debit=True,
        exchange_rate_id=rate.id,
        meta_data={"to_wallet_id": str(target.id)},
    )
    return wallets.post_and_tell(posting, {wallet: -amount, target: bought})


def _rate(wallet: UserWallet, to_currency: str, cause: ledger.Cause) -> ExchangeRate:
    """Return the rate valid now; of what was exchanged under this key before, the one it was at."""
    earlier = LedgerTransaction.objects.filter(
        idempotency_key=cause.key, exchange_rate_id__isnull=False
    ).values("exchange_rate_id")
    rate: ExchangeRate | None = ExchangeRate.objects.filter(id__in=earlier).first()
    return rate or rates.hold_valid_rate(
        from_currency=wallet.currency, to_currency=to_currency, at=cause.at
    )


def _legs(wallet: UserWallet, target: UserWallet, *, amount: int, bought: int) -> list[ledger.Leg]:
    taken, given = accounts.liquidity(wallet.currency), accounts.liquidity(target.currency)
    opened = accounts.open_accounts([taken, given])
    return [
        ledger.Leg(account_id=wallet.account_id, amount=-amount, currency=wallet.currency),
        ledger.Leg(account_id=opened[taken.code], amount=amount, currency=wallet.currency),
        ledger.Leg(account_id=opened[given.code], amount=-bought, currency=target.currency),
        ledger.Leg(account_id=target.account_id, amount=bought, currency=target.currency),
    ]
