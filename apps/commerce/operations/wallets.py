"""Wallets: opened when they are first needed, filled, emptied, and paid from one into another."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.commerce.contracts import WalletChanged
from apps.commerce.models import (
    CreditReason,
    DebitReason,
    DisputeState,
    Donation,
    LedgerEntry,
    LedgerTransaction,
    Payment,
    TransactionType,
    UserWallet,
)
from apps.commerce.operations import ledger
from apps.commerce.operations.ledger import accounts
from apps.kernel import messages
from apps.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from apps.kernel.ids import uuid7
from apps.tenancy import locks
from apps.users import interface as users

# What a purchase, a subscription or a dispute has posted is undone where it was done.
REVERSIBLE = frozenset(
    {
        TransactionType.CREDIT,
        TransactionType.DEBIT,
        TransactionType.TRANSFER,
        TransactionType.EXCHANGE,
    }
)
SHUT_OUT = frozenset({"SUSPENDED", "INACTIVE", "REJECTED"})


class PersonGone(Conflict):
    """Who has left moves no money, and is sent none."""

    slug = "person-gone"
    title = "This person is no longer here."


class PersonShutOut(Forbidden):
    """Whom the tenant's staff has suspended or turned down moves no money, and is sent none."""

    slug = "person-shut-out"
    title = "This person may not move money now."


class Disputed(Conflict):
    """What a bank has taken back of a top-up is gone from the provider: it can't go from there once more."""

    slug = "top-up-disputed"
    title = "The payer's bank has disputed this top-up."


def open_wallet(
    *, user_id: UUID, currency: str, opened_at: datetime, is_owed: bool = False
) -> UserWallet:
    """Return somebody's wallet of a currency, which is opened if they have none yet.

    :param user_id: their profile.
    :param is_owed: what goes into it was taken from them already: it is theirs also if they have left.
    :raises Invalid: there is no such profile.
    """
    found = UserWallet.objects.filter(user_id=user_id, currency=currency).first()
    if found is None:
        locks.hold("wallet", user_id, currency)
        found = UserWallet.objects.filter(user_id=user_id, currency=currency).first()
    return found or _open(user_id=user_id, currency=currency, opened_at=opened_at, is_owed=is_owed)


def _open(*, user_id: UUID, currency: str, opened_at: datetime, is_owed: bool) -> UserWallet:
    wallet_id = uuid7()
    free = accounts.wallet(wallet_id=wallet_id, owner_id=user_id, currency=currency)
    held = accounts.wallet_held(wallet_id=wallet_id, owner_id=user_id, currency=currency)
    opened = accounts.open_accounts([free, held])
    wallet = UserWallet(
        id=wallet_id,
        user_id=user_id,
        currency=currency,
        account_id=opened[free.code],
        held_account_id=opened[held.code],
        created_on=opened_at,
    )
    if is_owed:
        # Past the check of references: that somebody has left must not refuse what they have paid.
        QuerySet.bulk_create(UserWallet.objects.all(), [wallet])
    else:
        wallet.save(force_insert=True)
    return wallet


def check_people(*, ids: Collection[UUID]) -> None:
    """Refuse people who may not move money. One query.

    :raises PersonGone: one was deleted or erased, or was never there.
    :raises PersonShutOut: one is suspended, inactive or turned down.
    """
    found = users.get_profiles(ids=ids)
    for id_ in ids:
        if id_ not in found or found[id_].is_deleted or found[id_].is_tombstone:
            raise PersonGone(f"There is nobody with the id {id_} any more.")
        if found[id_].status in SHUT_OUT:
            raise PersonShutOut(f"The profile {id_} is {found[id_].status}; ask the staff.")


