"""People who buy, by the API and by operations, and what is left afterwards."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from apps.commerce.models import (
    DiscountCode,
    Payment,
    PaymentState,
    Purchase,
    PurchaseTransition,
    StockLevel,
    StockReservation,
)
from apps.commerce.operations import purchases
from apps.commerce.operations.payments.settling import settle_payment
from apps.commerce.operations.purchases.carts import add_line, open_cart
from apps.commerce.operations.purchases.checkout import CheckedOut, Wishes, check_out
from apps.commerce.ports.payments import PaymentOutcome
from apps.tenancy import binding
from tests.api import Caller, client_of
from tests.commerce import shop

CARTS = "/api/v1/carts"
PURCHASES = "/api/v1/purchases"


@dataclass(frozen=True)
class Shopper:
    """Somebody with a profile, who buys by the API."""

    id: UUID
    keycloak_id: UUID
    client: APIClient

    def cart(self, *items: Any, quantity: int = 1, currency: str = "USD") -> dict:
        """The buyer's cart with a line of each item."""
        cart = self.client.post(CARTS, {"currency": currency}).json()
        for item in items:
            cart = self.put(cart["id"], item, quantity=quantity).json()
        return cart

    def put(self, cart_id: str, item: Any, *, quantity: int = 1, **values: Any) -> Any:
        body = {"item_id": str(item.id), "quantity": quantity, **values}
        return self.client.post(f"{CARTS}/{cart_id}/lines", body, format="json")

    def check_out(self, cart: dict, provider: str = "wallet", **values: Any) -> Any:
        headers = {"Idempotency-Key": values.pop("key")} if "key" in values else {}
        body = {"cart_id": cart["id"], "provider": provider, **values}
        return self.client.post(PURCHASES, body, format="json", headers=headers)

    def buy(self, *items: Any, quantity: int = 1, provider: str = "wallet", **values: Any) -> dict:
        reply = self.check_out(self.cart(*items, quantity=quantity), provider, **values)
        assert reply.status_code == 201, reply.content
        return reply.json()


def shopper(tenant, fan) -> Shopper:
    """The client of somebody who has a profile."""
    caller = Caller(id=fan.keycloak_id)
    return Shopper(id=fan.id, keycloak_id=fan.keycloak_id, client=client_of(tenant, caller))


def staff(tenant, role: str) -> APIClient:
    """A client of somebody of the staff."""
    return client_of(tenant, Caller(role=role))


def check_out_now(
    tenant, user_id, *items, quantity=1, provider="local", at=None, code="", **wishes
) -> CheckedOut:
    """Check a new cart out by the operations; a payment that it has is not asked for."""
    at = at or timezone.now()
    with binding.bind(tenant, writes="commerce"):
        cart = open_cart(user_id=user_id, currency=items[0].currency, opened_at=at).cart
        for item in items:
            add_line(cart_id=cart.id, item_id=item.id, quantity=quantity, metadata={}, added_at=at)
        if code:
            purchases.carts.change_cart(
                cart_id=cart.id, changes={"discount_code": code}, changed_at=at
            )
        return check_out(
            cart_id=cart.id,
            user_id=user_id,
            wishes=Wishes(provider=provider, **wishes),
            checked_out_at=at,
        )


def pay(tenant, payment: Payment, *, at=None) -> Purchase:
    """Have a payment succeed, as its provider says."""
    return settle(tenant, payment, PaymentState.SUCCEEDED, at=at)


def settle(tenant, payment: Payment, state, *, at=None) -> Purchase:
    """Have a provider say what has become of a payment."""
    outcome = PaymentOutcome(state=state, provider_payment_id=f"said-{payment.id}")
    with binding.bind(tenant, writes="commerce"):
        settle_payment(payment_id=payment.id, outcome=outcome, at=at or timezone.now())
        return Purchase.objects.get(id=payment.purchase_id)


def expire(tenant, *, after: timedelta = timedelta(days=30)) -> int:
    """Have everything expire that waits."""
    return purchases.expire_each_due(tenant=tenant, now=timezone.now() + after)


def purchase_of(tenant, purchase_id) -> Purchase:
    with binding.bind(tenant):
        return Purchase.objects.get(id=purchase_id)


def states_of(tenant, purchase_id) -> list[str]:
    """Each state that a purchase came into, in order."""
    with binding.bind(tenant):
        rows = PurchaseTransition.objects.filter(purchase_id=purchase_id)
        return list(rows.order_by("id").values_list("to_state", flat=True))


def make_code(tenant, code="SAVE", **values) -> DiscountCode:
    with binding.bind(tenant, writes="commerce"):
        return DiscountCode.objects.create(
            **{"code": code, "kind": "PERCENT", "percent": 1_000, **values}
        )


def stock_of(tenant, item) -> tuple[int, int]:
    """How many of an item are held, and how many sold."""
    with binding.bind(tenant):
        level = StockLevel.objects.get(item_id=item.id)
        return level.held, level.sold


def accounts_of(tenant) -> dict[str, int]:
    """What each account holds that holds anything."""
    with binding.bind(tenant), connections["commerce"].cursor() as cursor:
        cursor.execute(
            "SELECT a.code, b.balance FROM ledger_balances b JOIN ledger_accounts a ON a.id = b.id "
            "WHERE b.balance <> 0 AND a.code NOT LIKE 'wallet%%'"
        )
        return dict(cursor.fetchall())


def assert_adds_up(tenant) -> None:
    """The books balance, and of each item as many are held and sold as its reservations say."""
    assert set(shop.trial_balance(tenant).values()) <= {0}
    with binding.bind(tenant), connections["commerce"].cursor() as cursor:
        cursor.execute(
            """
            SELECT l.item_id, l.held, l.sold,
                coalesce(sum(r.quantity) FILTER (WHERE s.id IS NULL), 0),
                coalesce(sum(s.sold) FILTER (WHERE b.id IS NULL), 0)
            FROM stock_levels l
            LEFT JOIN stock_reservations r ON r.item_id = l.item_id
            LEFT JOIN stock_resolutions s ON s.id = r.id
            LEFT JOIN stock_returns b ON b.id = r.id
            GROUP BY l.item_id, l.held, l.sold
            """
        )
        wrong = [row for row in cursor.fetchall() if row[1:3] != row[3:5]]
        assert wrong == []
        cursor.execute(
            "SELECT p.id FROM purchases p WHERE p.state = 'PENDING' AND EXISTS (SELECT FROM "
            "stock_resolutions s JOIN stock_reservations r ON r.id = s.id AND r.purchase_id = p.id)"
        )
        assert cursor.fetchall() == []
        assert StockReservation.objects.filter(quantity__lte=0).count() == 0
