"""Every guard with what it refuses, and the few that have another behind them."""

from tests.commerce.guards.example import NOBODY, Example, change, copy, copy_as_owner
from tests.commerce.guards.of_goods import CODES, ITEMS, STOCK
from tests.commerce.guards.of_members import CLOCKS, ENTITLEMENTS, MESSAGES, SUBSCRIPTIONS
from tests.commerce.guards.of_money import CURRENCIES, PAYMENTS, PURCHASES, REFUNDS, WALLETS

# By table, the columns that hold the id of another row; by what the row comes to point at nothing.
_CHANGED = {
    "checkout_purchase_recipients": ["line_id", "purchase_id"],
    "discount_code_items": ["code_id", "item_id"],
    "discount_codes_usage": ["code_id"],
    "fan_quantities": ["item_id"],
    "inventory_item_plans": ["item_id", "plan_id"],
    "inventory_item_series": ["item_id", "series_id"],
    "inventory_item_tags": ["item_id"],
    "inventory_restricted_users": ["item_id"],
    "payments": ["purchase_id"],
    "provider_refunds": ["payment_id", "refund_id"],
    "purchase_lines": ["item_id", "purchase_id"],
    "purchases": ["discount_code_id"],
    "stock_levels": ["item_id"],
    "subscription_periods": ["plan_id", "subscription_id"],
    "subscription_plan_series": ["plan_id", "series_id"],
    "subscriptions": ["plan_id"],
}
_APPENDED = {
    "stock_reservations": ["item_id"],
}
_HISTORIES = {
    "inventory_price_history": ["inventory_item_id"],
    "inventory_quantity_history": ["inventory_item_id"],
    "inventory_state_history": ["inventory_item_id"],
    "purchase_transitions": ["purchase_id"],
    "subscription_transitions": ["subscription_id"],
}
POINTERS = {
    f"{table}.{column}": [point(table, **{column: NOBODY})]
    for by_table, point in ((_CHANGED, change), (_APPENDED, copy), (_HISTORIES, copy_as_owner))
    for table, columns in by_table.items()
    for column in columns
} | {
    "entitlements.item_id": [change("entitlements", "entitlement", item_id=NOBODY)],
    "entitlements.series_id": [change("entitlements", "series_entitlement", series_id=NOBODY)],
    # The first of a purchase: a later one would have to follow another as well.
    "refunds.purchase_id": [copy("refunds", purchase_id=NOBODY)],
}

EXAMPLES: dict[str, list[Example]] = {}
for part in (
    *(ITEMS, STOCK, CODES),
    *(PURCHASES, REFUNDS, PAYMENTS, WALLETS, CURRENCIES),
    *(SUBSCRIPTIONS, ENTITLEMENTS, CLOCKS, MESSAGES),
    POINTERS,
):
    assert not EXAMPLES.keys() & part.keys(), EXAMPLES.keys() & part.keys()
    EXAMPLES |= part

# What refuses the same when the guard is gone, and why it can't be otherwise.
BEHIND = {
    # A trigger writes every state into the history, which takes allowed pairs alone.
    "purchases_state": "purchase_transitions_allowed",
    "subscriptions_state": "subscription_transitions_allowed",
}
