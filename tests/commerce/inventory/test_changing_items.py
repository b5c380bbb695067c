"""Changing items: states, stock, lists, histories, and what is refused."""

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from apps.commerce.models import (
    InventoryItem,
    InventoryPriceHistory,
    InventoryQuantityHistory,
    InventoryStateHistory,
    ItemTag,
    StockLevel,
    VirtualCurrency,
)
from apps.commerce.operations import stock, stock_levels
from apps.commerce.queries.stock import Counts, counts_of
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.api import errors_of
from tests.commerce import shop
from tests.commerce.inventory.crowd import all_at_once, make_fans
from tests.factories import TagFactory

ITEMS = "/api/v1/items"
STATES = ("DRAFT", "ACTIVE", "PAUSED", "ARCHIVED")
ALLOWED = {
    ("DRAFT", "ACTIVE"),
    ("DRAFT", "ARCHIVED"),
    ("ACTIVE", "PAUSED"),
    ("ACTIVE", "ARCHIVED"),
    ("PAUSED", "ACTIVE"),
    ("PAUSED", "ARCHIVED"),
}
PAIRS = [(before, after) for before in STATES for after in STATES if before != after]


def reserve(tenant, user_id, item, quantity, *, sell=False):
    now, purchase_id = timezone.now(), uuid7()
    with binding.bind(tenant, writes="commerce"):
        stock.reserve(
            purchase_id=purchase_id,
            user_id=user_id,
            quantities={item.id: quantity},
            reserved_at=now,
            expires_at=now,
        )
        if sell:
            stock.sell_reserved(purchase_id=purchase_id, sold_at=now)
    return purchase_id


def run(tenant, statement, *values):
    with binding.bind(tenant, writes="commerce"), connections["commerce"].cursor() as cursor:
        cursor.execute(statement, values)


@pytest.fixture
def change(editor):
    """Change an item; return the reply."""

    def change(item, headers=None, **values):
        return editor.patch(f"{ITEMS}/{item.id}", values, headers=headers or {})

    return change


class TestStates:
    @pytest.mark.parametrize(("before", "after"), PAIRS)
    def test_lead_to_some_others_only(self, tenant, seller, change, before, after):
        item = shop.make_item(tenant, seller, state=before)

        reply = change(item, state=after)

        if (before, after) in ALLOWED:
            assert (reply.status_code, reply.json()["state"]) == (200, after)
        else:
            assert reply.status_code == 409
            assert reply.json()["type"].endswith("item-state-refused")
            assert errors_of(reply) == {"state"}

    @pytest.mark.parametrize(("before", "after"), PAIRS)
    def test_lead_nowhere_else_in_the_database_either(self, tenant, seller, before, after):
        item = shop.make_item(tenant, seller, state=before)
        statement = "UPDATE inventory_items SET state = %s WHERE id = %s"

        if (before, after) in ALLOWED:
            run(tenant, statement, after, item.id)
        else:
            with pytest.raises(IntegrityError, match="inventory_state_history_allowed"):
                run(tenant, statement, after, item.id)

    def test_stay_where_nothing_changes(self, tenant, seller, change):
        item = shop.make_item(tenant, seller, state="ARCHIVED")
        assert change(item, state="ARCHIVED").status_code == 200

    def test_begin_with_draft_or_active(self, editor, seller):
        body = {"name": "A", "item_type": "EVENT", "price": 0, "created_by_id": str(seller.id)}
        for state in ("PAUSED", "ARCHIVED"):
            assert errors_of(editor.post(ITEMS, {**body, "state": state})) == {"state"}
        assert editor.post(ITEMS, {**body, "state": "ACTIVE"}).status_code == 201

    def test_other_than_draft_fix_currency_and_type(self, tenant, seller, change):
        draft = shop.make_item(tenant, seller, state="DRAFT")
        active = shop.make_item(tenant, seller, state="ACTIVE")

        assert change(draft, currency="JPY", item_type="EVENT").status_code == 200
        assert change(active, currency="USD", item_type="PRODUCT", price=5).status_code == 200
        for values in ({"currency": "JPY"}, {"item_type": "EVENT"}):
            reply = change(active, **values)
            assert reply.status_code == 409
            assert reply.json()["type"].endswith("item-was-for-sale")
            assert errors_of(reply) == set(values)


