"""One of everything in commerce, to break the rules with."""

from datetime import timedelta
from uuid import UUID

import pytest

from apps.commerce.models import (
    DiscountCodeUsage,
    DomainEvent,
    InboxEntry,
    OutboxEntry,
    Payment,
    Purchase,
    Resolution,
    StockReservation,
    StockResolution,
    StockReturn,
    Subscription,
    TestClock,
    UserWallet,
)
from apps.commerce.operations.ledger import accounts
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.audit.conftest import connect
from tests.commerce.guards.workbench import Workbench
from tests.isolation import world as worlds
from tests.isolation.market import BEGUN
from tests.isolation.world import World

__all__ = ["connect"]


@pytest.fixture
def workbench(connect, tenant) -> Workbench:
    """A tenant that has a row in every table, and who tries things on it."""
    world = worlds.build(tenant=tenant, caller=worlds.new_account("keeper"))
    with binding.bind(tenant, writes="commerce"):
        _add_stock(world)
        _add_purchases(world)
        _add_accounts(world)
        _add_messages(world)
        _add_subscriptions(world)
        TestClock.objects.create(time=BEGUN)
    return Workbench(connect(alias="commerce"), world)


def _add_stock(world: World) -> None:
    """Add reservations of two: open, sold and released. What the market sold came back."""
    StockReturn.objects.create(id=world.ids["reservation"], quantity=1, returned_at=BEGUN)
    for kind, sold in (("open", None), ("sold", 2), ("released", 0)):
        made = StockReservation.objects.create(
            item_id=UUID(world.ids["item"]),
            user_id=UUID(world.ids["my_fan"]),
            purchase_id=UUID(world.ids["purchase"]),
            quantity=2,
            expires_at=BEGUN,
            created_on=BEGUN,
        )
        world.ids[f"{kind}_reservation"] = str(made.id)
        if sold is not None:
            StockResolution.objects.create(
                id=made.id,
                quantity=2,
                sold=sold,
                released=2 - sold,
                resolution=Resolution.CAPTURED if sold else Resolution.RELEASED,
                resolved_at=BEGUN + timedelta(minutes=1),
            )


def _add_purchases(world: World) -> None:
    """Add a cart that nobody has signed in for; have the code be used for the market's purchase."""
    cart = Purchase.objects.create(currency="USD", token_hash="0" * 64)
    world.ids["bearer_cart"] = str(cart.id)
    DiscountCodeUsage.objects.filter(id=world.ids["code_usage"]).update(
        purchase_id=world.ids["purchase"]
    )


def _add_accounts(world: World) -> None:
    """Add an account that holds euros, and two of no wallet; name the one that holds the market's dollars."""
    owner_id = UUID(world.ids["my_fan"])
    for kind, make, currency in (
        ("euro_account", accounts.wallet_held, "EUR"),
        ("spare_account", accounts.wallet, "USD"),
        ("spare_held_account", accounts.wallet_held, "USD"),
    ):
        made = make(wallet_id=uuid7(), owner_id=owner_id, currency=currency)
        world.ids[kind] = str(accounts.open_account(made))
    of_dollars = UserWallet.objects.get(id=world.ids["wallet"])
    world.ids["held_account"] = str(of_dollars.held_account_id)


def _add_subscriptions(world: World) -> None:
    """Add somebody else's, which is not paid for; have the market's wait for a payment."""
    late = Subscription.objects.get(id=world.ids["subscription"])
    late.id, late.user_id = uuid7(), UUID(world.ids["other_celebrity"])
    late.save(force_insert=True)
    Subscription.objects.filter(id=late.id).update(state="PAST_DUE")
    world.ids["late_subscription"] = str(late.id)
    payment = Payment.objects.create(
        purpose="SUBSCRIPTION",
        subscription_id=UUID(world.ids["subscription"]),
        period_id=UUID(world.ids["period"]),
        user_id=UUID(world.ids["my_fan"]),
        provider="local",
        amount=900,
        currency="USD",
        state="PENDING",
        due_at=None,
    )
    world.ids["period_payment"] = str(payment.id)


def _add_messages(world: World) -> None:
    event = DomainEvent.objects.create(
        kind="purchase.completed",
        aggregate_type="purchase",
        aggregate_id=UUID(world.ids["purchase"]),
        version=1,
        payload={},
    )
    OutboxEntry.objects.create(
        event_id=event.id,
        handler="nobody",
        aggregate_type=event.aggregate_type,
        aggregate_id=event.aggregate_id,
        version=1,
        due_at=BEGUN,
    )
    InboxEntry.objects.create(handler="nobody", message_id=event.id)
