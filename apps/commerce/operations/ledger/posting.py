"""Posting: the one way to write the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
from django.db import connections

from apps.commerce.models import RelationType, Resolution, TransactionType
from apps.commerce.operations.ledger import refusals
from apps.kernel.errors import Invalid
from apps.kernel.ids import uuid7
from apps.kernel.money import MAX_AMOUNT

POST = "SELECT transaction_id, is_replay, refusal, said FROM try_post_transaction(%s::jsonb)"
REFUSAL, SAID = 2, 3
KEY_LENGTH = 255
# As JSON has it.
NUL = "\\u0000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why something is posted, and under which key.

    `key` makes the transaction unique in its tenant, for ever. `at` is when it counts, in UTC.
    `created_by_id` is the identity provider's id of who did it; nobody where the clock did.
    """

    key: str
    at: datetime
    created_by_id: UUID | None = None
    purchase_id: UUID | None = None
    item_id: UUID | None = None
    description: str = ""
    """A sentence of the code's: nothing personal, since it can't be erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A change of an account: in minor units, credits positive. Of the posting's currency if none is named."""

    account_id: UUID
    amount: int
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSpec:
    """What is set aside: the posting's amount, from one account into another, until `expires_at`."""

    account_id: UUID
    held_account_id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionSpec:
    """How a hold ends: `captured` of it goes to `to_account_id`, the rest back to where it came from."""

    hold_id: UUID
    captured: int
    resolution: Resolution
    to_account_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A ledger transaction to be. It has legs, or it is a hold, a resolution or a reversal.

    The same key with the same contents is the same transaction; when it counts, and who did it, are no
    part of what must be the same. `amount` is what it is about, in minor units.
    """

    cause: Cause
    transaction_type: TransactionType
    amount: int
    currency: str
    legs: Sequence[Leg] = ()
    hold: HoldSpec | None = None
    resolves: ResolutionSpec | None = None
    reverses_id: UUID | None = None
    relations: Mapping[UUID, RelationType] = field(default_factory=dict)
    user_id: UUID | None = None
    """The profile whose money it is about."""
    is_debit: bool = False
    """Whether it takes from them."""
    exchange_rate_id: UUID | None = None
    meta_data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A transaction that is there: written now, or before under the same key."""

    id: UUID
    is_replay: bool


def post(*postings: Posting) -> list[Posted]:
    """Write transactions, all or none, in the bound block; return them in order.

    Accounts are locked in one order over all of them, so that those who post at once don't stand in
    each other's way. Who is refused may go on in the same block: nothing was written.

    :raises InsufficientFunds: a guarded account would hold less than nothing.
    :raises LedgerKeyReused: a key stands for another transaction.
    :raises AlreadyResolved: a hold has ended before.
    :raises AlreadyReversed: a transaction was reversed before.
    :raises Irreversible: a transaction is none that can be reversed, or was refunded.
    :raises UnbalancedTransaction: the legs don't add up, or move less than the amount.
    :raises Invalid: an amount is not from 1 to 10^12, or something named is not there.
    """
    for each in postings:
        _check(each)
    rows = orjson.dumps([_row(each) for each in postings]).decode()
    if NUL in rows:
        raise Invalid("A text of the transaction holds the character NUL, which can't be kept.")
    with connections["commerce"].cursor() as cursor:
        cursor.execute(POST, [rows])
        found = cursor.fetchall()
    if found and found[0][REFUSAL]:
        raise refusals.problem_of(found[0][REFUSAL], said=found[0][SAID])
    return [Posted(id=id_, is_replay=replay) for id_, replay, _, _ in found]


def post_one(posting: Posting) -> Posted:
    """Write one transaction; see `post`."""
    return post(posting)[0]


def _check(posting: Posting) -> None:
    amounts = [posting.amount, *(abs(leg.amount) for leg in posting.legs)]
    for amount in amounts:
        if not 0 < amount <= MAX_AMOUNT:
            raise Invalid(fields={"amount": [f"{amount} is not from 1 to {MAX_AMOUNT}."]})
    if not 0 < len(posting.cause.key) <= KEY_LENGTH:
        raise Invalid(f"The key of a transaction has 1 to {KEY_LENGTH} characters.")


def _row(posting: Posting) -> dict[str, Any]:
    cause = posting.cause
    row: dict[str, Any] = {
        "transaction_type": posting.transaction_type.value,
        "idempotency_key": cause.key,
        "amount": posting.amount,
        "currency": posting.currency,
        "is_debit": posting.is_debit,
        "meta_data": dict(posting.meta_data),
    }
    ids = {
        "user_id": posting.user_id,
        "item_id": cause.item_id,
        "purchase_id": cause.purchase_id,
        "reverses_id": posting.reverses_id,
        "exchange_rate_id": posting.exchange_rate_id,
    }
    row |= {name: str(value) for name, value in ids.items() if value is not None}
    if posting.legs:
        row["legs"] = [_leg(leg) for leg in posting.legs]
    if posting.hold:
        row["hold"] = {
            "account_id": str(posting.hold.account_id),
            "held_account_id": str(posting.hold.held_account_id),
            "expires_at": posting.hold.expires_at.isoformat(),
        }
    if posting.resolves:
        row["resolves"] = {
            "hold_id": str(posting.resolves.hold_id),
            "captured": posting.resolves.captured,
            "resolution": posting.resolves.resolution.value,
            "to_account_id": str(posting.resolves.to_account_id or "") or None,
        }
    if posting.relations:
        row["relations"] = [
            {"id": str(id_), "type": kind.value} for id_, kind in posting.relations.items()
        ]
    hashed = sha256(orjson.dumps(row, option=orjson.OPT_SORT_KEYS)).hexdigest()
    who = {"created_by_id": str(cause.created_by_id)} if cause.created_by_id else {}
    return {
        "id": str(uuid7()),
        "request_hash": hashed,
        "description": cause.description,
        "effective_at": cause.at.isoformat(),
        **row,
        **who,
    }


def _leg(leg: Leg) -> dict[str, Any]:
    currency = {"currency": leg.currency} if leg.currency else {}
    return {"account_id": str(leg.account_id), "amount": leg.amount, **currency}
