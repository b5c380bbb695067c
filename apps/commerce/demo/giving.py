"""What people give, exchange and are given in the demo tenants."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from apps.commerce.contracts import DonationMade
from apps.commerce.demo.books import Books, Move
from apps.commerce.demo.sales import Buyer, Draw
from apps.commerce.models import (
    DiscountCode,
    DiscountCodeUsage,
    Donation,
    ExchangeRate,
    TransactionType,
    UserWallet,
)
from apps.kernel import messages
from apps.kernel.ids import uuid7

AMOUNTS = (300, 500, 500, 1_000, 1_000, 2_000, 5_000)
LUMENS = (5, 10, 20, 40)
ANONYMOUS = 0.15
DONORS, EXCHANGERS, REDEEMERS = 0.12, 0.08, 0.1


@dataclass(slots=True, kw_only=True)
class Gift:
    """A donation to be."""

    buyer: Buyer
    board_id: UUID
    amount: int
    currency: str
    decimals: int
    at: datetime
    is_anonymous: bool
    id: UUID = field(default_factory=uuid7)

    @property
    def key(self) -> str:
        """Its key in the ledger."""
        return f"donation:{self.id}"


@dataclass(slots=True, kw_only=True)
class Swap:
    """An exchange to be: of the tenant's currency into its own one."""

    buyer: Buyer
    rate: ExchangeRate
    bought: int
    at: datetime
    id: UUID = field(default_factory=uuid7)

    @property
    def amount(self) -> int:
        """What is paid for it."""
        return self.bought * self.rate.price


@dataclass(slots=True, kw_only=True)
class Redeemed:
    """A promo code that somebody redeems, to be."""

    buyer: Buyer
    code: DiscountCode
    at: datetime
    id: UUID = field(default_factory=uuid7)


@dataclass(slots=True, kw_only=True)
class Kindness:
    """All of it, each the oldest first."""

    gifts: list[Gift]
    swaps: list[Swap]
    redeemed: list[Redeemed]


def draw_kindness(
    buyers: Sequence[Buyer],
    *,
    boards: Sequence[UUID],
    currency: str,
    rate: ExchangeRate,
    promo: DiscountCode,
    draw: Draw,
    rng: random.Random,
) -> Kindness:
    """Draw who gives on which board, who buys the tenant's own currency, and who redeems a code."""
    swaps = [
        Swap(buyer=buyer, rate=rate, bought=rng.choice(LUMENS) * 5, at=_after(draw, buyer, rate))
        for buyer in buyers
        if rng.random() < EXCHANGERS
    ]
    redeemed = [
        Redeemed(buyer=buyer, code=promo, at=draw.moment(since=buyer.since))
        for buyer in buyers
        if rng.random() < REDEEMERS
    ][: promo.max_uses]
    gifts = [
        Gift(
            buyer=buyer,
            board_id=rng.choice(boards),
            amount=rng.choice(AMOUNTS),
            currency=currency,
            decimals=2,
            at=draw.moment(since=buyer.since),
            is_anonymous=rng.random() < ANONYMOUS,
        )
        for buyer in buyers
        if boards and rng.random() < DONORS
    ]
    gifts += [
        Gift(
            buyer=swap.buyer,
            board_id=rng.choice(boards),
            amount=min(rng.choice(LUMENS), swap.bought),
            currency=rate.to_currency,
            decimals=0,
            at=draw.moment(since=swap.at),
            is_anonymous=False,
        )
        for swap in swaps
        if boards
    ]
    return Kindness(
        gifts=sorted(gifts, key=lambda each: each.at),
        swaps=sorted(swaps, key=lambda each: each.at),
        redeemed=sorted(redeemed, key=lambda each: each.at),
    )


