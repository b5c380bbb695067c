"""The commerce part of a world: one of everything that is sold, paid, held, given and subscribed to."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from apps.commerce.models import (
    CodeItem,
    ContentSeries,
    DiscountCode,
    DiscountCodeUsage,
    Donation,
    Entitlement,
    ExchangeRate,
    FanQuantity,
    InventoryItem,
    ItemPlan,
    ItemSeries,
    ItemTag,
    Payment,
    PlanSeries,
    ProviderAccount,
    ProviderCustomer,
    ProviderEvent,
    ProviderRefund,
    Purchase,
    PurchaseLine,
    PurchaseRecipient,
    Refund,
    RelationType,
    Resolution,
    RestrictedUser,
    StockLevel,
    StockReservation,
    StockResolution,
    Subscription,
    SubscriptionPeriod,
    SubscriptionPlan,
    TransactionType,
    UserWallet,
    VirtualCurrency,
)
from apps.commerce.models import IdempotencyKey as CommerceKey
from apps.commerce.operations import ledger
from apps.commerce.operations.ledger import accounts
from apps.commerce.ports import personal

# No word in capitals, and no currency of ISO 4217, has two of these after a Q.
_LETTERS = "BCDFGHJKLMNPTVWXZ"
# The same in all worlds, so that what follows from it is, too.
BEGUN = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclass
class Market:
    """What the parts are made of."""

    world: Any
    at: Any
    mine: UUID
    star: UUID
    wallet: UserWallet | None = None

    @property
    def mark(self) -> str:
        """What is in every text of the tenant."""
        return str(self.world.mark)

    def id_of(self, kind: str) -> UUID:
        """Return the id of something that is there."""
        return UUID(self.world.ids[kind])


def build_market(world: Any, at: Any) -> None:
    """Fill the commerce of a tenant, inside a binding that writes in it."""
    ids = world.ids
    market = Market(world, at, UUID(ids["my_fan"]), UUID(ids["celebrity"]))
    _build_catalogue(market)
    _build_codes(market)
    _build_money(market)
    _build_purchase(market)
    _build_cart(market)
    _build_stock(market)
    _build_subscription(market)
    _build_providers(market)
    CommerceKey.objects.create(
        id=at("commerce_key_row"),
        actor_id=world.caller.id,
        key=f"{world.mark}-c",
        request_hash="0" * 64,
        status_code=201,
        reply=b"{}",
    )


def currency_of(slug: str) -> str:
    """Return a code that tenants made one after the other don't share."""
    number = int(slug.rpartition("-")[2])
    size = len(_LETTERS)
    return f"Q{_LETTERS[number // size % size]}{_LETTERS[number % size]}"


def _build_catalogue(market: Market) -> None:
    at, mark, star = market.at, market.mark, market.star
    series = ContentSeries.objects.create(
        id=at("series"), name=f"{mark} series", created_by_id=star
    )
    plan = SubscriptionPlan.objects.create(
        id=at("plan"),
        name=f"{mark} plan",
        recurring_payment="MONTHLY",
        price=900,
        created_by_id=star,
    )
    PlanSeries.objects.create(id=at("plan_series"), plan=plan, series=series)
    item = InventoryItem.objects.create(
        id=at("item"),
        item_id=mark,
        item_type="PRODUCT",
        name=f"{mark} item",
        description=mark,
        created_by_id=star,
        state="ACTIVE",
        price=800,
        metadata={"mark": mark},
    )
    # Each leaves a line in a history.
    for values in ({"price": 1_000}, {"state": "PAUSED"}, {"state": "ACTIVE"}):
        InventoryItem.objects.filter(id=item.id).update(**values)
    ItemTag.objects.create(id=at("item_tag"), item=item, tag_id=market.id_of("tag"))
    ItemSeries.objects.create(id=at("item_series"), item=item, series=series)
    ItemPlan.objects.create(id=at("item_plan"), item=item, plan=plan)
    RestrictedUser.objects.create(
        id=at("restricted_user"), item=item, user_id=market.id_of("other_celebrity")
    )


def _build_codes(market: Market) -> None:
    at = market.at
    code = DiscountCode.objects.create(
        id=at("discount_code"),
        code=market.world.ids["code"],
        kind="AMOUNT",
        amount=100,
        currency="USD",
        used=1,
    )
    CodeItem.objects.create(id=at("code_item"), code=code, item_id=market.id_of("item"))
    DiscountCodeUsage.objects.create(
        id=at("code_usage"), code=code, user_id=market.mine, turn=1, amount=100, used_on=BEGUN
    )


