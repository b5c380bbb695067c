"""A shop to test in: people with money, and things for sale."""

from django.db import connections
from django.utils import timezone

from apps.commerce.models import (
    InventoryItem,
    ItemState,
    ItemType,
    StockLevel,
    TransactionType,
    UserWallet,
)
from apps.commerce.operations import ledger, wallets
from apps.commerce.operations.ledger import accounts
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.factories import CelebrityFactory, FanFactory


def make_buyer(tenant):
    """A fan, who has `keycloak_id` for signing in."""
    with binding.bind(tenant, writes="users"):
        return FanFactory()


def make_seller(tenant):
    """A celebrity, who makes what is sold."""
    with binding.bind(tenant, writes="users"):
        return CelebrityFactory()


def fund(tenant, user_id, amount, *, currency="USD"):
    """Put minor units into somebody's wallet; return the wallet."""
    with binding.bind(tenant, writes="commerce"):
        wallet = wallets.open_wallet(user_id=user_id, currency=currency, opened_at=timezone.now())
        source = accounts.open_account(accounts.promotions(currency))
        ledger.post_one(
            ledger.Posting(
                cause=ledger.Cause(key=f"fund:{uuid7()}", at=timezone.now()),
                transaction_type=TransactionType.CREDIT,
                amount=amount,
                currency=currency,
                legs=[
                    ledger.Leg(account_id=source, amount=-amount),
                    ledger.Leg(account_id=wallet.account_id, amount=amount),
                ],
                user_id=user_id,
            )
        )
        return wallet


def make_item(tenant, seller, *, quantity=None, **values):
    """Something for sale, of which there are `quantity`; of which there is no end, without one."""
    with binding.bind(tenant, writes="commerce"):
        item = InventoryItem.objects.create(
            **{
                "item_id": str(uuid7()),
                "item_type": ItemType.PRODUCT,
                "name": "A poster",
                "created_by_id": seller.id,
                "state": ItemState.ACTIVE,
                "price": 1_000,
                "currency": "USD",
                **values,
            }
        )
        if quantity is not None:
            StockLevel.objects.create(item=item, quantity=quantity)
        return item


def balance(tenant, wallet: UserWallet):
    """What is free in a wallet, and what is held, in minor units."""
    with binding.bind(tenant), connections["commerce"].cursor() as cursor:
        cursor.execute(
            "SELECT id, balance FROM ledger_balances WHERE id = ANY(%s)",
            [[wallet.account_id, wallet.held_account_id]],
        )
        found = dict(cursor.fetchall())
    return found[wallet.account_id], found[wallet.held_account_id]


def trial_balance(tenant):
    """What all entries add up to, by currency: nothing, in books that balance."""
    with binding.bind(tenant), connections["commerce"].cursor() as cursor:
        cursor.execute("SELECT currency, sum(amount)::bigint FROM ledger_entries GROUP BY currency")
        return dict(cursor.fetchall())