class TestQuantity:
    def test_is_never_less_than_what_is_set_aside_or_sold(self, tenant, seller, buyer, change):
        item = shop.make_item(tenant, seller, quantity=10)
        reserve(tenant, buyer.id, item, 2)
        reserve(tenant, buyer.id, item, 3, sell=True)

        refused = change(item, quantity=4)

        assert refused.status_code == 409
        problem = refused.json()
        assert problem["type"].endswith("quantity-too-low")
        assert problem["detail"] == "2 are set aside and 3 sold: there are at least 5, not 4."
        assert (problem["held"], problem["sold"]) == (2, 3)
        row = change(item, quantity=5).json()
        assert (row["quantity"], row["available"]) == (5, 0)

    def test_can_have_no_end_and_get_one_again(self, tenant, seller, buyer, change):
        item = shop.make_item(tenant, seller, quantity=1)
        reserve(tenant, buyer.id, item, 1, sell=True)

        assert change(item, quantity=None).json()["available"] is None
        held = reserve(tenant, buyer.id, item, 5)
        assert change(item, quantity=5).status_code == 409
        row = change(item, quantity=8).json()

        assert (row["quantity"], row["available"]) == (8, 2)
        with binding.bind(tenant, writes="commerce"):
            stock.release_reserved(purchase_id=held, released_at=timezone.now())
            level = StockLevel.objects.get()
        assert (level.held, level.sold) == (0, 1)

    def test_keeps_count_while_it_gets_an_end_and_people_buy(self, tenant, seller):
        item = shop.make_item(tenant, seller)
        fans = make_fans(tenant, 40)

        def act(numbered):
            number, user_id = numbered
            if number % 8 == 7:
                with binding.bind(tenant, writes="commerce"):
                    stock_levels.set_quantity(
                        item_id=item.id,
                        quantity=None if number % 16 == 7 else 1_000,
                        set_at=timezone.now(),
                    )
                return
            purchase_id = reserve(tenant, user_id, item, 1, sell=number % 2 == 0)
            if number % 4 == 1:
                with binding.bind(tenant, writes="commerce"):
                    stock.release_reserved(purchase_id=purchase_id, released_at=timezone.now())

        assert all_at_once(act, enumerate(fans), threads=8) == {"done": 40}

        with binding.bind(tenant, writes="commerce"):
            stock_levels.set_quantity(item_id=item.id, quantity=1_000, set_at=timezone.now())
            level = StockLevel.objects.get()
            assert counts_of(item_ids=[item.id])[item.id] == Counts(
                held=level.held, sold=level.sold
            )
        assert level.sold == 20


