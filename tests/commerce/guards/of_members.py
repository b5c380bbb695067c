"""Examples: what is subscribed to and may be used, whose time it is, and what was said."""

from tests.commerce.guards.example import BEGUN, EARLIER, NO_CODES, TOO_MUCH, change, copy

SUBSCRIPTIONS = {
    "subscription_plans_price": [
        change("subscription_plans", price=-1),
        change("subscription_plans", price=TOO_MUCH),
        change("subscription_plans", trial_days=-1),
    ],
    "subscription_plans_recurrence": [
        change("subscription_plans", recurring_payment="DAILY"),
        change("subscription_plans", recurring_payment=""),
    ],
    "subscription_plans_expiry": [change("subscription_plans", auto_expires=0)],
    "subscription_plans_currency": [
        change("subscription_plans", currency=code) for code in NO_CODES
    ],
    "plan_series_once": [copy("subscription_plan_series")],
    "subscriptions_once": [
        *(copy("subscriptions", state=state) for state in ("INCOMPLETE", "TRIALING", "ACTIVE")),
        # None begins like that, so that it is given to somebody who has the plan.
        change("subscriptions", "late_subscription", user_id="<my_fan>"),
    ],
    "subscriptions_state": [change("subscriptions", state="LOST")],
    "subscriptions_period": [change("subscriptions", current_period_end=BEGUN)],
    "subscriptions_price": [change("subscriptions", price=-1), change("subscriptions", credit=-1)],
    "subscriptions_currency": [change("subscriptions", currency=code) for code in NO_CODES],
    "subscriptions_counts": [
        change("subscriptions", period=-1),
        change("subscriptions", anchor_period=-1),
        change("subscriptions", attempts=-1),
        change("subscriptions", last_period=0),
    ],
    "subscription_transitions_allowed": [
        change("subscriptions", state="TRIALING"),
        copy("subscriptions", state="EXPIRED"),
    ],
    "subscription_periods_once": [copy("subscription_periods")],
    "subscription_periods_number": [change("subscription_periods", number=-1)],
    "subscription_periods_span": [
        change("subscription_periods", ends_at=EARLIER),
        change("subscription_periods", amount=-1),
        change("subscription_periods", amount=1),
    ],
}

ENTITLEMENTS = {
    "entitlements_of_one_thing": [
        change("entitlements", "entitlement", item_id=None),
        change("entitlements", "entitlement", series_id="<series>"),
    ],
    "entitlements_of_item_once": [copy("entitlements", "entitlement")],
    "entitlements_of_series_once": [copy("entitlements", "series_entitlement")],
    "entitlements_span": [change("entitlements", "entitlement", ends_at=EARLIER)],
    "entitlements_quantity": [
        change("entitlements", "entitlement", quantity=0),
        change("entitlements", "entitlement", quantity=-1),
    ],
    "entitlements_source": [change("entitlements", "entitlement", source="GIFT")],
}

CLOCKS = {
    "test_clocks_one": [copy("test_clocks")],
    "test_clocks_only_one": [change("test_clocks", only_one=False)],
    "test_clocks_forwards": [change("test_clocks", moving_to=EARLIER)],
}

MESSAGES = {
    "commerce_domain_events_version": [copy("domain_events")],
    "commerce_outbox_once": [copy("outbox")],
    "commerce_inbox_once": [copy("inbox")],
    "commerce_idempotency_key": [copy("idempotency_keys")],
}
