"""Money of the demo tenants: moved in the order of time, through the ledger, with its original dates."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from apps.commerce.models import (
    Payment,
    PaymentPurpose,
    PaymentState,
    Provider,
    RelationType,
    Resolution,
    TransactionType,
    UserWallet,
)
from apps.commerce.operations import ledger
from apps.commerce.operations.ledger import accounts
from apps.kernel.ids import uuid7

# Of one call: the database reads all of it as one document.
BATCH = 500
# A wallet is filled up by whole notes, shortly before they are needed.
NOTE = 2_000
BEFORE = timedelta(minutes=4)


@dataclass(slots=True, kw_only=True)
class Move:
    """A ledger transaction to be.

    :param changes: what it takes from what is free in wallets, or brings, by the wallet's account.
    :param legs: account, amount and currency of each leg; none of a hold or the end of one.
    :param needs: the key of the transaction that it refers to, which is posted before.
    """

    key: str
    at: datetime
    kind: TransactionType
    amount: int
    currency: str
    user_id: UUID | None
    legs: Sequence[tuple[UUID, int, str]] = ()
    changes: Mapping[UUID, int] = field(default_factory=dict)
    created_by_id: UUID | None = None
    purchase_id: UUID | None = None
    needs: str = ""
    relation: RelationType | None = None
    hold: tuple[UUID, UUID, datetime] | None = None
    resolution: Resolution | None = None
    to_account_id: UUID | None = None
    exchange_rate_id: UUID | None = None
    is_debit: bool = False
    meta_data: Mapping[str, Any] = field(default_factory=dict)


class Books:
    """The accounts that demo money is moved between, opened when they are first asked for."""

    def __init__(self, *, currency: str, own_currency: str) -> None:
        self.currency = currency
        specs = [
            accounts.revenue(currency),
            accounts.donations(currency),
            accounts.donations(own_currency),
            accounts.clearing(Provider.LOCAL, currency),
            accounts.disputed(Provider.LOCAL, currency),
            accounts.promotions(currency),
            accounts.liquidity(currency),
            accounts.liquidity(own_currency),
        ]
        self._ids = accounts.open_accounts(specs)

    def account(self, name: str, currency: str = "") -> UUID:
        """Return the id of a shared account: "revenue", "clearing:local"."""
        return self._ids[f"{name}:{currency or self.currency}"]


def open_wallets(
    *, user_ids: Sequence[UUID], currency: str, at: datetime
) -> dict[UUID, UserWallet]:
    """Open a wallet for each of some people, by two calls for all of them; return them by person."""
    ids = {user_id: uuid7() for user_id in user_ids}
    free, held = (
        {
            user_id: make(wallet_id=id_, owner_id=user_id, currency=currency)
            for user_id, id_ in ids.items()
        }
        for make in (accounts.wallet, accounts.wallet_held)
    )
    opened = accounts.open_accounts([*free.values(), *held.values()])
    wallets = UserWallet.objects.bulk_create(
        UserWallet(
            id=id_,
            user_id=user_id,
            currency=currency,
            account_id=opened[free[user_id].code],
            held_account_id=opened[held[user_id].code],
            created_on=at,
        )
        for user_id, id_ in ids.items()
    )
    return {wallet.user_id: wallet for wallet in wallets}


def top_up(
    moves: Iterable[Move], *, wallets: Mapping[UUID, UserWallet], books: Books
) -> tuple[list[Move], list[Payment]]:
    """Return moves in order of time, and before them what people put into their wallets; and its payments.

    :param wallets: those that can be filled, by account.
    """
    left = dict.fromkeys(wallets, 0)
    ordered: list[Move] = []
    payments: list[Payment] = []
    for move in sorted(moves, key=lambda each: each.at):
        for account_id, change in move.changes.items():
            missing = -(left.get(account_id, 0) + change)
            if missing > 0 and account_id in wallets:
                amount = -(-missing // NOTE) * NOTE
                payment = _payment(wallets[account_id], amount, at=move.at - BEFORE)
                payments.append(payment)
                ordered.append(_filling(payment, wallets[account_id], books))
                left[account_id] += amount
            left[account_id] = left.get(account_id, 0) + change
        ordered.append(move)
    return sorted(ordered, key=lambda each: each.at), payments


def post(moves: Sequence[Move]) -> dict[str, UUID]:
    """Post moves in their order; return the transactions by key."""
    posted: dict[str, UUID] = {}
    batch: list[Move] = []

    def flush() -> None:
        done = ledger.post(*[_posting(move, posted) for move in batch])
        posted.update(zip((move.key for move in batch), (each.id for each in done), strict=True))
        batch.clear()

    for move in moves:
        if batch and (len(batch) == BATCH or (move.needs and move.needs not in posted)):
            flush()
        batch.append(move)
    if batch:
        flush()
    return posted


def write_top_ups(payments: Sequence[Payment], posted: Mapping[str, UUID]) -> None:
    """Write payments into wallets, each with the transaction by which it came there."""
    for payment in payments:
        payment.transaction_id = posted[f"topup:{payment.id}"]
    Payment.objects.bulk_create(payments, batch_size=1_000)


def _payment(wallet: UserWallet, amount: int, *, at: datetime) -> Payment:
    id_ = uuid7()
    return Payment(
        id=id_,
        purpose=PaymentPurpose.TOP_UP,
        wallet_id=wallet.id,
        user_id=wallet.user_id,
        provider=Provider.LOCAL,
        provider_payment_id=f"local_{id_}_{amount}",
        amount=amount,
        currency=wallet.currency,
        state=PaymentState.SUCCEEDED,
        due_at=None,
        created_on=at,
        updated_at=at,
    )


def _filling(payment: Payment, wallet: UserWallet, books: Books) -> Move:
    return Move(
        key=f"topup:{payment.id}",
        at=payment.updated_at,
        kind=TransactionType.CREDIT,
        amount=payment.amount,
        currency=payment.currency,
        user_id=wallet.user_id,
        legs=[
            (books.account("clearing:local"), -payment.amount, ""),
            (wallet.account_id, payment.amount, ""),
        ],
        meta_data={"payment_id": str(payment.id), "provider": payment.provider},
    )


def _posting(move: Move, posted: Mapping[str, UUID]) -> ledger.Posting:
    resolves = hold = None
    if move.hold:
        account_id, held_account_id, expires_at = move.hold
        hold = ledger.HoldSpec(
            account_id=account_id, held_account_id=held_account_id, expires_at=expires_at
        )
    if move.resolution:
        is_captured = move.resolution == Resolution.CAPTURED
        resolves = ledger.ResolutionSpec(
            hold_id=posted[move.needs],
            captured=move.amount if is_captured else 0,
            resolution=move.resolution,
            to_account_id=move.to_account_id if is_captured else None,
        )
    return ledger.Posting(
        cause=ledger.Cause(
            key=move.key,
            at=move.at,
            created_by_id=move.created_by_id,
            purchase_id=move.purchase_id,
        ),
        transaction_type=move.kind,
        amount=move.amount,
        currency=move.currency,
        legs=[
            ledger.Leg(account_id=account_id, amount=amount, currency=currency)
            for account_id, amount, currency in move.legs
        ],
        hold=hold,
        resolves=resolves,
        relations={posted[move.needs]: move.relation} if move.relation else {},
        user_id=move.user_id,
        is_debit=move.is_debit,
        exchange_rate_id=move.exchange_rate_id,
        meta_data=move.meta_data,
    )
