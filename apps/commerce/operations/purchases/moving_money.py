"""Money of purchases, as the ledger has it: taken, given back, taken away by a bank."""

from datetime import datetime
from uuid import UUID

from apps.commerce.contracts import WalletChanged
from apps.commerce.models import (
    Payment,
    Provider,
    Purchase,
    RelationType,
    TransactionType,
    UserWallet,
)
from apps.commerce.operations import ledger, wallets
from apps.commerce.operations.ledger import accounts
from apps.kernel import messages


def hold_in_wallet(
    purchase: Purchase, *, at: datetime, expires_at: datetime, created_by_id: UUID | None
) -> UUID:
    """Set the total of a purchase aside in the buyer's wallet; return the hold's id.

    :raises InsufficientFunds: there is less in it.
    """
    wallet = wallets.open_wallet(
        user_id=purchase.buyer_id, currency=purchase.currency, opened_at=at
    )
    cause = _cause(purchase, "hold", at=at, created_by_id=created_by_id)
    return ledger.holds.place_hold(
        wallet=wallet, amount=purchase.total, expires_at=expires_at, cause=cause
    )


def take_held(purchase: Purchase, *, amount: int, at: datetime, created_by_id: UUID | None) -> UUID:
    """Take an amount of what is held for a purchase; the rest goes back. Return the transaction's id.

    :raises AlreadyResolved: the hold has ended.
    """
    assert purchase.hold_id is not None
    posted = ledger.holds.capture_hold(
        hold_id=purchase.hold_id,
        amount=amount,
        to_account_id=accounts.open_account(accounts.revenue(purchase.currency)),
        cause=_cause(purchase, "capture", at=at, created_by_id=created_by_id),
    )
    _tell_wallet(purchase, transaction_id=posted.id, amount=-amount)
    return posted.id


def take_payment(purchase: Purchase, payment: Payment, *, at: datetime) -> UUID:
    """Book what a provider has taken for a purchase; return the transaction's id."""
    clearing = accounts.clearing(payment.provider, purchase.currency)
    revenue = accounts.revenue(purchase.currency)
    opened = accounts.open_accounts([clearing, revenue])
    posted = ledger.post_one(
        ledger.Posting(
            cause=_cause(purchase, "capture", at=at),
            transaction_type=TransactionType.PURCHASE,
            amount=payment.amount,
            currency=purchase.currency,
            legs=[
                ledger.Leg(account_id=opened[clearing.code], amount=-payment.amount),
                ledger.Leg(account_id=opened[revenue.code], amount=payment.amount),
            ],
            user_id=purchase.buyer_id,
            is_debit=True,
            meta_data={"payment_id": str(payment.id)},
        )
    )
    payment.transaction_id = posted.id
    payment.save(update_fields=["transaction_id"])
    return posted.id


def give_back(
    purchase: Purchase, *, seq: int, amount: int, at: datetime, created_by_id: UUID | None
) -> UUID:
    """Book the `seq`-th refund of a purchase: into the wallet, or by the provider that took it.

    :returns: the transaction's id.
    """
    revenue = accounts.open_account(accounts.revenue(purchase.currency))
    if purchase.provider == Provider.WALLET:
        wallet = wallets.open_wallet(
            user_id=purchase.buyer_id, currency=purchase.currency, opened_at=at
        )
        target = wallet.account_id
    else:
        target = accounts.open_account(accounts.clearing(purchase.provider, purchase.currency))
    posted = ledger.post_one(
        ledger.Posting(
            cause=_cause(purchase, f"refund:{seq}", at=at, created_by_id=created_by_id),
            transaction_type=TransactionType.REFUND,
            amount=amount,
            currency=purchase.currency,
            legs=[
                ledger.Leg(account_id=revenue, amount=-amount),
                ledger.Leg(account_id=target, amount=amount),
            ],
            relations={_paid_by(purchase): RelationType.REFUND_OF},
            user_id=purchase.buyer_id,
        )
    )
    if purchase.provider == Provider.WALLET:
        _tell_wallet(purchase, transaction_id=posted.id, amount=amount)
    return posted.id


def move_disputed(
    purchase: Purchase, *, step: str, amount: int, source: str, target: str, at: datetime
) -> UUID:
    """Book a step of a dispute: `amount` out of one account of the provider's, or of revenue, into another.

    :param step: makes the key; `source` and `target` are "clearing", "disputed" or "revenue".
    :returns: the transaction's id.
    """
    named = {
        "clearing": accounts.clearing(purchase.provider, purchase.currency),
        "disputed": accounts.disputed(purchase.provider, purchase.currency),
        "revenue": accounts.revenue(purchase.currency),
    }
    opened = accounts.open_accounts([named[source], named[target]])
    posted = ledger.post_one(
        ledger.Posting(
            cause=_cause(purchase, step, at=at),
            transaction_type=TransactionType.DISPUTE,
            amount=amount,
            currency=purchase.currency,
            # What a provider has is a debit: taking it away is a credit.
            legs=[
                ledger.Leg(account_id=opened[named[source].code], amount=amount),
                ledger.Leg(account_id=opened[named[target].code], amount=-amount),
            ],
            relations={_paid_by(purchase): RelationType.DISPUTES},
            user_id=purchase.buyer_id,
        )
    )
    return posted.id


def _cause(
    purchase: Purchase, step: str, *, at: datetime, created_by_id: UUID | None = None
) -> ledger.Cause:
    return ledger.Cause(
        key=f"purchase:{purchase.id}:{step}",
        at=at,
        created_by_id=created_by_id,
        purchase_id=purchase.id,
    )


def _tell_wallet(purchase: Purchase, *, transaction_id: UUID, amount: int) -> None:
    wallet = UserWallet.objects.get(user_id=purchase.buyer_id, currency=purchase.currency)
    messages.record(
        WalletChanged(
            wallet_id=wallet.id,
            user_id=purchase.buyer_id,
            transaction_id=transaction_id,
            amount=amount,
            currency=purchase.currency,
        )
    )


def _paid_by(purchase: Purchase) -> UUID:
    assert purchase.transaction_id is not None
    return purchase.transaction_id
