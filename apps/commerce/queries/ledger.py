"""Reads of the ledger: what accounts hold."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import connections

BALANCES = "SELECT id, balance FROM ledger_balances WHERE id = ANY(%s)"
STATES = "SELECT id, status FROM transaction_states WHERE id = ANY(%s)"


def balances(account_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return what accounts hold, in minor units, credits positive. An absent id is no account's. One query.

    What is read is one moment: entries of an account that rolls up are counted once, rolled up or not.
    """
    return _by_id(BALANCES, account_ids)


def states(transaction_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return what has become of transactions. One query.

    COMPLETED, REVERSED, REFUNDED or PARTLY_REFUNDED; of a hold PENDING, CAPTURED, RELEASED or EXPIRED.
    """
    return _by_id(STATES, transaction_ids)


def _by_id(statement: str, ids: Collection[UUID]) -> dict[UUID, Any]:
    if not ids:
        return {}
    with connections["commerce"].cursor() as cursor:
        cursor.execute(statement, [list(ids)])
        return dict(cursor.fetchall())
