"""Stock: never more is sold than there is, however many want it at once."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from apps.commerce.models import (
    FanQuantity,
    Resolution,
    RestrictedUser,
    StockLevel,
    StockReservation,
    StockResolution,
    StockReturn,
)
from apps.commerce.operations import stock
from apps.commerce.queries.stock import Counts, counts_of
from apps.kernel.errors import NotFound
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.inventory.crowd import all_at_once, make_fans


def reserve(user_id, quantities, *, purchase_id=None):
    now = timezone.now()
    purchase_id = purchase_id or uuid7()
    stock.reserve(
        purchase_id=purchase_id,
        user_id=user_id,
        quantities={item.id: quantity for item, quantity in quantities.items()},
        reserved_at=now,
        expires_at=now + timedelta(minutes=15),
    )
    return purchase_id


def level_of(tenant, item):
    """What is held and sold, which is what the reservations add up to."""
    with binding.bind(tenant):
        level = StockLevel.objects.get(item=item)
        counts = counts_of(item_ids=[item.id]).get(item.id, Counts(held=0, sold=0))
    assert (counts.held, counts.sold) == (level.held, level.sold)
    return level.held, level.sold


def has(tenant, item, user_id):
    with binding.bind(tenant):
        row = FanQuantity.objects.filter(item=item, user_id=user_id).first()
    return row.quantity if row else 0


class TestReserving:
    def test_sets_aside_and_selling_sells_it(self, tenant, seller, buyer):
        item = shop.make_item(tenant, seller, quantity=5)
        with binding.bind(tenant, writes="commerce"):
            purchase = reserve(buyer.id, {item: 2})
        assert level_of(tenant, item) == (2, 0)
        assert has(tenant, item, buyer.id) == 2

        with binding.bind(tenant, writes="commerce"):
            stock.sell_reserved(purchase_id=purchase, sold_at=timezone.now())

        assert level_of(tenant, item) == (0, 2)
        with binding.bind(tenant):
            resolution = StockResolution.objects.get()
        assert (resolution.sold, resolution.released) == (2, 0)
        assert resolution.resolution == Resolution.CAPTURED

    def test_refuses_more_than_there_is_and_leaves_nothing(self, tenant, seller, buyer):
        few = shop.make_item(tenant, seller, quantity=3, name="A mug")
        many = shop.make_item(tenant, seller, quantity=50)
        with binding.bind(tenant, writes="commerce"):
            with pytest.raises(stock.SoldOut, match="3 of A mug") as refusal:
                reserve(buyer.id, {few: 4, many: 1})
            # Who goes on in the same unit of work finds nothing of it.
            reserve(buyer.id, {many: 2})

        assert refusal.value.extra == {"items": [{"item_id": str(few.id), "available": 3}]}
        assert level_of(tenant, few) == (0, 0)
        assert level_of(tenant, many) == (2, 0)
        assert has(tenant, few, buyer.id) == 0
        assert has(tenant, many, buyer.id) == 2

    def test_counts_the_sum_of_an_item_on_several_lines(self, tenant, seller, buyer):
        item = shop.make_item(tenant, seller, quantity=1)
        lines = [(item, 1), (item, 1)]
        sums = {}
        for each, quantity in lines:
            sums[each] = sums.get(each, 0) + quantity

        with binding.bind(tenant, writes="commerce"), pytest.raises(stock.SoldOut):
            reserve(buyer.id, sums)

        assert level_of(tenant, item) == (0, 0)

    def test_knows_no_end_of_items_without_stock(self, tenant, seller, buyer):
        item = shop.make_item(tenant, seller)
        with binding.bind(tenant, writes="commerce"):
            purchase = reserve(buyer.id, {item: 1_000_000})
            stock.sell_reserved(purchase_id=purchase, sold_at=timezone.now())
            assert stock.give_back(purchase_id=purchase, given_back_at=timezone.now()) == 1
            assert StockReservation.objects.count() == 1
        assert has(tenant, item, buyer.id) == 0

    def test_refuses_who_is_restricted(self, tenant, seller, buyer, stranger):
        item = shop.make_item(tenant, seller, quantity=5)
        with binding.bind(tenant, writes="commerce"):
            RestrictedUser.objects.create(item=item, user_id=stranger.id)
            with pytest.raises(stock.Restricted) as refusal:
                reserve(stranger.id, {item: 1})
            reserve(buyer.id, {item: 1})

        assert refusal.value.status == 403
        assert refusal.value.extra == {"items": [{"item_id": str(item.id)}]}
        assert level_of(tenant, item) == (1, 0)

    def test_refuses_what_is_not_there_or_another_tenant_s(self, tenant, rival, buyer):
        theirs = shop.make_item(rival, shop.make_seller(rival), quantity=5)
        with binding.bind(tenant, writes="commerce"), pytest.raises(NotFound):
            reserve(buyer.id, {theirs: 1})
        assert level_of(rival, theirs) == (0, 0)


class TestLimitPerFan:
    def test_holds_over_purchases_and_what_is_released_can_be_had_again(
        self, tenant, seller, buyer, stranger
    ):
        item = shop.make_item(tenant, seller, limit_per_fan=2, name="A ticket")
        with binding.bind(tenant, writes="commerce"):
            first = reserve(buyer.id, {item: 1})
            with pytest.raises(stock.LimitReached, match="at most 2 of A ticket") as refusal:
                reserve(buyer.id, {item: 2})
            reserve(stranger.id, {item: 2})
            stock.release_reserved(purchase_id=first, released_at=timezone.now())
            reserve(buyer.id, {item: 2})

        assert refusal.value.extra == {
            "items": [{"item_id": str(item.id), "limit_per_fan": 2, "has": 1}]
        }
        assert has(tenant, item, buyer.id) == 2

    def test_refuses_a_first_purchase_above_it(self, tenant, seller, buyer):
        item = shop.make_item(tenant, seller, limit_per_fan=2)
        with binding.bind(tenant, writes="commerce"), pytest.raises(stock.LimitReached):
            reserve(buyer.id, {item: 3})

    def test_is_not_passed_by_many_carts_at_once(self, tenant, seller, buyer):
        item = shop.make_item(tenant, seller, quantity=100, limit_per_fan=3)

        def buy(_):
            with binding.bind(tenant, writes="commerce"):
                reserve(buyer.id, {item: 1})

        outcome = all_at_once(buy, range(24), threads=8)

        assert outcome == {"done": 3, "LimitReached": 21}
        assert has(tenant, item, buyer.id) == 3
        assert level_of(tenant, item) == (3, 0)


class TestSelling:
    @pytest.mark.parametrize(
        ("quantity", "buyers", "threads"),
        [(50, 128, 16), pytest.param(500, 1_280, 32, marks=pytest.mark.storm)],
    )
    def test_to_more_buyers_than_there_is_sells_what_there_is(
        self, tenant, seller, quantity, buyers, threads
    ):
        item = shop.make_item(tenant, seller, quantity=quantity)

        def buy(user_id):
            with binding.bind(tenant, writes="commerce"):
                purchase = reserve(user_id, {item: 1})
                stock.sell_reserved(purchase_id=purchase, sold_at=timezone.now())

        outcome = all_at_once(buy, make_fans(tenant, buyers), threads=threads)

        assert outcome == {"done": quantity, "SoldOut": buyers - quantity}
        assert level_of(tenant, item) == (0, quantity)

    def test_of_several_items_in_any_order_never_waits_in_a_circle(self, tenant, seller):
        items = [shop.make_item(tenant, seller, quantity=40) for _ in range(3)]

        def buy(numbered):
            number, user_id = numbered
            chosen = items if number % 2 else items[::-1]
            with binding.bind(tenant, writes="commerce"):
                purchase = reserve(user_id, dict.fromkeys(chosen, 1))
                if number % 3:
                    stock.sell_reserved(purchase_id=purchase, sold_at=timezone.now())
                else:
                    stock.release_reserved(purchase_id=purchase, released_at=timezone.now())

        outcome = all_at_once(buy, enumerate(make_fans(tenant, 90)), threads=16)

        assert set(outcome) == {"done", "SoldOut"}
        assert [level_of(tenant, item) for item in items] == [(0, 40)] * 3

    def test_ends_a_reservation_once_whoever_races_for_it(self, tenant, seller, buyer):
        item = shop.make_item(tenant, seller, quantity=100)
        with binding.bind(tenant, writes="commerce"):
            purchases = [reserve(buyer.id, {item: 1}) for _ in range(10)]

        def end(numbered):
            number, purchase = numbered
            now = timezone.now()
            with binding.bind(tenant, writes="commerce"):
                if number % 3 == 0:
                    stock.sell_reserved(purchase_id=purchase, sold_at=now)
                    return
                kind = Resolution.RELEASED if number % 3 == 1 else Resolution.EXPIRED
                if not stock.release_reserved(
                    purchase_id=purchase, released_at=now, resolution=kind
                ):
                    raise stock.ReservationEnded

        outcome = all_at_once(end, enumerate(purchases * 6), threads=12)

        assert outcome == {"done": 10, "ReservationEnded": 50}
        held, sold = level_of(tenant, item)
        assert held == 0
        assert has(tenant, item, buyer.id) == sold
        with binding.bind(tenant):
            assert StockResolution.objects.count() == 10

    def test_refuses_what_has_ended(self, tenant, seller, buyer):
        item = shop.make_item(tenant, seller, quantity=1)
        with binding.bind(tenant, writes="commerce"):
            purchase = reserve(buyer.id, {item: 1})
            stock.release_reserved(
                purchase_id=purchase, released_at=timezone.now(), resolution=Resolution.EXPIRED
            )
            with pytest.raises(stock.ReservationEnded):
                stock.sell_reserved(purchase_id=purchase, sold_at=timezone.now())
            # What comes too late reserves again.
            reserve(buyer.id, {item: 1}, purchase_id=purchase)
            stock.sell_reserved(purchase_id=purchase, sold_at=timezone.now())
        assert level_of(tenant, item) == (0, 1)


class TestGivingBack:
    def test_lets_it_be_sold_again_once(self, tenant, seller, buyer):
        item = shop.make_item(tenant, seller, quantity=2, limit_per_fan=2)
        with binding.bind(tenant, writes="commerce"):
            purchase = reserve(buyer.id, {item: 2})
            stock.sell_reserved(purchase_id=purchase, sold_at=timezone.now())
        now = timezone.now()
        with binding.bind(tenant, writes="commerce"):
            assert stock.give_back(purchase_id=purchase, given_back_at=now) == 1
            assert stock.give_back(purchase_id=purchase, given_back_at=now) == 0
            reserve(buyer.id, {item: 1})
        assert level_of(tenant, item) == (1, 0)
        assert has(tenant, item, buyer.id) == 1

    def test_happens_once_however_many_try(self, tenant, seller, buyer):
        item = shop.make_item(tenant, seller, quantity=9)
        with binding.bind(tenant, writes="commerce"):
            purchase = reserve(buyer.id, {item: 3})
            stock.sell_reserved(purchase_id=purchase, sold_at=timezone.now())

        def give_back(_):
            with binding.bind(tenant, writes="commerce"):
                if not stock.give_back(purchase_id=purchase, given_back_at=timezone.now()):
                    raise stock.ReservationEnded

        assert all_at_once(give_back, range(8), threads=8) == {"done": 1, "ReservationEnded": 7}
        assert level_of(tenant, item) == (0, 0)


class TestTheDatabase:
    """It keeps count by itself, whatever the code does."""

    @pytest.mark.parametrize(
        "change",
        ["held = quantity + 1", "sold = quantity + 1", "quantity = 2", "held = -1", "sold = -1"],
    )
    def test_refuses_more_than_there_is(self, tenant, seller, buyer, change):
        item = shop.make_item(tenant, seller, quantity=5)
        with binding.bind(tenant, writes="commerce"):
            reserve(buyer.id, {item: 3})
        with (
            pytest.raises(IntegrityError, match="stock_levels_c"),
            binding.bind(tenant, writes="commerce"),
            connections["commerce"].cursor() as cursor,
        ):
            cursor.execute(f"UPDATE stock_levels SET {change} WHERE item_id = %s", [item.id])

    def test_refuses_a_second_resolution_and_one_of_another_quantity(self, tenant, seller, buyer):
        item = shop.make_item(tenant, seller, quantity=5)
        with binding.bind(tenant, writes="commerce"):
            reserve(buyer.id, {item: 3})
            reservation = StockReservation.objects.get()
        values = {"id": reservation.id, "resolution": "CAPTURED", "resolved_at": timezone.now()}

        for sold, released, quantity in ((2, 0, 2), (4, 0, 3), (4, -1, 3)):
            with pytest.raises(IntegrityError), binding.bind(tenant, writes="commerce"):
                StockResolution.objects.bulk_create(
                    [StockResolution(**values, quantity=quantity, sold=sold, released=released)]
                )
        with binding.bind(tenant, writes="commerce"):
            StockResolution.objects.create(**values, quantity=3, sold=3, released=0)
        with (
            pytest.raises(IntegrityError, match="stock_resolutions_pkey"),
            binding.bind(tenant, writes="commerce"),
        ):
            StockResolution.objects.bulk_create(
                [StockResolution(**values, quantity=3, sold=0, released=3)]
            )

    def test_takes_back_no_more_than_was_sold(self, tenant, seller, buyer):
        item = shop.make_item(tenant, seller, quantity=5)
        with binding.bind(tenant, writes="commerce"):
            purchase = reserve(buyer.id, {item: 3})
            stock.release_reserved(purchase_id=purchase, released_at=timezone.now())
            reservation = StockReservation.objects.get()
        with pytest.raises(IntegrityError), binding.bind(tenant, writes="commerce"):
            StockReturn.objects.create(id=reservation.id, quantity=3, returned_at=timezone.now())
