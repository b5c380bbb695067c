"""What commerce lets other contexts know: in batches, of the bound tenant alone."""

from datetime import timedelta

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.commerce import interface
from apps.commerce.contracts import ItemDocument, ItemSummary
from apps.commerce.models import (
    ContentSeries,
    ItemTag,
    SubscriptionPlan,
    VirtualCurrency,
)
from apps.commerce.operations import entitlements
from apps.kernel import references
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.commerce import shop
from tests.factories import TagFactory


def queries_of(work):
    """Run something; return what it returned, and how many queries it made in commerce."""
    # The first one of a unit of work says who the tenant is.
    with connections["commerce"].cursor() as cursor:
        cursor.execute("SELECT 1")
    with CaptureQueriesContext(connections["commerce"]) as asked:
        result = work()
    return result, len(asked)


@pytest.fixture
def item(tenant, seller):
    return shop.make_item(tenant, seller, name="Scarf", keywords=["wool", "warm"])


class TestItems:
    def test_are_returned_by_id_in_one_query(self, tenant, seller, item):
        others = [shop.make_item(tenant, seller) for _ in range(3)]

        with binding.bind(tenant):
            wanted = {item.id, *(each.id for each in others), uuid7()}
            found, many = queries_of(lambda: interface.get_items(ids=wanted))

        assert len(found) == 4
        assert many == 1
        assert found[item.id] == ItemSummary(
            id=item.id,
            name="Scarf",
            item_type="PRODUCT",
            state="ACTIVE",
            price=1_000,
            currency="USD",
        )

    def test_that_are_deleted_or_another_tenant_s_are_absent(self, tenant, rival, seller, item):
        gone = shop.make_item(tenant, seller, deleted_at=timezone.now())

        with binding.bind(tenant):
            ids = {item.id, gone.id}
            assert set(interface.get_items(ids=ids)) == {item.id}
            assert interface.existing_item_ids(ids=ids) == {item.id}
            assert set(interface.get_search_documents(ids=ids)) == {item.id}
        with binding.bind(rival):
            assert interface.get_items(ids=ids) == {}
            assert interface.existing_item_ids(ids=ids) == set()
            assert interface.get_search_documents(ids=ids) == {}

    def test_are_found_by_their_texts_and_tags(self, tenant, seller, item):
        draft = shop.make_item(tenant, seller, state="DRAFT")
        with binding.bind(tenant, writes="platform"):
            tag_id = TagFactory().id
        with binding.bind(tenant, writes="commerce"):
            ItemTag.objects.create(item=item, tag_id=tag_id)

        with binding.bind(tenant):
            documents, many = queries_of(
                lambda: interface.get_search_documents(ids={item.id, draft.id})
            )

        assert many == 2
        assert documents[item.id] == ItemDocument(
            id=item.id,
            title="Scarf",
            keywords="wool warm",
            body="",
            tag_ids=(tag_id,),
            is_public=True,
        )
        assert not documents[draft.id].is_public


class TestSeriesAndPlans:
    def test_are_returned_until_they_are_deleted(self, tenant, rival, seller):
        with binding.bind(tenant, writes="commerce"):
            series = ContentSeries.objects.create(name="Letters", created_by_id=seller.id)
            plan = SubscriptionPlan.objects.create(
                name="Front row", recurring_payment="MONTHLY", price=900, created_by_id=seller.id
            )
        with binding.bind(tenant):
            assert interface.get_series(ids={series.id})[series.id].name == "Letters"
            assert interface.existing_series_ids(ids={series.id, uuid7()}) == {series.id}
            assert interface.get_plans(ids={plan.id})[plan.id].price == 900
            assert interface.existing_plan_ids(ids={plan.id, uuid7()}) == {plan.id}
        with binding.bind(rival):
            assert interface.get_series(ids={series.id}) == interface.get_plans(ids={plan.id}) == {}
        with binding.bind(tenant, writes="commerce"):
            ContentSeries.objects.update(deleted_at=timezone.now())
            SubscriptionPlan.objects.update(deleted_at=timezone.now())
        with binding.bind(tenant):
            assert interface.get_series(ids={series.id}) == {}
            assert interface.existing_series_ids(ids={series.id}) == set()
            assert interface.existing_plan_ids(ids={plan.id}) == set()
            # Who has it keeps it, and is told of it by its name.
            assert interface.get_plans(ids={plan.id})[plan.id].name == "Front row"

    @pytest.mark.parametrize(
        "target",
        ["commerce.InventoryItem", "commerce.ContentSeries", "commerce.SubscriptionPlan"],
    )
    def test_can_be_referred_to(self, tenant, target):
        offer = references.offer_of(target)

        with binding.bind(tenant):
            assert offer.existing({uuid7()}) == set()
            assert offer.fetch({uuid7()}) == {}


class TestEntitlements:
    def test_say_what_people_may_use_now(self, tenant, rival, buyer, stranger, seller, item):
        now = timezone.now()
        over = shop.make_item(tenant, seller)
        with binding.bind(tenant, writes="commerce"):
            entitlements.grant_entitlement(user_id=buyer.id, item_id=item.id, granted_at=now)
            entitlements.grant_entitlement(
                user_id=buyer.id,
                item_id=over.id,
                granted_at=now - timedelta(days=2),
                ends_at=now - timedelta(days=1),
            )
        asked = {"user_ids": {buyer.id, stranger.id}, "item_ids": {item.id, over.id}}

        with binding.bind(tenant):
            assert interface.has_entitlements(**asked) == {buyer.id: {item.id}}
        with binding.bind(rival):
            assert interface.has_entitlements(**asked) == {}


class TestCurrencies:
    def test_have_their_decimals(self, tenant, rival):
        with binding.bind(tenant, writes="commerce"):
            VirtualCurrency.objects.create(code="QTC", name="Coins", decimals=1)
        codes = {"USD", "JPY", "QTC", "QQQ"}

        with binding.bind(tenant):
            assert interface.currency_decimals(codes=codes) == {"USD": 2, "JPY": 0, "QTC": 1}
        with binding.bind(rival):
            assert interface.currency_decimals(codes=codes) == {"USD": 2, "JPY": 0}

    def test_of_iso_are_known_without_a_query(self, tenant):
        with binding.bind(tenant):
            _, many = queries_of(lambda: interface.currency_decimals(codes={"USD", "EUR"}))

        assert many == 0
