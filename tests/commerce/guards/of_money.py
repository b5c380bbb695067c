"""Examples: what is bought, paid, given back and held, and in which currency."""

from typing import Any

from tests.commerce.guards.example import BEGUN, NO_CODES, NOBODY, TOO_MUCH, change, copy

PURCHASES = {
    "purchases_one_cart": [copy("purchases", "cart")],
    "purchases_token": [copy("purchases", "bearer_cart")],
    "purchases_state": [change("purchases", state="LOST"), copy("purchases", state="LOST")],
    "purchases_total": [
        change("purchases", total=999),
        change("purchases", total=1_001),
        change("purchases", subtotal=-1, total=-1),
        change("purchases", discount=-1, total=1_001),
        change("purchases", discount=1_001, total=-1),
    ],
    "purchases_refunds": [
        change("purchases", refunded=1_001),
        change("purchases", refunded=-1),
        change("purchases", captured=-1, refunded=-1),
    ],
    "purchases_buyer": [change("purchases", user_id=None)],
    "purchases_expiry": [change("purchases", "cart", state="PENDING")],
    "purchases_completion": [change("purchases", completed_at=None)],
    "purchases_captured": [
        change("purchases", "cart", captured=1),
        change("purchases", "cart", captured=1, state="PENDING", expires_at=BEGUN),
    ],
    "purchases_limit": [
        change("purchases", subtotal=TOO_MUCH, total=TOO_MUCH),
        change("purchases", subtotal=TOO_MUCH, discount=1, total=TOO_MUCH - 1),
    ],
    "purchases_currency": [change("purchases", currency=code) for code in NO_CODES],
    "purchase_transitions_allowed": [
        change("purchases", state="EXPIRED"),
        copy("purchases"),
    ],
    "purchase_lines_total": [
        change("purchase_lines", total=999),
        change("purchase_lines", quantity=0, total=0),
        change("purchase_lines", quantity=-1, total=-1_000),
        change("purchase_lines", unit_price=-1, total=-1),
    ],
}

# The first of the cart, which was given nothing back for.
_FIRST: dict[str, Any] = {"purchase_id": "<cart>", "seq": 1}
REFUNDS = {
    "refunds_in_order": [copy("refunds", amount=50, cumulative=50)],
    "refunds_follow": [
        copy("refunds", seq=2, amount=10, cumulative=120),
        copy("refunds", seq=3, amount=10, cumulative=110),
        copy("refunds", purchase_id="<cart>", seq=2, amount=10, cumulative=110),
    ],
    "refunds_begin": [copy("refunds", **_FIRST, amount=50, cumulative=60)],
    "refunds_amount": [
        copy("refunds", **_FIRST, amount=0, cumulative=0),
        copy("refunds", **_FIRST, amount=-1, cumulative=-1),
        copy("refunds", **{**_FIRST, "seq": 0}, amount=5, cumulative=5),
    ],
    "refunds_within_captured": [
        copy("refunds", **_FIRST, amount=1_001, cumulative=1_001),
        copy("refunds", seq=2, amount=901, cumulative=1_001),
    ],
    "refunds_reason": [copy("refunds", **_FIRST, reason="WHIM")],
    "provider_refunds.refund_id once": [copy("provider_refunds")],
    "provider_refunds_state": [change("provider_refunds", state="LOST")],
    "provider_refunds_attempts": [change("provider_refunds", attempts=-1)],
}

