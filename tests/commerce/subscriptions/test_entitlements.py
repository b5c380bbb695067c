"""Who may use what: bought, subscribed to, given; until it ends or is taken back."""

from datetime import timedelta

import pytest

from apps.commerce.models import Entitlement, ItemPlan, ItemSeries, Purchase, PurchaseLine
from apps.commerce.operations import entitlements, subscriptions
from apps.commerce.queries import entitlements as queries
from apps.kernel.errors import Invalid, NotFound
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.subscriptions import timeline
from tests.commerce.subscriptions.timeline import START

DAY = timedelta(days=1)


def has(tenant, *users, items=(), series=(), at=START):
    with binding.bind(tenant):
        return queries.has(
            user_ids=[user.id for user in users],
            item_ids=[item.id for item in items],
            series_ids=[each.id for each in series],
            at=at,
        )


@pytest.fixture
def bought(tenant, buyer, seller):
    """A purchase of two films for 30 days, which open a series, and of a poster."""
    series = timeline.make_series(tenant, seller)
    film = shop.make_item(tenant, seller, name="A film", auto_expires=30)
    poster = shop.make_item(tenant, seller)
    with binding.bind(tenant, writes="commerce"):
        ItemSeries.objects.create(item=film, series=series)
        purchase = Purchase.objects.create(user_id=buyer.id, currency="USD")
        for item, quantity in ((film, 2), (poster, 1)):
            PurchaseLine.objects.create(
                purchase=purchase,
                item=item,
                quantity=quantity,
                unit_price=1_000,
                total=1_000 * quantity,
            )
        entitlements.grant_for_purchase(purchase=purchase, granted_at=START)
    return purchase, film, poster, series


class TestPurchases:
    def test_entitle_to_their_items_and_the_series_these_open(
        self, tenant, buyer, stranger, bought
    ):
        _, film, poster, series = bought
        everything = {film.id, poster.id, series.id}

        def seen(at):
            return has(tenant, buyer, stranger, items=[film, poster], series=[series], at=at)

        assert seen(START - timedelta(seconds=1)) == {}
        assert seen(START) == {buyer.id: everything}
        assert seen(START + 30 * DAY - timedelta(seconds=1)) == {buyer.id: everything}
        assert seen(START + 30 * DAY) == {buyer.id: {poster.id}}
        with binding.bind(tenant):
            assert Entitlement.objects.get(item=film).quantity == 2

    def test_entitle_once_however_often_they_are_granted(self, tenant, bought):
        purchase, *_ = bought

        with binding.bind(tenant, writes="commerce"):
            entitlements.grant_for_purchase(purchase=purchase, granted_at=START + DAY)

        with binding.bind(tenant):
            assert set(Entitlement.objects.values_list("starts_at", flat=True)) == {START}
            assert Entitlement.objects.count() == 3

    def test_entitle_to_nothing_once_they_are_taken_back(self, tenant, buyer, bought):
        purchase, film, poster, series = bought

        with binding.bind(tenant, writes="commerce"):
            revoked = [
                entitlements.revoke_for_purchase(purchase_id=purchase.id, revoked_at=START + DAY)
                for _ in range(2)
            ]

        assert revoked == [3, 0]
        found = [
            has(tenant, buyer, items=[film, poster], series=[series], at=at)
            for at in (START, START + DAY)
        ]
        assert found == [{buyer.id: {film.id, poster.id, series.id}}, {}]


