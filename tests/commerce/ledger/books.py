"""Ledgers to test with: accounts, postings by the operations and by hand, and many at once."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connections

from apps.commerce.models import TransactionType
from apps.commerce.operations import ledger
from apps.commerce.operations.ledger import accounts
from apps.commerce.queries import ledger_verification
from apps.commerce.queries.ledger import balances
from apps.kernel.ids import uuid7
from apps.tenancy import binding

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


def cause(key: str | None = None) -> ledger.Cause:
    """A cause with a key of its own, unless one is given."""
    return ledger.Cause(key=key or f"test:{uuid7()}", at=AT)


def account(code, *, currency="USD", is_guarded=False, rolls_up=False) -> UUID:
    """Open an account, inside a block."""
    return accounts.open_account(
        accounts.Account(
            code=code,
            kind="LIABILITY",
            currency=currency,
            is_guarded=is_guarded,
            rolls_up=rolls_up,
        )
    )


def transfer(source, target, amount, *, key=None, currency="USD", **values) -> ledger.Posting:
    """A posting from one account to another."""
    return ledger.Posting(
        cause=cause(key),
        transaction_type=values.pop("transaction_type", TransactionType.TRANSFER),
        amount=amount,
        currency=currency,
        legs=[
            ledger.Leg(account_id=source, amount=-amount),
            ledger.Leg(account_id=target, amount=amount),
        ],
        **values,
    )


def by_hand(row: Any, *, function: str = "post_transaction") -> list[tuple]:
    """Call the ledger's function as the run-time role, with whatever JSON, inside a block."""
    with connections["commerce"].cursor() as cursor:
        cursor.execute(f"SELECT * FROM {function}(%s::jsonb)", [orjson.dumps(row).decode()])
        return cursor.fetchall()


def row(*legs, **values) -> dict[str, Any]:
    """A posting as JSON: a transfer of these legs, (account, amount) each."""
    key = f"hand:{uuid7()}"
    return {
        "id": str(uuid7()),
        "transaction_type": "TRANSFER",
        "idempotency_key": key,
        "request_hash": key,
        "amount": max((amount for _, amount in legs), default=1),
        "currency": "USD",
        **({"legs": [leg(*each) for each in legs]} if legs else {}),
        **values,
    }


def leg(account_id, amount, **values) -> dict[str, Any]:
    """A leg as JSON."""
    return {"account_id": str(account_id), "amount": amount, **values}


def holds(tenant, *account_ids) -> list[int]:
    """What accounts hold."""
    with binding.bind(tenant):
        found = balances(account_ids)
    return [found[each] for each in account_ids]


def at_once(deeds: Iterable[Callable[[], Any]], *, threads: int) -> list[Any]:
    """Do all of them, so many at a time; return what each returned, or raised."""

    waiting = deque(enumerate(deeds))
    found: dict[int, Any] = {}

    def work() -> None:
        try:
            while waiting:
                with suppress(IndexError):
                    number, deed = waiting.popleft()
                    found[number] = outcome(deed)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        for each in [pool.submit(work) for _ in range(threads)]:
            each.result()
    return [found[number] for number in sorted(found)]


def outcome(deed: Callable[[], Any]) -> Any:
    """Do it; return what it returned or raised."""
    try:
        return deed()
    except Exception as error:
        return error


def roll_up(tenant) -> None:
    """Roll up until nothing is left: whoever writes anywhere on the server makes it wait."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with binding.bind(tenant, writes="commerce"):
            ledger.roll_up_accounts()
        with binding.bind(tenant), connections["commerce"].cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM ledger_entries e JOIN account_balances b "
                "ON b.id = e.account_id AND b.rolls_up AND e.xid >= b.watermark)"
            )
            if cursor.fetchone() == (False,):
                return
        time.sleep(0.05)
    raise AssertionError("something on this server has been writing for a minute")


def assert_sound(tenant) -> ledger_verification.LedgerReport:
    """Have the ledger verified; return the report."""
    report = ledger_verification.verify_ledger(tenant=tenant)
    assert report.is_sound, [fault.text for fault in report.faults[:5]]
    return report
