"""The items API: what is for sale, who sees it, and who changes it."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.commerce.models import (
    ContentSeries,
    DomainEvent,
    InventoryItem,
    ItemSeries,
    ItemTag,
    SubscriptionPlan,
)
from apps.commerce.operations import stock
from apps.kernel.ids import uuid7
from apps.platform import operations as platform
from apps.tenancy import binding
from tests.api import Caller, client_of, errors_of
from tests.commerce import shop
from tests.factories import TagFactory

ITEMS = "/api/v1/items"


@pytest.fixture
def poster(seller):
    """The body of an item that is made by `seller`."""
    return {
        "name": "A poster",
        "item_type": "PRODUCT",
        "price": 1_500,
        "currency": "USD",
        "created_by_id": str(seller.id),
    }


def names(client, query=""):
    reply = client.get(f"{ITEMS}{query}")
    assert reply.status_code == 200, reply.content
    return [row["name"] for row in reply.json()["results"]]


def make_lists(tenant, seller, buyer):
    """One of each thing that an item lists, by the name of the list."""
    with binding.bind(tenant, writes="platform"):
        tag = TagFactory()
    with binding.bind(tenant, writes="commerce"):
        series = ContentSeries.objects.create(name="Songs", created_by_id=seller.id)
        plan = SubscriptionPlan.objects.create(
            name="Gold", recurring_payment="MONTHLY", price=500, created_by_id=seller.id
        )
    return {
        "associated_tags": [str(tag.id)],
        "associated_series": [str(series.id)],
        "associated_subscriptions": [str(plan.id)],
        "restricted_users": [str(buyer.id)],
    }


class TestItems:
    def test_are_made_and_shown_with_what_hangs_on_them(
        self, tenant, editor, poster, seller, buyer
    ):
        lists = make_lists(tenant, seller, buyer)
        body = {
            **poster,
            **lists,
            "item_id": "legacy-17",
            "state": "ACTIVE",
            "quantity": 20,
            "limit_per_fan": 2,
            "auto_expires": 30,
            "is_refundable": False,
            "keywords": ["Wall", "wall", "Art"],
            "metadata": {"size": {"width": 40}},
        }

        made = editor.post(ITEMS, body)

        assert made.status_code == 201, made.content
        row = made.json()
        assert editor.get(made["Location"]).json() == row
        assert row | {**body, "keywords": ["wall", "art"], "available": 20} == row
        with binding.bind(tenant):
            event = DomainEvent.objects.get()
        assert event.payload == {"item_id": row["id"], "change": "CREATED", "state": "ACTIVE"}

    def test_are_drafts_without_end_if_nothing_is_said(self, editor, poster):
        row = editor.post(ITEMS, poster).json()

        assert (row["state"], row["quantity"], row["available"]) == ("DRAFT", None, None)
        assert row["item_id"] == row["id"]
        assert row["restricted_users"] == row["associated_tags"] == []

    def test_are_made_by_the_caller_unless_another_is_named(self, tenant, poster, buyer):
        del poster["created_by_id"]
        with_profile = client_of(tenant, Caller(role="editor", id=buyer.keycloak_id))
        without = client_of(tenant, Caller(role="editor"))

        assert with_profile.post(ITEMS, poster).json()["created_by_id"] == str(buyer.id)
        refused = without.post(ITEMS, poster)
        assert refused.status_code == 409
        assert refused.json()["type"].endswith("no-profile")

    def test_are_made_once_per_key(self, tenant, editor, poster):
        key = {"Idempotency-Key": "one"}
        replies = [editor.post(ITEMS, poster, headers=key) for _ in range(2)]

        assert replies[0].json() == replies[1].json()
        with binding.bind(tenant):
            assert InventoryItem.objects.count() == 1

    def test_have_an_item_id_of_their_own(self, editor, poster):
        first = editor.post(ITEMS, {**poster, "item_id": "a"}).json()
        second = editor.post(ITEMS, {**poster, "item_id": "b"}).json()
        editor.delete(f"{ITEMS}/{first['id']}")

        for refused in (
            editor.post(ITEMS, {**poster, "item_id": "a"}),
            editor.patch(f"{ITEMS}/{second['id']}", {"item_id": "a"}),
        ):
            assert refused.status_code == 409
            assert refused.json()["type"].endswith("item-exists")
            assert errors_of(refused) == {"item_id"}

    def test_expand_who_made_them_and_what_they_list(self, tenant, editor, poster, seller, buyer):
        lists = make_lists(tenant, seller, buyer)
        editor.post(ITEMS, {**poster, **lists, "state": "ACTIVE"})

        asked = "?expand=created_by,tags,series,subscriptions&fields=name"
        [row] = editor.get(f"{ITEMS}{asked}").json()["results"]

        assert row["created_by"]["display_name"] == seller.display_name
        assert row["tags"][0]["id"] == lists["associated_tags"][0]
        assert (row["series"][0]["name"], row["subscriptions"][0]["name"]) == ("Songs", "Gold")

    @pytest.mark.parametrize("gone", ["deleted", "not active"])
    def test_list_what_is_not_on_offer_for_editors_alone(
        self, tenant, editor, anybody, poster, seller, buyer, gone
    ):
        lists = make_lists(tenant, seller, buyer)
        made = editor.post(ITEMS, {**poster, **lists, "state": "ACTIVE"}).json()
        now = timezone.now()
        with binding.bind(tenant, writes="commerce"):
            if gone == "deleted":
                ContentSeries.objects.update(deleted_at=now)
            SubscriptionPlan.objects.update(
                **({"deleted_at": now} if gone == "deleted" else {"is_active": False})
            )
        asked = f"{ITEMS}/{made['id']}?expand=series,subscriptions"

        seen, known = anybody.get(asked).json(), editor.get(asked).json()

        left = [] if gone == "deleted" else lists["associated_series"]
        assert (seen["associated_series"], seen["associated_subscriptions"]) == (left, [])
        assert ([each["id"] for each in seen["series"]], seen["subscriptions"]) == (left, [])
        for name in ("associated_series", "associated_subscriptions"):
            assert known[name] == lists[name]
        assert [each["name"] for each in known["subscriptions"]] == ["Gold"]

    def test_show_how_many_can_be_had(self, tenant, seller, buyer, anybody):
        item = shop.make_item(tenant, seller, quantity=5)
        now = timezone.now()
        with binding.bind(tenant, writes="commerce"):
            for quantity in (1, 2):
                purchase = uuid7()
                stock.reserve(
                    purchase_id=purchase,
                    user_id=buyer.id,
                    quantities={item.id: quantity},
                    reserved_at=now,
                    expires_at=now + timedelta(minutes=5),
                )
            stock.sell_reserved(purchase_id=purchase, sold_at=now)

        row = anybody.get(f"{ITEMS}/{item.id}").json()

        assert (row["quantity"], row["available"]) == (5, 2)

    def test_of_another_tenant_are_as_good_as_none(self, tenant, rival, editor):
        theirs = shop.make_item(rival, shop.make_seller(rival))

        assert names(editor) == []
        none = editor.get(f"{ITEMS}/{uuid7()}")
        assert none.status_code == 404
        for reply in (
            editor.get(f"{ITEMS}/{theirs.id}"),
            editor.patch(f"{ITEMS}/{theirs.id}", {"price": 1}),
            editor.delete(f"{ITEMS}/{theirs.id}"),
            editor.get(f"{ITEMS}/{theirs.id}/price-history"),
        ):
            assert (reply.status_code, reply.content) == (404, none.content)


class TestWhoSees:
    @pytest.mark.parametrize("state", ["DRAFT", "ACTIVE", "PAUSED", "ARCHIVED"])
    def test_is_everybody_of_what_is_for_sale_and_its_maker_and_editors_of_the_rest(
        self, tenant, seller, state, anybody, as_buyer, as_seller, editor
    ):
        item = shop.make_item(tenant, seller, state=state)
        support = client_of(tenant, Caller(role="support"))

        for client, sees in (
            (anybody, state == "ACTIVE"),
            (as_buyer, state == "ACTIVE"),
            (support, state == "ACTIVE"),
            (as_seller, True),
            (editor, True),
        ):
            assert client.get(f"{ITEMS}/{item.id}").status_code == (200 if sees else 404)
            assert names(client) == (["A poster"] if sees else [])

    def test_of_restrictions_are_editors_alone(
        self, buyer, poster, anybody, as_buyer, as_seller, editor
    ):
        body = {**poster, "state": "ACTIVE", "restricted_users": [str(buyer.id)]}
        url = f"{ITEMS}/{editor.post(ITEMS, body).json()['id']}"

        for client in (anybody, as_buyer, as_seller):
            assert client.get(url).json()["restricted_users"] is None
            assert "restricted_users" not in client.get(f"{url}?fields=name").json()
        assert editor.get(url).json()["restricted_users"] == [str(buyer.id)]

    def test_of_what_is_deleted_is_nobody(self, tenant, seller, as_seller, editor):
        item = shop.make_item(tenant, seller)

        assert editor.delete(f"{ITEMS}/{item.id}").status_code == 204

        for client in (as_seller, editor):
            assert client.get(f"{ITEMS}/{item.id}").status_code == 404
        assert editor.delete(f"{ITEMS}/{item.id}").status_code == 404
        with binding.bind(tenant):
            assert InventoryItem.objects.get().deleted_at is not None
            assert DomainEvent.objects.get().payload["change"] == "DELETED"


class TestWhoChanges:
    @pytest.mark.parametrize(
        ("role", "may"),
        [
            ("nobody", 401),
            (None, 403),
            ("viewer", 403),
            ("support", 403),
            ("editor", 200),
            ("admin", 200),
            ("owner", 200),
        ],
    )
    def test_is_editors(self, tenant, seller, poster, role, may):
        client = client_of(tenant, None if role == "nobody" else Caller(role=role))
        url = f"{ITEMS}/{shop.make_item(tenant, seller).id}"

        assert client.post(ITEMS, poster).status_code == (201 if may == 200 else may)
        assert client.patch(url, {"price": 1}).status_code == may
        for kind in ("price", "quantity", "state"):
            assert client.get(f"{url}/{kind}-history").status_code == may
        assert client.delete(url).status_code == (204 if may == 200 else may)

    def test_is_not_the_maker(self, tenant, seller, as_seller):
        item = shop.make_item(tenant, seller, state="DRAFT")
        assert as_seller.patch(f"{ITEMS}/{item.id}", {"price": 1}).status_code == 403


class TestFinding:
    def test_narrows_by_every_parameter(self, tenant, seller, buyer, anybody):
        other = shop.make_seller(tenant)
        lists = make_lists(tenant, seller, buyer)
        mug = shop.make_item(
            tenant, seller, name="Mug", price=900, keywords=["tea"], item_id="M-1", quantity=0
        )
        shop.make_item(
            tenant, other, name="Song", price=99, item_type="CONTENT", currency="EUR", quantity=1
        )
        with binding.bind(tenant, writes="commerce"):
            for name, model, column in (
                ("associated_tags", ItemTag, "tag_id"),
                ("associated_series", ItemSeries, "series_id"),
            ):
                model.objects.create(item=mug, **{column: UUID(lists[name][0])})

        for query in (
            "item_type=PRODUCT",
            f"created_by_id={seller.id}",
            f"tag={lists['associated_tags'][0]}",
            f"series={lists['associated_series'][0]}",
            "min_price=100",
            "max_price=900&min_price=900",
            "currency=USD",
            "item_id=M-1",
            "search=mu",
            "search=TEA",
            "is_available=false",
        ):
            assert names(anybody, f"?{query}") == ["Mug"], query
        assert names(anybody, "?is_available=true") == ["Song"]
        assert names(anybody, f"?subscription={lists['associated_subscriptions'][0]}") == []

    def test_by_a_tag_finds_what_was_given_its_aliases(self, tenant, seller, editor, poster):
        with binding.bind(tenant, writes="platform"):
            old, new = TagFactory(), TagFactory()
        body = {**poster, "associated_tags": [str(old.id)]}
        row = editor.post(ITEMS, body).json()
        with binding.bind(tenant, writes="platform"):
            platform.merge_tags(tag_id=old.id, into_tag_id=new.id, merged_at=timezone.now())

        for tag in (old, new):
            assert names(editor, f"?tag={tag.id}") == ["A poster"]
        # What is written from now on names the tag that is left.
        url = f"{ITEMS}/{row['id']}"
        editor.patch(url, {"associated_tags": []})
        changed = editor.patch(url, body).json()
        assert changed["associated_tags"] == [str(new.id)]

    @pytest.mark.parametrize(
        ("ordering", "expected"),
        [
            ("price", ["B", "C", "A"]),
            ("-price", ["A", "C", "B"]),
            ("name", ["A", "B", "C"]),
            ("-name", ["C", "B", "A"]),
            ("created_on", ["A", "B", "C"]),
            ("-created_on", ["C", "B", "A"]),
        ],
    )
    def test_orders_and_pages(self, tenant, seller, anybody, ordering, expected):
        now = timezone.now()
        for number, (name, price) in enumerate((("A", 3), ("B", 1), ("C", 2))):
            created = now + timedelta(minutes=number)
            shop.make_item(tenant, seller, name=name, price=price, created_on=created)

        page = anybody.get(f"{ITEMS}?ordering={ordering}&page_size=2").json()
        rest = anybody.get(page["next"]).json()

        rows = [row["name"] for row in (*page["results"], *rest["results"])]
        assert rows == expected

    @pytest.mark.parametrize(
        "query",
        [
            "colour=red",
            "item_type=HOUSE",
            "state=SOLD",
            "tag=none",
            "min_price=1.5",
            "max_price=-1",
            "max_price=10000000000000",
            "min_price=NaN",
            "search=%00",
            "is_available=maybe",
            "ordering=quantity",
            "expand=restricted_users",
            f"search={'x' * 10_000}",
        ],
    )
    def test_refuses_what_means_nothing(self, anybody, query):
        reply = anybody.get(f"{ITEMS}?{query}")
        assert reply.status_code == 400, reply.content
        assert errors_of(reply) == {query.partition("=")[0]}

    def test_asks_the_same_number_of_queries_for_1_and_50(self, tenant, seller, buyer, editor):
        lists = make_lists(tenant, seller, buyer)
        asked = f"{ITEMS}?expand=created_by,tags,series,subscriptions&page_size=50"

        def queries_for(count):
            with binding.bind(tenant, writes="commerce"):
                items = InventoryItem.objects.bulk_create(
                    InventoryItem(
                        item_id=str(uuid7()),
                        item_type="PRODUCT",
                        name="A poster",
                        created_by_id=seller.id,
                        state="ACTIVE",
                        price=1,
                    )
                    for _ in range(count)
                )
                tag_id = UUID(lists["associated_tags"][0])
                ItemTag.objects.bulk_create(ItemTag(item=item, tag_id=tag_id) for item in items)
            with (
                CaptureQueriesContext(connections["commerce"]) as commerce,
                CaptureQueriesContext(connections["users"]) as users,
                CaptureQueriesContext(connections["platform"]) as platform_,
            ):
                rows = editor.get(asked).json()["results"]
            return len(rows), [len(each) for each in (commerce, users, platform_)]

        few, of_few = queries_for(1)
        many, of_many = queries_for(49)

        assert (few, many) == (1, 50)
        assert of_few == of_many