def moves_of(
    kindness: Kindness,
    *,
    wallets: Mapping[UUID, UserWallet],
    own_wallets: Mapping[UUID, UserWallet],
    books: Books,
) -> Iterator[Move]:
    """Yield what moves for all of it.

    :param own_wallets: those of the tenant's own currency, by person.
    """
    for gift in kindness.gifts:
        is_own = gift.currency != books.currency
        yield _giving(gift, (own_wallets if is_own else wallets)[gift.buyer.user_id], books)
    for swap in kindness.swaps:
        person = swap.buyer.user_id
        yield _swapping(swap, wallets[person], own_wallets[person], books)
    for each in kindness.redeemed:
        yield _redeeming(each, wallets[each.buyer.user_id], books)


def write_kindness(kindness: Kindness, posted: Mapping[str, UUID]) -> None:
    """Write donations, and tell of them; and which codes were redeemed."""
    Donation.objects.bulk_create(
        Donation(
            id=gift.id,
            board_id=gift.board_id,
            user_id=gift.buyer.user_id,
            amount=gift.amount,
            currency=gift.currency,
            is_anonymous=gift.is_anonymous,
            transaction_id=posted[gift.key],
            created_on=gift.at,
        )
        for gift in kindness.gifts
    )
    messages.record_all(_told(gift) for gift in kindness.gifts)
    _use(kindness.redeemed)


def _use(redeemed: Iterable[Redeemed]) -> None:
    used = list(redeemed)
    DiscountCodeUsage.objects.bulk_create(
        DiscountCodeUsage(
            id=each.id,
            code=each.code,
            user_id=each.buyer.user_id,
            turn=1,
            amount=each.code.amount or 0,
            used_on=each.at,
        )
        for each in used
    )
    if used:
        DiscountCode.objects.filter(id=used[0].code.id).update(used=len(used))


def _after(draw: Draw, buyer: Buyer, rate: ExchangeRate) -> datetime:
    return draw.moment(since=max(buyer.since, rate.valid_from))


def _giving(gift: Gift, wallet: UserWallet, books: Books) -> Move:
    return Move(
        key=gift.key,
        at=gift.at,
        kind=TransactionType.DEBIT,
        amount=gift.amount,
        currency=gift.currency,
        user_id=gift.buyer.user_id,
        created_by_id=gift.buyer.person_id,
        legs=[
            (wallet.account_id, -gift.amount, ""),
            (books.account("donations", gift.currency), gift.amount, ""),
        ],
        changes={wallet.account_id: -gift.amount},
        is_debit=True,
        meta_data={"board_id": str(gift.board_id)},
    )


def _swapping(swap: Swap, wallet: UserWallet, own: UserWallet, books: Books) -> Move:
    return Move(
        key=f"exchange:{swap.id}",
        at=swap.at,
        kind=TransactionType.EXCHANGE,
        amount=swap.amount,
        currency=wallet.currency,
        user_id=swap.buyer.user_id,
        created_by_id=swap.buyer.person_id,
        legs=[
            (wallet.account_id, -swap.amount, wallet.currency),
            (books.account("liquidity"), swap.amount, wallet.currency),
            (books.account("liquidity", own.currency), -swap.bought, own.currency),
            (own.account_id, swap.bought, own.currency),
        ],
        changes={wallet.account_id: -swap.amount, own.account_id: swap.bought},
        is_debit=True,
        exchange_rate_id=swap.rate.id,
        meta_data={"to_wallet_id": str(own.id)},
    )


def _redeeming(each: Redeemed, wallet: UserWallet, books: Books) -> Move:
    amount = each.code.amount or 0
    return Move(
        key=f"promo:{each.id}",
        at=each.at,
        kind=TransactionType.CREDIT,
        amount=amount,
        currency=wallet.currency,
        user_id=each.buyer.user_id,
        legs=[(books.account("promotions"), -amount, ""), (wallet.account_id, amount, "")],
        changes={wallet.account_id: amount},
        meta_data={"code_id": str(each.code.id)},
    )


def _told(gift: Gift) -> DonationMade:
    return DonationMade(
        donation_id=gift.id,
        board_id=gift.board_id,
        user_id=gift.buyer.user_id,
        amount=gift.amount,
        currency=gift.currency,
        decimals=gift.decimals,
        is_anonymous=gift.is_anonymous,
    )
