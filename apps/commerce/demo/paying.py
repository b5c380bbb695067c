"""What the drawn purchases of the demo tenants move in the ledger."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from uuid import UUID

from apps.commerce.demo.books import Books, Move
from apps.commerce.demo.sales import EXPIRES_AFTER, Fate, Sale
from apps.commerce.models import (
    Provider,
    RelationType,
    Resolution,
    TransactionType,
    UserWallet,
)

DISPUTED = frozenset({Fate.DISPUTED, Fate.WON, Fate.LOST})
DECIDED_AFTER = timedelta(hours=20)


def moves_of(
    sales: Iterable[Sale], *, wallets: Mapping[UUID, UserWallet], books: Books
) -> Iterator[Move]:
    """Yield what moves for each purchase: what is taken, held and let go, given back, disputed.

    :param wallets: the buyers', by person.
    """
    for sale in sales:
        if sale.provider == Provider.WALLET:
            yield from _from_wallet(sale, wallets[sale.buyer.user_id], books)
        elif sale.is_paid:
            yield _by_provider(sale, books)
        if sale.refunded:
            yield _refund(sale, wallets, books)
        if sale.fate in DISPUTED:
            yield from _dispute(sale, books)


def dispute_id(sale: Sale) -> str:
    """Return what the provider calls the dispute."""
    return f"local_dispute_{sale.payment_id}"


def key_of(sale: Sale, step: str) -> str:
    """Return the key of a step of a purchase in the ledger."""
    return f"purchase:{sale.id}:{step}"


def _from_wallet(sale: Sale, wallet: UserWallet, books: Books) -> Iterator[Move]:
    revenue = books.account("revenue")
    if sale.fate in {Fate.HELD, Fate.EXPIRED}:
        yield _move(
            sale,
            "hold",
            at=sale.checked_out_at,
            kind=TransactionType.HOLD,
            hold=(wallet.account_id, wallet.held_account_id, sale.checked_out_at + EXPIRES_AFTER),
            changes={wallet.account_id: -sale.total},
            is_debit=True,
        )
        is_taken = sale.fate == Fate.HELD
        yield _move(
            sale,
            "capture" if is_taken else "release",
            at=sale.done_at,
            kind=TransactionType.PURCHASE if is_taken else TransactionType.RESOLUTION,
            needs=key_of(sale, "hold"),
            resolution=Resolution.CAPTURED if is_taken else Resolution.EXPIRED,
            to_account_id=revenue,
            changes={} if is_taken else {wallet.account_id: sale.total},
            is_debit=is_taken,
        )
    elif sale.is_paid:
        yield _move(
            sale,
            "capture",
            at=sale.done_at,
            kind=TransactionType.PURCHASE,
            legs=[(wallet.account_id, -sale.total, ""), (revenue, sale.total, "")],
            changes={wallet.account_id: -sale.total},
            is_debit=True,
        )


def _by_provider(sale: Sale, books: Books) -> Move:
    return _move(
        sale,
        "capture",
        at=sale.done_at,
        kind=TransactionType.PURCHASE,
        legs=[
            (books.account("clearing:local"), -sale.total, ""),
            (books.account("revenue"), sale.total, ""),
        ],
        is_debit=True,
        meta_data={"payment_id": str(sale.payment_id)},
    )


def _refund(sale: Sale, wallets: Mapping[UUID, UserWallet], books: Books) -> Move:
    target, changes = books.account("clearing:local"), {}
    if sale.provider == Provider.WALLET:
        target = wallets[sale.buyer.user_id].account_id
        changes = {target: sale.refunded}
    return _move(
        sale,
        "refund:1",
        at=sale.later_at,
        kind=TransactionType.REFUND,
        amount=sale.refunded,
        legs=[(books.account("revenue"), -sale.refunded, ""), (target, sale.refunded, "")],
        changes=changes,
        needs=key_of(sale, "capture"),
        relation=RelationType.REFUND_OF,
    )


def _dispute(sale: Sale, books: Books) -> Iterator[Move]:
    clearing, disputed = books.account("clearing:local"), books.account("disputed:local")
    steps = [("opened", sale.later_at, clearing, disputed)]
    if sale.fate != Fate.DISPUTED:
        lost_to = clearing if sale.fate == Fate.WON else books.account("revenue")
        steps.append(("closed", sale.later_at + DECIDED_AFTER, disputed, lost_to))
    for step, at, source, target in steps:
        yield _move(
            sale,
            f"dispute:{dispute_id(sale)}:{step}",
            at=at,
            kind=TransactionType.DISPUTE,
            legs=[(source, sale.total, ""), (target, -sale.total, "")],
            needs=key_of(sale, "capture"),
            relation=RelationType.DISPUTES,
        )


def _move(sale: Sale, step: str, **values: object) -> Move:
    is_theirs = step in {"hold", "capture"}
    defaults = {
        "amount": sale.total,
        "currency": sale.lines[0][1].currency,
        "user_id": sale.buyer.user_id,
        "created_by_id": sale.buyer.person_id if is_theirs else None,
        "purchase_id": sale.id,
    }
    return Move(key=key_of(sale, step), **{**defaults, **values})  # type: ignore[arg-type]