def _build_money(market: Market) -> None:
    at, world = market.at, market.world
    wallet_id = at("wallet")
    free, held = (
        make(wallet_id=wallet_id, owner_id=market.mine, currency="USD")
        for make in (accounts.wallet, accounts.wallet_held)
    )
    opened = accounts.open_accounts([free, held])
    market.wallet = UserWallet.objects.create(
        id=wallet_id,
        user_id=market.mine,
        currency="USD",
        account_id=opened[free.code],
        held_account_id=opened[held.code],
        created_on=BEGUN,
    )
    world.ids["ledger_account"] = str(market.wallet.account_id)
    funded = _post(market, "funding", TransactionType.CREDIT, 10_000, accounts.promotions("USD"))
    world.ids["transaction"] = str(funded)
    ledger.holds.place_hold(
        wallet=market.wallet,
        amount=500,
        expires_at=BEGUN + timedelta(days=3_650),
        cause=ledger.Cause(key=f"{market.mark}:hold", at=BEGUN),
    )
    donated = _post(market, "donation", TransactionType.DEBIT, -300, accounts.donations("USD"))
    Donation.objects.create(
        id=at("donation"),
        board_id=market.id_of("realtime_group"),
        user_id=market.mine,
        amount=300,
        currency="USD",
        transaction_id=donated,
        created_on=BEGUN,
    )
    world.ids["currency"] = currency_of(world.tenant.slug)
    VirtualCurrency.objects.create(
        id=at("virtual_currency"), code=world.ids["currency"], name=market.mark
    )
    ExchangeRate.objects.create(
        id=at("rate"),
        name=market.mark,
        from_currency="USD",
        to_currency=world.ids["currency"],
        price=10,
        amount=1,
        valid_from=BEGUN,
    )


def _build_purchase(market: Market) -> None:
    """Build a purchase that a provider was paid for, and which was refunded in part."""
    at = market.at
    bought = Purchase.objects.create(
        id=at("purchase"),
        user_id=market.mine,
        currency="USD",
        provider="local",
        subtotal=1_000,
        total=1_000,
        metadata={"mark": market.mark},
        created_on=BEGUN,
        updated_at=BEGUN,
    )
    line = _line(market, "purchase_line", bought)
    PurchaseRecipient.objects.create(
        id=at("recipient"),
        purchase=bought,
        line=line,
        sealed=personal.seal(
            {"first_name": market.mark, "last_name": "", "email": "", "phone_number": "",
             "linked_in_address": ""},
            tenant_id=market.world.tenant.id,
            row_id=market.id_of("recipient"),
        ),
    )  # fmt: skip
    captured = _post(
        market, "capture", TransactionType.PURCHASE, 1_000, accounts.clearing("local", "USD"),
        into=accounts.revenue("USD"), purchase_id=bought.id,
    )  # fmt: skip
    own = Purchase.objects.filter(id=bought.id)
    own.update(state="PENDING", expires_at=BEGUN, updated_at=BEGUN)
    own.update(
        state="COMPLETED", captured=1_000, refunded=100, transaction_id=captured, completed_at=BEGUN
    )
    payment = _payment(market, bought, captured)
    returned = _post(
        market, "refund", TransactionType.REFUND, 100, accounts.revenue("USD"),
        into=accounts.clearing("local", "USD"), purchase_id=bought.id, refunds=captured,
    )  # fmt: skip
    refund = Refund.objects.create(
        id=at("refund"),
        purchase=bought,
        seq=1,
        amount=100,
        cumulative=100,
        captured=1_000,
        transaction_id=returned,
        created_on=BEGUN,
    )
    ProviderRefund.objects.create(
        id=at("provider_refund"),
        refund=refund,
        payment=payment,
        state="FAILED",
        failure=market.mark,
        due_at=None,
        created_on=BEGUN,
        updated_at=BEGUN,
    )


def _build_cart(market: Market) -> None:
    cart = Purchase.objects.create(
        id=market.at("cart"), user_id=market.mine, currency="USD", subtotal=1_000, total=1_000
    )
    _line(market, "cart_line", cart)


