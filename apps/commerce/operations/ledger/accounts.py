"""Accounts of the ledger: opened when they are first needed, and never closed."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from uuid import UUID

import orjson
from django.db import connections

from apps.commerce.models import AccountKind, LedgerAccount
from apps.commerce.operations.ledger import refusals
from apps.kernel.refusals import refusing

SAME = "ledger_accounts_same"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account to be: what it is and how it behaves follow from its code."""

    code: str
    kind: str
    currency: str
    owner_id: str | None = None
    is_guarded: bool = False
    rolls_up: bool = False


def revenue(currency: str) -> Account:
    """What the tenant has earned by selling."""
    return _shared("revenue", AccountKind.INCOME, currency)


def donations(currency: str) -> Account:
    """What the tenant was given on boards."""
    return _shared("donations", AccountKind.INCOME, currency)


def clearing(provider: str, currency: str) -> Account:
    """What a provider has of the tenant's money. It is owed to the tenant: a debit."""
    return _shared(f"clearing:{provider}", AccountKind.ASSET, currency)


def disputed(provider: str, currency: str) -> Account:
    """What a provider has taken back until a dispute is decided."""
    return _shared(f"disputed:{provider}", AccountKind.ASSET, currency)


def unpaid_refunds(currency: str) -> Account:
    """What buyers were to be given back, and the provider could not give."""
    return _shared("refunds-unpaid", AccountKind.LIABILITY, currency)


def chargebacks(currency: str) -> Account:
    """What banks have taken back of money that was put into wallets."""
    return _shared("chargebacks", AccountKind.EXPENSE, currency)


def promotions(currency: str) -> Account:
    """What the tenant has given away by promo codes and credits."""
    return _shared("promotions", AccountKind.EXPENSE, currency)


def adjustments(currency: str) -> Account:
    """What the tenant's staff has taken from wallets, or put right."""
    return _shared("adjustments", AccountKind.EQUITY, currency)


def liquidity(currency: str) -> Account:
    """What the tenant has of a currency by exchanging it for others."""
    return _shared("liquidity", AccountKind.EQUITY, currency)


def wallet(*, wallet_id: UUID, owner_id: UUID, currency: str) -> Account:
    """What is free in a wallet: never less than nothing."""
    return _personal("wallet", wallet_id, owner_id, currency)


def wallet_held(*, wallet_id: UUID, owner_id: UUID, currency: str) -> Account:
    """What is set aside of a wallet: never less than nothing."""
    return _personal("wallet-held", wallet_id, owner_id, currency)


def _shared(name: str, kind: AccountKind, currency: str) -> Account:
    # Every sale touches these: nobody waits for a lock on them.
    return Account(code=f"{name}:{currency}", kind=kind.value, currency=currency, rolls_up=True)


def _personal(name: str, wallet_id: UUID, owner_id: UUID, currency: str) -> Account:
    return Account(
        code=f"{name}:{wallet_id}",
        kind=AccountKind.LIABILITY.value,
        currency=currency,
        owner_id=str(owner_id),
        is_guarded=True,
    )


def open_accounts(accounts: Collection[Account]) -> dict[str, UUID]:
    """Return the ids of accounts by code; those that are not there yet are opened. One query if all are.

    :raises Conflict: a code stands for another account.
    """
    codes = {account.code for account in accounts}
    rows = LedgerAccount.objects.filter(code__in=codes).values_list("code", "id")
    found: dict[str, UUID] = dict(rows)
    missing = [asdict(account) for account in accounts if account.code not in found]
    if missing:
        with (
            refusing(alias="commerce", constraints={SAME: refusals.problem_of(SAME)}),
            connections["commerce"].cursor() as cursor,
        ):
            cursor.execute(
                "SELECT account_code, account_id FROM open_ledger_accounts(%s::jsonb)",
                [orjson.dumps(missing).decode()],
            )
            found |= dict(cursor.fetchall())
    return found


def open_account(account: Account) -> UUID:
    """Return the id of an account, which is opened if it is not there yet."""
    return open_accounts([account])[account.code]
