"""Donations: money that somebody gives on a board, out of their wallet."""

from datetime import datetime
from uuid import UUID

from apps.commerce.contracts import DonationMade
from apps.commerce.models import Donation, TransactionType, UserWallet
from apps.commerce.operations import ledger, wallets
from apps.commerce.operations.ledger import accounts
from apps.commerce.queries import currencies
from apps.kernel import messages
from apps.kernel.errors import Invalid
from apps.kernel.ids import uuid7


def donate(
    *,
    board_id: UUID,
    user_id: UUID,
    amount: int,
    currency: str,
    is_anonymous: bool,
    given_at: datetime,
    created_by_id: UUID | None,
) -> Donation:
    """Take an amount, in minor units, out of somebody's wallet for what a board collects; tell of it.

    :param board_id: a message board that the caller may see, as `queries.donations.check_board` says.
    :param created_by_id: the identity provider's id of who gives.
    :raises InsufficientFunds: there is less in their wallet, or they have none of this currency.
    :raises PersonGone: they have left; PersonShutOut, they are suspended.
    :raises Invalid: there is no such currency, or the amount is not from 1 to 10^12.
    """
    decimals = currencies.decimals(codes=[currency]).get(currency)
    if decimals is None:
        raise Invalid(
            fields={
                "currency": [f"{currency} is no currency of ISO 4217, nor one of the tenant's."]
            }
        )
    wallets.check_people(ids=[user_id])
    wallet = wallets.open_wallet(user_id=user_id, currency=currency, opened_at=given_at)
    donation_id = uuid7()
    posting = _posting(
        wallet,
        amount=amount,
        cause=ledger.Cause(
            key=f"donation:{donation_id}",
            at=given_at,
            created_by_id=created_by_id,
            description="A donation on a board.",
        ),
        board_id=board_id,
    )
    donation = Donation.objects.create(
        id=donation_id,
        board_id=board_id,
        user_id=user_id,
        amount=amount,
        currency=currency,
        is_anonymous=is_anonymous,
        transaction_id=wallets.post_and_tell(posting, {wallet: -amount}),
        created_on=given_at,
    )
    messages.record(
        DonationMade(
            donation_id=donation.id,
            board_id=board_id,
            user_id=user_id,
            amount=amount,
            currency=currency,
            decimals=decimals,
            is_anonymous=is_anonymous,
        )
    )
    return donation


def _posting(
    wallet: UserWallet, *, amount: int, cause: ledger.Cause, board_id: UUID
) -> ledger.Posting:
    collected = accounts.open_account(accounts.donations(wallet.currency))
    return ledger.Posting(
        cause=cause,
        transaction_type=TransactionType.DEBIT,
        amount=amount,
        currency=wallet.currency,
        legs=[
            ledger.Leg(account_id=wallet.account_id, amount=-amount),
            ledger.Leg(account_id=collected, amount=amount),
        ],
        user_id=wallet.user_id,
        is_debit=True,
        meta_data={"board_id": str(board_id)},
    )