@pytest.mark.usefixtures("clock")
class TestPlans:
    def test_let_use_the_items_that_need_not_be_bought(self, tenant, buyer, wallet, seller, plan):
        item = shop.make_item(tenant, seller)
        with binding.bind(tenant, writes="commerce"):
            ItemPlan.objects.create(item=item, plan=plan)
        subscription, _ = timeline.subscribe(tenant, buyer, plan)

        assert has(tenant, buyer, items=[item]) == {buyer.id: {item.id}}
        assert has(tenant, buyer, items=[item], at=START - DAY) == {}
        timeline.advance(tenant, days=1)
        timeline.cancel(tenant, subscription)
        assert has(tenant, buyer, items=[item]) == {buyer.id: {item.id}}
        assert has(tenant, buyer, items=[item], at=START + DAY) == {}

    def test_let_use_nothing_before_the_first_payment(self, tenant, buyer, seller, plan, settings):
        settings.LOCAL_PAYMENTS = True
        item = shop.make_item(tenant, seller)
        with binding.bind(tenant, writes="commerce"):
            ItemPlan.objects.create(item=item, plan=plan)

        timeline.subscribe(tenant, buyer, plan, provider="local")

        assert has(tenant, buyer, items=[item]) == {}

    def test_open_a_series_that_is_added_to_who_has_them(
        self, tenant, buyer, stranger, wallet, seller
    ):
        old, new = (timeline.make_series(tenant, seller, name) for name in ("Old", "New"))
        plan = timeline.make_plan(tenant, seller, opens=[old])
        timeline.subscribe(tenant, buyer, plan)
        shop.fund(tenant, stranger.id, 1_000)
        former, _ = timeline.subscribe(tenant, stranger, plan)
        timeline.cancel(tenant, former)

        with binding.bind(tenant, writes="commerce"):
            subscriptions.update_plan(
                plan_id=plan.id, changes={}, series_ids=[new.id], updated_at=START
            )

        assert has(tenant, buyer, stranger, series=[old, new]) == {buyer.id: {old.id, new.id}}
        with binding.bind(tenant, writes="commerce"):
            subscriptions.update_plan(plan_id=plan.id, changes={}, series_ids=[], updated_at=START)
        assert timeline.open_series(tenant, buyer, START) == ["New", "Old"]

    def test_refuse_series_that_are_not_there(self, tenant, plan, seller):
        gone = timeline.make_series(tenant, seller)
        with binding.bind(tenant, writes="commerce"):
            subscriptions.delete_series(series_id=gone.id, deleted_at=START)

        for series_id in (gone.id, uuid7()):
            with binding.bind(tenant, writes="commerce"), pytest.raises(Invalid):
                subscriptions.update_plan(
                    plan_id=plan.id, changes={}, series_ids=[series_id], updated_at=START
                )


class TestGrants:
    def test_are_given_and_taken_back(self, tenant, buyer, seller):
        series = timeline.make_series(tenant, seller)

        with binding.bind(tenant, writes="commerce"):
            granted = entitlements.grant_entitlement(
                user_id=buyer.id, series_id=series.id, ends_at=START + 9 * DAY, granted_at=START
            )

        assert has(tenant, buyer, series=[series]) == {buyer.id: {series.id}}
        for at in (START + DAY, START + 2 * DAY):
            with binding.bind(tenant, writes="commerce"):
                entitlements.revoke_entitlement(entitlement_id=granted.id, revoked_at=at)
        assert has(tenant, buyer, series=[series], at=START + DAY) == {}
        with binding.bind(tenant):
            assert Entitlement.objects.get().revoked_at == START + DAY

    def test_are_of_one_thing_that_is_there(self, tenant, buyer, seller):
        series = timeline.make_series(tenant, seller)
        item = shop.make_item(tenant, seller)
        for wrong in (
            {},
            {"series_id": series.id, "item_id": item.id},
            {"series_id": item.id},
            {"item_id": series.id},
            {"item_id": item.id, "ends_at": START},
            {"item_id": item.id, "user_id": uuid7()},
        ):
            with binding.bind(tenant, writes="commerce"), pytest.raises(Invalid):
                entitlements.grant_entitlement(**{"user_id": buyer.id, **wrong}, granted_at=START)

    def test_alone_are_taken_back_by_themselves(self, tenant, bought):
        with binding.bind(tenant, writes="commerce"):
            for each in Entitlement.objects.all():
                with pytest.raises(entitlements.NotRevocable):
                    entitlements.revoke_entitlement(entitlement_id=each.id, revoked_at=START)
            with pytest.raises(NotFound):
                entitlements.revoke_entitlement(entitlement_id=uuid7(), revoked_at=START)