PAYMENTS = {
    "payments_provider_id": [
        copy("payments", purpose="TOP_UP", purchase_id=None, wallet_id="<wallet>")
    ],
    "payments_one_at_a_time": [
        copy("payments", provider_payment_id="", state=state)
        for state in ("CREATED", "PENDING", "SUCCEEDED")
    ],
    "payments_one_of_period": [
        copy("payments", "period_payment", state=state) for state in ("CREATED", "PENDING")
    ],
    "payments_state": [change("payments", state="LOST")],
    "payments_provider": [change("payments", provider="barter")],
    "payments_purpose": [
        change("payments", purpose="GIFT"),
        change("payments", purpose="TOP_UP"),
        change("payments", purpose="SUBSCRIPTION"),
        change("payments", purchase_id=None),
        change("payments", wallet_id="<wallet>"),
        change("payments", subscription_id="<subscription>"),
        change("payments", period_id="<period>"),
        change("payments", purpose="TOP_UP", wallet_id="<wallet>"),
        change("payments", purpose="TOP_UP", purchase_id=None),
        change("payments", "period_payment", purpose="PURCHASE"),
        change("payments", "period_payment", period_id=None),
        change("payments", "period_payment", subscription_id=None),
        change("payments", "period_payment", wallet_id="<wallet>"),
    ],
    "payments_dispute_state": [change("payments", dispute_state="LOUD")],
    "payments_amount": [change("payments", amount=amount) for amount in (0, -1, TOO_MUCH)],
    "payments_currency": [change("payments", currency=code) for code in NO_CODES],
    "payments_attempts": [change("payments", attempts=-1)],
    "provider_accounts_once": [copy("provider_accounts")],
    "provider_accounts_provider": [change("provider_accounts", provider="barter")],
    "provider_customers_once": [copy("provider_customers", provider_customer_id="another")],
    "provider_customers_id": [copy("provider_customers", user_id=NOBODY)],
    "provider_customers_provider": [change("provider_customers", provider="barter")],
    "provider_events_once": [copy("provider_events")],
    "provider_events_provider": [change("provider_events", provider="barter")],
    "provider_events_attempts": [change("provider_events", attempts=-1)],
}

# Accounts that are no wallet's yet.
_SPARE = {"account_id": "<spare_account>", "held_account_id": "<spare_held_account>"}
WALLETS = {
    "user_wallets_once": [copy("user_wallets", **_SPARE)],
    "user_wallets_account": [
        copy("user_wallets", user_id=NOBODY, held_account_id="<spare_held_account>")
    ],
    "user_wallets_held_account": [
        copy("user_wallets", user_id=NOBODY, account_id="<spare_account>")
    ],
    "user_wallets_accounts": [change("user_wallets", account_id="<held_account>")],
    "user_wallets_of_account": [change("user_wallets", account_id=NOBODY)],
    "user_wallets_of_held_account": [
        change("user_wallets", held_account_id=NOBODY),
        # Where something else than dollars is held.
        change("user_wallets", held_account_id="<euro_account>"),
    ],
    "donations_amount": [copy("donations", amount=amount) for amount in (0, -1, TOO_MUCH)],
    "donations_currency": [copy("donations", currency=code) for code in NO_CODES],
}

CURRENCIES = {
    "virtual_currencies_code": [copy("virtual_currencies")],
    "virtual_currencies_pattern": [
        change("virtual_currencies", code=code) for code in ("QX", "qxx", "Q1X")
    ],
    "virtual_currencies_decimals": [
        change("virtual_currencies", decimals=-1),
        change("virtual_currencies", decimals=5),
    ],
    "exchange_rates_positive": [
        change("exchange_rates", price=0),
        change("exchange_rates", amount=0),
    ],
    "exchange_rates_limit": [
        change("exchange_rates", price=TOO_MUCH),
        change("exchange_rates", amount=TOO_MUCH),
    ],
    "exchange_rates_currencies": [
        change("exchange_rates", **{side: code})
        for side in ("from_currency", "to_currency")
        for code in NO_CODES
    ],
    "exchange_rates_pair": [change("exchange_rates", to_currency="USD")],
    # One that ends before it begins is no range at all, which the rule of one at a time refuses too.
    "exchange_rates_span": [change("exchange_rates", valid_until=BEGUN)],
    "exchange_rates_one_at_a_time": [
        copy("exchange_rates"),
        copy("exchange_rates", valid_from="2099-01-01T00:00:00+00:00"),
    ],
}
