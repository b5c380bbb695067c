"""The demo data: half a year of sales that the books, the stock and the histories agree on."""

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.models import F, Sum

from apps.commerce.models import (
    Donation,
    Entitlement,
    FanQuantity,
    InventoryItem,
    LedgerTransaction,
    Purchase,
    PurchaseTransition,
    Refund,
    StockLevel,
    StockReservation,
    StockResolution,
    StockReturn,
    Subscription,
    SubscriptionPeriod,
)
from apps.kernel import demo
from apps.platform.models import BoardScore
from apps.tenancy import binding, relay
from config.databases import CONTEXTS
from tests.api import client_of
from tests.commerce import shop

FANS = 150


@pytest.fixture(scope="module")
def loaded(request):
    """Load the demo data once for the tests of this file that only look."""
    return {}


@pytest.fixture(params=["demo", "solo"])
def story(request, make_tenant, loaded):
    slug = request.param
    if slug not in loaded:
        tenant = make_tenant(slug=slug)
        demo.load_all(tenant=tenant, size=FANS, report=lambda _: None)
        loaded[slug] = tenant
    return loaded[slug]


def asked(tenant, query):
    with binding.bind(tenant), connections["commerce"].cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


class TestBooks:
    def test_balance(self, story):
        totals = shop.trial_balance(story)

        assert set(totals.values()) == {0}
        assert "LMN" in totals

    def test_pass_the_verification(self, story, capsys):
        call_command("verify_ledger", "--tenant", story.slug)

    def test_keep_their_original_dates_in_order(self, story):
        assert asked(
            story,
            "SELECT count(*) FROM (SELECT effective_at < lag(effective_at) OVER "
            "(PARTITION BY account_id ORDER BY version) AS is_late FROM ledger_entries "
            "WHERE version IS NOT NULL) e WHERE is_late",
        ) == [(0,)]
        (days,) = asked(
            story, "SELECT (max(effective_at) - min(effective_at)) FROM ledger_entries"
        )[0]
        assert days.days > 150

    def test_have_every_kind_of_transaction(self, story):
        with binding.bind(story):
            kinds = set(LedgerTransaction.objects.values_list("transaction_type", flat=True))

        assert kinds >= {
            "PURCHASE", "REFUND", "CREDIT", "DEBIT", "HOLD", "EXCHANGE", "DISPUTE",
        }  # fmt: skip


class TestPurchases:
    def test_end_in_every_way(self, story):
        with binding.bind(story):
            states = set(Purchase.objects.values_list("state", flat=True))
            paths = set(PurchaseTransition.objects.values_list("from_state", "to_state"))

        assert states >= {"COMPLETED", "EXPIRED", "REFUNDED", "CHARGED_BACK", "DISPUTED"}
        assert ("DISPUTED", "COMPLETED") in paths

    def test_cost_what_their_lines_do(self, story):
        with binding.bind(story):
            wrong = Purchase.objects.annotate(sum=Sum("lines__total")).exclude(subtotal=F("sum"))
            assert not wrong.exists()
            assert Purchase.objects.filter(discount__gt=0).exists()
            assert not Purchase.objects.filter(captured__gt=0, transaction_id=None).exists()
            assert Refund.objects.exists()

    def test_set_aside_what_was_sold(self, story):
        with binding.bind(story):
            assert StockReservation.objects.count() == StockResolution.objects.count()
            assert StockReturn.objects.exists()
        wrong = asked(
            story,
            """
            SELECT l.item_id FROM stock_levels l LEFT JOIN (
                SELECT r.item_id, sum(s.sold - coalesce(b.quantity, 0)) AS sold
                FROM stock_reservations r JOIN stock_resolutions s ON s.id = r.id
                LEFT JOIN stock_returns b ON b.id = r.id GROUP BY r.item_id
            ) t ON t.item_id = l.item_id
            WHERE l.sold <> coalesce(t.sold, 0) OR l.held <> 0
            """,
        )
        assert wrong == []
        with binding.bind(story):
            assert StockLevel.objects.filter(sold__gt=0).exists()
            over = FanQuantity.objects.filter(quantity__gt=F("item__limit_per_fan"))
            assert not over.exists()

    def test_open_what_was_bought(self, story):
        wrong = asked(
            story,
            """
            SELECT l.id FROM purchases p JOIN purchase_lines l ON l.purchase_id = p.id
            LEFT JOIN entitlements e ON e.source_id = l.id AND e.item_id = l.item_id
            WHERE (p.state IN ('COMPLETED', 'DISPUTED')) <> (e.id IS NOT NULL AND e.revoked_at IS NULL)
            """,
        )
        assert wrong == []


class TestSubscriptions:
    def test_are_paid_period_by_period(self, story):
        with binding.bind(story):
            states = set(Subscription.objects.values_list("state", flat=True))
            paid = SubscriptionPeriod.objects.filter(amount__gt=0, paid_at__isnull=False)
            assert not paid.filter(transaction_id=None).exists()
            assert Entitlement.objects.filter(source="SUBSCRIPTION").exists()

        assert {"ACTIVE", "CANCELLED"} <= states

    def test_follow_each_other(self, story):
        assert asked(
            story,
            """
            SELECT count(*) FROM (SELECT starts_at <> lag(ends_at) OVER
                (PARTITION BY subscription_id ORDER BY number) AS is_apart
                FROM subscription_periods) p WHERE is_apart
            """,
        ) == [(0,)]


class TestTelling:
    def test_has_items_found_and_boards_ranked(self, make_tenant):
        tenant = make_tenant(slug="rival")
        demo.load_all(tenant=tenant, size=FANS, report=lambda _: None)
        for context in CONTEXTS:
            relay.relay(tenant=tenant, context=context)

        anybody = client_of(tenant)
        found = anybody.get("/api/v1/search", {"q": "poster", "kind": "commerce.InventoryItem"})
        assert found.json()["results"]
        with binding.bind(tenant):
            assert Donation.objects.exists()
            assert BoardScore.objects.filter(added__gt=0).exists()
            assert InventoryItem.objects.exclude(state="ACTIVE").exists()


class TestLoading:
    def test_twice_changes_nothing(self, story):
        def counted():
            with binding.bind(story):
                return [
                    model.objects.count()
                    for model in (
                        InventoryItem,
                        Purchase,
                        LedgerTransaction,
                        Subscription,
                        Donation,
                    )
                ]

        before = counted()
        demo.load_all(tenant=story, size=FANS, report=lambda _: None)

        assert counted() == before
        assert min(before) > 0

    def test_leaves_other_tenants_alone(self, tenant):
        demo.load_all(tenant=tenant, size=10, report=lambda _: None)

        with binding.bind(tenant):
            assert not InventoryItem.objects.exists()
            assert not LedgerTransaction.objects.exists()
