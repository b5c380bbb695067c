"""Holds: money set aside, that is captured, released or expires: one of these, once."""

from datetime import datetime
from uuid import UUID

from apps.commerce.models import Hold, HoldResolution, Resolution, TransactionType, UserWallet
from apps.commerce.operations.ledger.posting import (
    Cause,
    HoldSpec,
    Posted,
    Posting,
    ResolutionSpec,
    post_one,
)
from apps.kernel.errors import Invalid, NotFound


def place_hold(*, wallet: UserWallet, amount: int, expires_at: datetime, cause: Cause) -> UUID:
    """Set `amount` minor units of a wallet aside; return the hold's id, which is its transaction's.

    :raises InsufficientFunds: there is less in it.
    """
    posting = Posting(
        cause=cause,
        transaction_type=TransactionType.HOLD,
        amount=amount,
        currency=wallet.currency,
        hold=HoldSpec(
            account_id=wallet.account_id,
            held_account_id=wallet.held_account_id,
            expires_at=expires_at,
        ),
        user_id=wallet.user_id,
        is_debit=True,
    )
    return post_one(posting).id


def capture_hold(
    *,
    hold_id: UUID,
    amount: int,
    to_account_id: UUID,
    cause: Cause,
    transaction_type: TransactionType = TransactionType.PURCHASE,
) -> Posted:
    """Take `amount` minor units of a hold; the rest goes back to where it came from.

    :raises AlreadyResolved: it was captured or released, or has expired.
    :raises Invalid: the amount is more than is held.
    :raises NotFound: there is no such hold.
    """
    hold = _hold(hold_id)
    if not 0 < amount <= hold.amount:
        raise Invalid(fields={"amount": [f"{amount} is not from 1 to the {hold.amount} held."]})
    spec = ResolutionSpec(
        hold_id=hold_id,
        captured=amount,
        resolution=Resolution.CAPTURED,
        to_account_id=to_account_id,
    )
    return _resolve(hold, spec, cause=cause, amount=amount, transaction_type=transaction_type)


def release_hold(
    *, hold_id: UUID, cause: Cause, resolution: Resolution = Resolution.RELEASED
) -> Posted:
    """Give back all of a hold.

    :param resolution: RELEASED or EXPIRED.
    :raises AlreadyResolved: it was captured or released, or has expired.
    :raises NotFound: there is no such hold.
    """
    hold = _hold(hold_id)
    spec = ResolutionSpec(hold_id=hold_id, captured=0, resolution=resolution)
    return _resolve(
        hold,
        spec,
        cause=cause,
        amount=hold.amount,
        transaction_type=TransactionType.RESOLUTION,
    )


def is_resolved(*, hold_id: UUID) -> bool:
    """Return whether a hold has ended."""
    return HoldResolution.objects.filter(id=hold_id).exists()


def _hold(hold_id: UUID) -> Hold:
    hold = Hold.objects.filter(id=hold_id).first()
    if hold is None:
        raise NotFound
    return hold


def _resolve(
    hold: Hold,
    spec: ResolutionSpec,
    *,
    cause: Cause,
    amount: int,
    transaction_type: TransactionType,
) -> Posted:
    wallet = UserWallet.objects.filter(account_id=hold.account_id).first()
    posting = Posting(
        cause=cause,
        transaction_type=transaction_type,
        amount=amount,
        currency=hold.currency,
        resolves=spec,
        user_id=wallet.user_id if wallet else None,
        is_debit=spec.captured > 0,
    )
    return post_one(posting)