def _line(market: Market, kind: str, purchase: Purchase) -> PurchaseLine:
    return PurchaseLine.objects.create(
        id=market.at(kind),
        purchase=purchase,
        item_id=market.id_of("item"),
        quantity=1,
        unit_price=1_000,
        total=1_000,
        metadata={"mark": market.mark},
    )


def _payment(market: Market, purchase: Purchase, transaction_id: UUID) -> Payment:
    id_ = market.at("payment")
    return Payment.objects.create(
        id=id_,
        purpose="PURCHASE",
        purchase=purchase,
        user_id=market.mine,
        provider="local",
        provider_payment_id=f"local_{id_}_1000",
        amount=1_000,
        currency="USD",
        state="SUCCEEDED",
        transaction_id=transaction_id,
        due_at=None,
        created_on=BEGUN,
        updated_at=BEGUN,
    )


def _build_stock(market: Market) -> None:
    at, item_id = market.at, market.id_of("item")
    StockLevel.objects.create(id=at("stock_level"), item_id=item_id, quantity=50, sold=1)
    StockReservation.objects.create(
        id=at("reservation"),
        item_id=item_id,
        user_id=market.mine,
        purchase_id=market.id_of("purchase"),
        quantity=1,
        expires_at=BEGUN,
        created_on=BEGUN,
    )
    StockResolution.objects.create(
        id=market.id_of("reservation"),
        quantity=1,
        sold=1,
        released=0,
        resolution=Resolution.CAPTURED,
        resolved_at=BEGUN,
    )
    FanQuantity.objects.create(
        id=at("fan_quantity"), item_id=item_id, user_id=market.mine, quantity=1
    )


def _build_subscription(market: Market) -> None:
    at = market.at
    end = BEGUN + timedelta(days=3_650)
    subscription = Subscription.objects.create(
        id=at("subscription"),
        user_id=market.mine,
        plan_id=market.id_of("plan"),
        state="ACTIVE",
        provider="wallet",
        price=900,
        currency="USD",
        anchor_at=BEGUN,
        period=1,
        current_period_start=BEGUN,
        current_period_end=end,
        due_at=end,
    )
    SubscriptionPeriod.objects.create(
        id=at("period"),
        subscription=subscription,
        plan_id=market.id_of("plan"),
        number=1,
        starts_at=BEGUN,
        ends_at=end,
        price=0,
        amount=0,
        paid_at=BEGUN,
    )
    id_ = at("entitlement")
    Entitlement.objects.create(
        id=id_,
        user_id=market.mine,
        item_id=market.id_of("item"),
        source="GRANT",
        source_id=id_,
        starts_at=BEGUN,
    )
    Entitlement.objects.create(
        id=at("series_entitlement"),
        user_id=market.mine,
        series_id=market.id_of("series"),
        source="SUBSCRIPTION",
        source_id=subscription.id,
        starts_at=BEGUN,
    )


def _build_providers(market: Market) -> None:
    at, mark = market.at, market.mark
    ProviderAccount.objects.create(
        id=at("provider_account"), provider="local", publishable_key=mark
    )
    ProviderCustomer.objects.create(
        id=at("provider_customer"),
        provider="local",
        user_id=market.mine,
        provider_customer_id=mark,
    )
    ProviderEvent.objects.create(
        id=at("provider_event"),
        provider="local",
        event_id=mark,
        kind="payment.succeeded",
        object_id=mark,
        occurred_at=BEGUN,
        due_at=None,
    )


def _post(
    market: Market,
    step: str,
    kind: TransactionType,
    amount: int,
    source: Any,
    *,
    into: Any = None,
    purchase_id: UUID | None = None,
    refunds: UUID | None = None,
) -> UUID:
    """Move an amount out of an account into another, or into the wallet; out of it, if it is negative."""
    assert market.wallet is not None
    specs = [each for each in (source, into) if each is not None]
    opened = accounts.open_accounts(specs)
    target = opened[into.code] if into is not None else market.wallet.account_id
    return ledger.post_one(
        ledger.Posting(
            cause=ledger.Cause(key=f"{market.mark}:{step}", at=BEGUN, purchase_id=purchase_id),
            transaction_type=kind,
            amount=abs(amount),
            currency="USD",
            legs=[
                ledger.Leg(account_id=opened[source.code], amount=-amount),
                ledger.Leg(account_id=target, amount=amount),
            ],
            relations={refunds: RelationType.REFUND_OF} if refunds else {},
            user_id=market.mine,
            is_debit=amount < 0,
        )
    ).id