def receive_top_up(*, payment: Payment, received_at: datetime) -> UUID:
    """Put what a provider has taken into the wallet it is for, once; return the ledger transaction.

    It is received whatever has become of the person since: the money is theirs.
    """
    assert payment.wallet_id is not None
    wallet = UserWallet.objects.get(id=payment.wallet_id)
    source = accounts.open_account(accounts.clearing(payment.provider, payment.currency))
    posting = ledger.Posting(
        cause=ledger.Cause(
            key=f"topup:{payment.id}", at=received_at, description="Money put into a wallet."
        ),
        transaction_type=TransactionType.CREDIT,
        amount=payment.amount,
        currency=payment.currency,
        legs=_legs(source, wallet.account_id, payment.amount),
        user_id=wallet.user_id,
        meta_data={"payment_id": str(payment.id), "provider": payment.provider},
    )
    return post_and_tell(posting, {wallet: payment.amount})


def transfer(*, wallet_id: UUID, to_user_id: UUID, amount: int, cause: ledger.Cause) -> UUID:
    """Pay `amount` minor units out of a wallet into somebody else's; return the ledger transaction.

    Theirs is opened if they have none of the currency. Nobody waits for somebody who pays the other
    way at the same time: balances are locked in one order.

    :raises InsufficientFunds: there is less in it.
    :raises Invalid: it is the same person, or nobody has that id.
    :raises PersonGone: one of the two has left.
    :raises PersonShutOut: one of the two is suspended.
    :raises NotFound: there is no such wallet.
    """
    wallet = get_wallet(wallet_id=wallet_id)
    if to_user_id == wallet.user_id or _is_same_person(to_user_id, wallet.user_id):
        raise Invalid(fields={"to_user_id": ["A transfer is to somebody else."]})
    check_people(ids=[wallet.user_id, to_user_id])
    other = open_wallet(user_id=to_user_id, currency=wallet.currency, opened_at=cause.at)
    posting = ledger.Posting(
        cause=replace(cause, description="A transfer from one wallet into another."),
        transaction_type=TransactionType.TRANSFER,
        amount=amount,
        currency=wallet.currency,
        legs=_legs(wallet.account_id, other.account_id, amount),
        user_id=wallet.user_id,
        is_debit=True,
        meta_data={"to_user_id": str(to_user_id), "to_wallet_id": str(other.id)},
    )
    return post_and_tell(posting, {wallet: -amount, other: amount})


def credit(*, wallet_id: UUID, amount: int, reason: CreditReason, cause: ledger.Cause) -> UUID:
    """Put `amount` minor units of the tenant's into a wallet; return the ledger transaction.

    :raises PersonGone: its owner has left.
    :raises NotFound: there is no such wallet.
    """
    wallet = get_wallet(wallet_id=wallet_id)
    if wallet.user_id not in users.existing_profile_ids(ids=[wallet.user_id]):
        raise PersonGone("Nobody owns this wallet any more.")
    # What is given away is an expense; what puts the books right is none.
    is_correction = reason == CreditReason.CORRECTION
    spec = accounts.adjustments if is_correction else accounts.promotions
    source = accounts.open_account(spec(wallet.currency))
    posting = ledger.Posting(
        cause=replace(cause, description="A credit by the staff."),
        transaction_type=TransactionType.CREDIT,
        amount=amount,
        currency=wallet.currency,
        legs=_legs(source, wallet.account_id, amount),
        user_id=wallet.user_id,
        meta_data={"reason": reason.value},
    )
    return post_and_tell(posting, {wallet: amount})


def debit(*, wallet_id: UUID, amount: int, reason: DebitReason, cause: ledger.Cause) -> UUID:
    """Take `amount` minor units out of a wallet; return the ledger transaction.

    Also out of one whose owner has left: what they leave behind must be able to go somewhere.

    :raises InsufficientFunds: there is less in it.
    :raises NotFound: there is no such wallet.
    """
    wallet = get_wallet(wallet_id=wallet_id)
    target = accounts.open_account(accounts.adjustments(wallet.currency))
    posting = ledger.Posting(
        cause=replace(cause, description="A debit by the staff."),
        transaction_type=TransactionType.DEBIT,
        amount=amount,
        currency=wallet.currency,
        legs=_legs(wallet.account_id, target, amount),
        user_id=wallet.user_id,
        is_debit=True,
        meta_data={"reason": reason.value},
    )
    return post_and_tell(posting, {wallet: -amount})