class TestHistories:
    def values(self, editor, item, kind):
        rows = editor.get(f"{ITEMS}/{item.id}/{kind}-history").json()["results"]
        return [(row["old_value"], row["new_value"]) for row in rows]

    def test_tell_of_each_change_the_latest_first(self, tenant, seller, editor, change):
        item = shop.make_item(tenant, seller, state="DRAFT", price=100)
        for values in (
            {"price": 200, "state": "ACTIVE", "quantity": 5},
            {"price": 200, "name": "Other", "quantity": 5},
            {"price": 150, "state": "PAUSED", "quantity": 7},
            {"quantity": None},
        ):
            assert change(item, **values).status_code == 200

        assert self.values(editor, item, "price") == [(200, 150), (100, 200)]
        assert self.values(editor, item, "state") == [("ACTIVE", "PAUSED"), ("DRAFT", "ACTIVE")]
        assert self.values(editor, item, "quantity") == [(7, None), (5, 7), (None, 5)]

    def test_see_bulk_and_raw_writes(self, tenant, seller, editor):
        items = [shop.make_item(tenant, seller, price=100, quantity=1) for _ in range(3)]
        with binding.bind(tenant, writes="commerce"):
            InventoryItem.objects.update(price=300)
            InventoryItem.objects.update(state="PAUSED")
            StockLevel.objects.update(quantity=2)
        run(tenant, "UPDATE inventory_items SET price = price + 1, name = 'x'")
        run(tenant, "UPDATE inventory_items SET name = 'y'")
        run(tenant, "UPDATE stock_levels SET quantity = 3, updated_at = now()")

        for item in items:
            assert self.values(editor, item, "price") == [(300, 301), (100, 300)]
            assert self.values(editor, item, "state") == [("ACTIVE", "PAUSED")]
            assert self.values(editor, item, "quantity") == [(2, 3), (1, 2), (None, 1)]

    def test_don_t_tell_of_sales(self, tenant, seller, buyer, editor):
        item = shop.make_item(tenant, seller, quantity=3)
        reserve(tenant, buyer.id, item, 2, sell=True)
        assert self.values(editor, item, "quantity") == [(None, 3)]

    @pytest.mark.parametrize(
        "model", [InventoryPriceHistory, InventoryQuantityHistory, InventoryStateHistory]
    )
    @pytest.mark.parametrize(
        "statement",
        ["UPDATE {} SET changed_on = now()", "DELETE FROM {}", "INSERT INTO {} (id) VALUES (%s)"],
    )
    def test_can_be_neither_changed_nor_written_by_hand(
        self, tenant, seller, change, model, statement
    ):
        item = shop.make_item(tenant, seller, quantity=3)
        change(item, price=1, quantity=4, state="PAUSED")
        values = [uuid7()] if "%s" in statement else []

        with pytest.raises(Exception, match=r"append-only|permission denied"):
            run(tenant, statement.format(model._meta.db_table), *values)


class TestLists:
    def test_are_replaced_as_a_whole_and_else_stay(self, tenant, seller, change):
        item = shop.make_item(tenant, seller)
        with binding.bind(tenant, writes="platform"):
            first, second = (str(TagFactory().id) for _ in range(2))

        change(item, associated_tags=[first, first])
        assert change(item, price=5).json()["associated_tags"] == [first]
        assert change(item, associated_tags=[second]).json()["associated_tags"] == [second]
        assert change(item, associated_tags=[]).json()["associated_tags"] == []

    def test_keep_what_is_gone_until_it_is_taken_out(self, tenant, seller, change):
        item = shop.make_item(tenant, seller)
        with binding.bind(tenant, writes="platform"):
            tag = TagFactory()
        ids = [str(tag.id)]
        change(item, associated_tags=ids)
        with binding.bind(tenant, writes="platform"):
            tag.delete()

        assert change(item, associated_tags=ids).status_code == 200
        change(item, associated_tags=[])
        assert errors_of(change(item, associated_tags=ids)) == {"associated_tags"}

    @pytest.mark.parametrize(
        "name",
        ["associated_tags", "associated_series", "associated_subscriptions", "restricted_users"],
    )
    def test_refuse_what_is_not_there_or_another_tenant_s(
        self, tenant, rival, seller, change, name
    ):
        item = shop.make_item(tenant, seller)
        theirs = shop.make_buyer(rival)
        with binding.bind(rival, writes="platform"):
            tag = TagFactory()

        for id_ in (uuid7(), theirs.id, tag.id):
            reply = change(item, **{name: [str(id_)]})
            assert reply.status_code == 400
            assert errors_of(reply) == {name}
            assert str(id_) in str(reply.json()["errors"])
        with binding.bind(tenant):
            assert ItemTag.objects.count() == 0


