"""Examples: what is sold, how many there are of it, and what makes it cheaper."""

from typing import Any

from tests.commerce.guards.example import BEGUN, NOBODY, TOO_MUCH, change, copy

ITEMS = {
    "inventory_items_item_id": [copy("inventory_items")],
    "inventory_items_type": [change("inventory_items", item_type="GIFT")],
    # A new one, since the history of states refuses the change of an old one as well.
    "inventory_items_state": [copy("inventory_items", item_id="another", state="LOST")],
    "inventory_items_price": [
        change("inventory_items", price=-1),
        change("inventory_items", price=TOO_MUCH),
    ],
    "inventory_items_currency": [
        change("inventory_items", currency="usd"),
        change("inventory_items", currency="US"),
    ],
    "inventory_items_limit": [change("inventory_items", limit_per_fan=0)],
    "inventory_items_recurrence": [change("inventory_items", recurring_payment="DAILY")],
    "inventory_items_expiry": [change("inventory_items", auto_expires=0)],
    "inventory_state_history_allowed": [change("inventory_items", state="DRAFT")],
    "inventory_item_tags_once": [copy("inventory_item_tags")],
    "inventory_item_series_once": [copy("inventory_item_series")],
    "inventory_item_plans_once": [copy("inventory_item_plans")],
    "inventory_restricted_once": [copy("inventory_restricted_users")],
}

STOCK = {
    "stock_levels.item_id once": [copy("stock_levels")],
    "stock_levels_counts": [change("stock_levels", held=-1), change("stock_levels", sold=-1)],
    "stock_levels_capacity": [
        change("stock_levels", quantity=0),
        change("stock_levels", held=50),
        change("stock_levels", sold=51),
        change("stock_levels", quantity=-1, held=0, sold=0),
    ],
    "stock_reservations_quantity": [
        copy("stock_reservations", quantity=0),
        copy("stock_reservations", quantity=-1),
    ],
    "stock_resolutions_of_reservation": [
        copy("stock_resolutions", id=NOBODY),
        # There are two in the reservation.
        copy("stock_resolutions", id="<open_reservation>", quantity=1, sold=1),
        copy("stock_resolutions", id="<open_reservation>", quantity=3, sold=3),
    ],
    "stock_resolutions_sum": [
        copy("stock_resolutions", id="<open_reservation>", quantity=2, sold=1, released=0),
        copy("stock_resolutions", id="<open_reservation>", quantity=2, sold=2, released=1),
        copy("stock_resolutions", id="<open_reservation>", quantity=2, sold=3, released=-1),
        copy("stock_resolutions", id="<open_reservation>", quantity=2, sold=-1, released=3),
    ],
    "stock_resolutions_resolution": [
        copy("stock_resolutions", id="<open_reservation>", quantity=2, sold=2, resolution="LOST")
    ],
    "stock_returns_of_resolution": [
        copy("stock_returns", id="<open_reservation>", quantity=2),
        copy("stock_returns", id="<sold_reservation>", quantity=1),
        copy("stock_returns", id="<sold_reservation>", quantity=3),
    ],
    # Nothing of it was sold, so that the key to the resolution has nothing against a return of nothing.
    "stock_returns_quantity": [copy("stock_returns", id="<released_reservation>", quantity=0)],
    "fan_quantities_once": [copy("fan_quantities")],
    "fan_quantities_quantity": [change("fan_quantities", quantity=-1)],
}

_SHARE: dict[str, Any] = {"kind": "PERCENT", "percent": 1_000, "amount": None}
CODES = {
    "discount_codes_code": [copy("discount_codes")],
    "discount_codes_pattern": [
        change("discount_codes", code=code) for code in ("AB", "lower", "-AB", "A B", "ABC\n")
    ],
    "discount_codes_currency": [
        change("discount_codes", currency=currency, **_SHARE) for currency in ("usd", "US")
    ],
    "discount_codes_value": [
        change("discount_codes", kind="GIFT"),
        change("discount_codes", amount=None),
        change("discount_codes", amount=0),
        change("discount_codes", amount=TOO_MUCH),
        change("discount_codes", percent=1),
        change("discount_codes", currency=""),
        change("discount_codes", kind="CREDIT", amount=0),
        change("discount_codes", **{**_SHARE, "percent": None}),
        change("discount_codes", **{**_SHARE, "percent": 0}),
        change("discount_codes", **{**_SHARE, "percent": 10_001}),
        change("discount_codes", **{**_SHARE, "amount": 1}),
    ],
    "discount_codes_minimum": [
        change("discount_codes", minimum=-1),
        change("discount_codes", minimum=TOO_MUCH),
        change("discount_codes", minimum=1, currency="", **_SHARE),
    ],
    "discount_codes_limits": [
        change("discount_codes", max_uses=0, used=0),
        change("discount_codes", max_uses_per_user=0),
    ],
    "discount_codes_uses": [
        change("discount_codes", used=-1),
        change("discount_codes", used=2, max_uses=1),
    ],
    "discount_codes_span": [change("discount_codes", starts_at=BEGUN, ends_at=BEGUN)],
    "discount_code_items_once": [copy("discount_code_items")],
    "discount_codes_usage_turn": [copy("discount_codes_usage", purchase_id=None)],
    "discount_codes_usage_purchase": [copy("discount_codes_usage", turn=2)],
    "discount_codes_usage_counts": [
        change("discount_codes_usage", turn=0),
        change("discount_codes_usage", amount=0),
    ],
}
