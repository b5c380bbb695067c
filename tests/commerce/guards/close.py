"""What breaks no rule, but only just: no guard may be stricter than it says."""

from tests.commerce.guards.example import BEGUN, EARLIER, NOBODY, TOO_MUCH, change, copy

LATER = "2026-01-31T12:00:01+00:00"
MOST = TOO_MUCH - 1
_TOP_UP = {"purpose": "TOP_UP", "purchase_id": None, "wallet_id": "<wallet>"}
_SPARE = {"account_id": "<spare_account>", "held_account_id": "<spare_held_account>"}

CLOSE = [
    change("inventory_items", price=0),
    change("inventory_items", price=MOST, limit_per_fan=1, auto_expires=1),
    change("inventory_items", recurring_payment="YEARLY"),
    change("stock_levels", held=49),
    change("stock_levels", quantity=1),
    change("stock_levels", quantity=0, sold=0),
    change("fan_quantities", quantity=0),
    copy("fan_quantities", user_id=NOBODY),
    copy("stock_resolutions", id="<open_reservation>", quantity=2, sold=1, released=1),
    copy("stock_returns", id="<sold_reservation>", quantity=2),
    change("discount_codes", code="A-1"),
    change("discount_codes", code="A" * 50, minimum=MOST, amount=MOST),
    change("discount_codes", kind="PERCENT", percent=10_000, amount=None, currency=""),
    change("discount_codes", used=1, max_uses=1, max_uses_per_user=None),
    change("discount_codes", starts_at=BEGUN, ends_at=LATER),
    change("discount_codes_usage", turn=2, amount=1, purchase_id=None),
    copy("discount_codes_usage", turn=2, purchase_id=None),
    copy("purchases", "cart", currency="EUR"),
    copy("purchases", "cart", user_id=None),
    change("purchases", subtotal=0, discount=0, total=0),
    change("purchases", discount=1_000, total=0),
    change("purchases", refunded=1_000, state="REFUNDED"),
    change("purchases", "bearer_cart", state="CANCELLED"),
    change("purchases", "cart", state="CANCELLED", completed_at=None),
    change("purchases", captured=0, refunded=0),
    change("purchases", subtotal=MOST, total=MOST),
    change("purchases", "cart", subtotal=TOO_MUCH, total=TOO_MUCH),
    change("purchases", "cart", state="CANCELLED", subtotal=TOO_MUCH, total=TOO_MUCH),
    change("purchase_lines", unit_price=0, total=0),
    copy("refunds", seq=2, amount=900, cumulative=1_000),
    copy("payments", provider_payment_id="", state="FAILED"),
    copy("payments", provider_payment_id="", state="CANCELLED"),
    copy("payments", provider_payment_id="", **_TOP_UP),
    change("payments", **_TOP_UP),
    change("payments", amount=1, dispute_state="OPEN"),
    change("payments", amount=MOST, provider="stripe"),
    copy("payments", "period_payment", provider="stripe"),
    *(
        copy("payments", "period_payment", state=state)
        for state in ("SUCCEEDED", "FAILED", "CANCELLED")
    ),
    copy("donations", amount=MOST),
    copy("user_wallets", user_id=NOBODY, **_SPARE),
    copy("provider_accounts", provider="stripe"),
    copy("provider_events", event_id="another"),
    change("virtual_currencies", decimals=4),
    change("exchange_rates", valid_until=LATER),
    change("exchange_rates", price=MOST, amount=MOST),
    copy("exchange_rates", deleted_on=BEGUN),
    copy("exchange_rates", from_currency="EUR"),
    copy("exchange_rates", valid_from=EARLIER, valid_until=BEGUN),
    change("subscription_plans", price=0, trial_days=0, auto_expires=1),
    copy("subscriptions", user_id=NOBODY),
    change("subscriptions", current_period_end=LATER, credit=1),
    change("subscriptions", period=0, last_period=1),
    change("subscription_periods", number=0),
    change("subscription_periods", ends_at=BEGUN, price=1, amount=1),
    change("entitlements", "entitlement", ends_at=BEGUN),
    change("entitlements", "entitlement", source="PURCHASE"),
    change("test_clocks", moving_to=BEGUN),
    copy("entitlements", "entitlement", source_id=NOBODY),
]