class TestConcurrency:
    def test_refuses_to_change_what_one_has_not_seen(self, tenant, seller, editor, change):
        item = shop.make_item(tenant, seller)
        tag = editor.get(f"{ITEMS}/{item.id}")["ETag"]

        assert change(item, headers={"If-Match": tag}, price=5).status_code == 200
        assert change(item, headers={"If-Match": tag}, price=6).status_code == 412
        gone = editor.delete(f"{ITEMS}/{item.id}", headers={"If-Match": tag})
        assert gone.status_code == 412


class TestBadInput:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": " "}, "name"),
            ({"name": "a\x00b"}, "name"),
            ({"name": "x" * 10_000}, "name"),
            ({"name": ["A"]}, "name"),
            ({"description": "x" * 10_001}, "description"),
            ({"item_type": "HOUSE"}, "item_type"),
            ({"state": "SOLD"}, "state"),
            ({"price": -1}, "price"),
            ({"price": 1.5}, "price"),
            ({"price": "much"}, "price"),
            ({"price": None}, "price"),
            ({"price": True}, "price"),
            ({"price": 10**12 + 1}, "price"),
            ({"price": 10**30}, "price"),
            ({"price": {}}, "price"),
            ({"currency": "usd"}, "currency"),
            ({"currency": "XQZ"}, "currency"),
            ({"currency": ""}, "currency"),
            ({"currency": "XAU"}, "currency"),
            ({"quantity": -1}, "quantity"),
            ({"quantity": 0.5}, "quantity"),
            ({"quantity": 10**10}, "quantity"),
            ({"limit_per_fan": 0}, "limit_per_fan"),
            ({"auto_expires": 10**9}, "auto_expires"),
            ({"recurring_payment": "DAILY"}, "recurring_payment"),
            ({"is_refundable": "perhaps"}, "is_refundable"),
            ({"keywords": "wall"}, "keywords"),
            ({"keywords": ["a\x00"]}, "keywords.0"),
            ({"keywords": ["x" * 101]}, "keywords.0"),
            ({"metadata": []}, "metadata"),
            ({"metadata": {"a": "\x00"}}, "metadata"),
            ({"associated_tags": ["none"]}, "associated_tags.0"),
            ({"associated_tags": ["018f0000-0000-7000-8000-000000000000"] * 51}, "associated_tags"),
            ({"created_by_id": "me"}, "created_by_id"),
            ({"created_by_id": "018f0000-0000-7000-8000-000000000000"}, "created_by_id"),
            ({"item_id": "x" * 256}, "item_id"),
            ({"available": 5}, "available"),
            ({"deleted_at": None}, "deleted_at"),
        ],
        ids=str,
    )
    def test_is_named_by_field(self, tenant, seller, editor, change, body, field):
        whole = {
            "name": "A",
            "item_type": "PRODUCT",
            "price": 1,
            "created_by_id": str(seller.id),
        }
        draft = shop.make_item(tenant, seller, state="DRAFT")

        for reply in (editor.post(ITEMS, {**whole, **body}), change(draft, **body)):
            assert reply.status_code == 400, reply.content
            assert errors_of(reply) == {field}

    @pytest.mark.parametrize("body", ["[]", "5", "null", '"x"', "{", ""])
    def test_is_refused_whatever_it_is(self, editor, body):
        reply = editor.generic("POST", ITEMS, body, content_type="application/json")
        assert reply.status_code == 400

    def test_may_be_priced_in_the_tenant_s_own_currency(self, tenant, rival, seller, change):
        item = shop.make_item(tenant, seller, state="DRAFT")
        with binding.bind(rival, writes="commerce"):
            VirtualCurrency.objects.create(code="QQQ", name="Theirs")
        assert errors_of(change(item, currency="QQQ")) == {"currency"}
        with binding.bind(tenant, writes="commerce"):
            VirtualCurrency.objects.create(code="QQQ", name="Stars")
        assert change(item, currency="QQQ").status_code == 200