def reverse(*, transaction_id: UUID, cause: ledger.Cause) -> UUID:
    """Post a credit, debit, transfer or exchange the other way round; return the ledger transaction.

    :raises NotFound: there is no such transaction.
    :raises Invalid: it is of another type, or belongs to a purchase: that is refunded; or to a donation.
    :raises Disputed: it is a top-up that the payer's bank has taken back, or is about to.
    :raises AlreadyReversed: it was reversed before.
    :raises InsufficientFunds: what it brought is no longer there.
    """
    original = LedgerTransaction.objects.filter(id=transaction_id).first()
    if original is None:
        raise NotFound
    if original.transaction_type not in REVERSIBLE or original.purchase_id is not None:
        raise Invalid(
            f"A {original.transaction_type} is not reversed. Holds are released, "
            "and what was bought is refunded."
        )
    _check_reversible(original)
    posted = ledger.reverse_transaction(
        transaction_id=transaction_id,
        cause=replace(cause, description="A reversal by the staff."),
    )
    if not posted.is_replay:
        _tell(posted.id, _changes_of(posted.id))
    return posted.id


def _check_reversible(original: LedgerTransaction) -> None:
    # Both by the user, as these tables have indexes for that.
    if original.user_id is None:
        return
    given = Donation.objects.filter(user_id=original.user_id, transaction_id=original.id)
    if original.transaction_type == TransactionType.DEBIT and given.exists():
        raise Invalid(
            "A donation is not reversed: its board counts it. To give the money back, credit the wallet."
        )
    disputed = Payment.objects.filter(
        user_id=original.user_id,
        transaction_id=original.id,
        dispute_state__in=[DisputeState.OPEN, DisputeState.LOST],
    )
    if original.transaction_type == TransactionType.CREDIT and disputed.exists():
        raise Disputed("What is to be taken out of the wallet for it is debited.")


def get_wallet(*, wallet_id: UUID) -> UserWallet:
    """Return a wallet.

    :raises NotFound: there is none of this id.
    """
    wallet: UserWallet | None = UserWallet.objects.filter(id=wallet_id).first()
    if wallet is None:
        raise NotFound
    return wallet


def _legs(source: UUID, target: UUID, amount: int) -> list[ledger.Leg]:
    return [
        ledger.Leg(account_id=source, amount=-amount),
        ledger.Leg(account_id=target, amount=amount),
    ]


def _is_same_person(one_id: UUID, other_id: UUID) -> bool:
    """Return whether two profiles are of one person, who is at once a fan and a celebrity."""
    people = users.people_of_profiles(ids=[one_id, other_id])
    return one_id in people and people[one_id] == people.get(other_id)


def post_and_tell(posting: ledger.Posting, changes: Mapping[UserWallet, int]) -> UUID:
    """Post what changes wallets, and tell of it if it was not posted before; return the transaction.

    :param changes: by wallet, what comes into what is free in it; negative what goes.
    """
    posted = ledger.post_one(posting)
    if not posted.is_replay:
        _tell(posted.id, changes)
    return posted.id


def _changes_of(transaction_id: UUID) -> dict[UserWallet, int]:
    """Return what a transaction has brought to wallets, or taken from them."""
    entries = LedgerEntry.objects.filter(transaction_id=transaction_id)
    amounts = dict(entries.values_list("account_id", "amount"))
    owned = UserWallet.objects.filter(account_id__in=amounts).order_by("id")
    return {wallet: amounts[wallet.account_id] for wallet in owned}


def _tell(transaction_id: UUID, changes: Mapping[UserWallet, int]) -> None:
    messages.record_all(
        WalletChanged(
            wallet_id=wallet.id,
            user_id=wallet.user_id,
            transaction_id=transaction_id,
            amount=amount,
            currency=wallet.currency,
        )
        for wallet, amount in changes.items()
    )
