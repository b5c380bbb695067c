"""Every pair of states, tried on the histories that alone say which are allowed."""

from itertools import product

import pytest

from apps.commerce.models import ItemState, PurchaseState, SubscriptionState
from tests.commerce.guards.example import copy_as_owner
from tests.commerce.guards.workbench import Workbench

# Written down once more, so that a change of the table is a change of two. "" is before the first.
ITEMS = {
    "DRAFT": {"ACTIVE", "ARCHIVED"},
    "ACTIVE": {"PAUSED", "ARCHIVED"},
    "PAUSED": {"ACTIVE", "ARCHIVED"},
}
PURCHASES = {
    "": {"CART"},
    "CART": {"PENDING", "COMPLETED", "CANCELLED"},
    "PENDING": {"COMPLETED", "CANCELLED", "EXPIRED", "FAILED"},
    "CANCELLED": {"COMPLETED", "REFUNDED"},
    "EXPIRED": {"COMPLETED", "REFUNDED"},
    "FAILED": {"COMPLETED", "REFUNDED"},
    "COMPLETED": {"DISPUTED", "REFUNDED"},
    "DISPUTED": {"COMPLETED", "CHARGED_BACK"},
}
SUBSCRIPTIONS = {
    "": {"INCOMPLETE", "TRIALING", "ACTIVE"},
    "INCOMPLETE": {"ACTIVE", "TRIALING", "CANCELLED", "EXPIRED"},
    "TRIALING": {"ACTIVE", "PAST_DUE", "CANCELLED", "EXPIRED"},
    "ACTIVE": {"PAST_DUE", "CANCELLED", "EXPIRED"},
    "PAST_DUE": {"ACTIVE", "CANCELLED", "EXPIRED"},
}
HISTORIES = {
    "inventory_state_history": (ItemState, ITEMS, ("old_value", "new_value")),
    "purchase_transitions": (PurchaseState, PURCHASES, ("from_state", "to_state")),
    "subscription_transitions": (SubscriptionState, SUBSCRIPTIONS, ("from_state", "to_state")),
}


class TestHistories:
    @pytest.mark.parametrize("history", HISTORIES)
    def test_takes_what_is_allowed_and_nothing_else(
        self, workbench: Workbench, history: str
    ) -> None:
        states, allowed, columns = HISTORIES[history]
        wrong = []
        for pair in product(("", "LOST", *states.values), repeat=2):
            line = copy_as_owner(history, **dict(zip(columns, pair, strict=True)))
            wanted = "" if pair[1] in allowed.get(pair[0], ()) else f"{history}_allowed"
            if (said := workbench.refusal(line)) != wanted:
                wrong.append(f"{' to '.join(pair)}: {said or 'passes'}")

        assert wrong == [], "\n".join(wrong)
