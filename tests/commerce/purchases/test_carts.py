"""Carts: of whoever holds the token, of whoever has signed in, and from one to the other."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.commerce.models import Purchase, PurchaseLine
from apps.commerce.operations.purchases import carts
from apps.tenancy import binding
from tests.api import client_of, errors_of
from tests.commerce import shop
from tests.commerce.purchases import buying
from tests.commerce.purchases.buying import CARTS


@pytest.fixture
def poster(tenant, seller):
    return shop.make_item(tenant, seller, quantity=50)


@pytest.fixture
def visitor(tenant):
    """A client without a token of a person."""
    return client_of(tenant)


@pytest.fixture
def found(visitor):
    """A cart of nobody's."""
    reply = visitor.post(CARTS, {"currency": "USD"})
    assert reply.status_code == 201, reply.content
    return reply.json()


def put(client, cart, item, *, quantity=1, token=None, **values):
    headers = {"Cart-Token": token} if token else {}
    body = {"item_id": str(item.id), "quantity": quantity, **values}
    return client.post(f"{CARTS}/{cart['id']}/lines", body, format="json", headers=headers)


class TestCartsOfNobody:
    def test_are_opened_by_their_token_alone(self, tenant, visitor, found, anna, support):
        url = f"{CARTS}/{found['id']}"

        opened = visitor.get(url, headers={"Cart-Token": found["token"]})
        wrong = visitor.get(url, headers={"Cart-Token": found["token"][:-1]})

        assert (opened.status_code, opened.json()["id"]) == (200, found["id"])
        assert "token" not in opened.json()
        for refused in (wrong, visitor.get(url), anna.client.get(url), support.get(url)):
            assert refused.status_code == 404
            assert refused.content == visitor.get(f"{CARTS}/{anna.id}").content

    def test_are_open_to_browsers_and_kept_apart_by_caches(self, visitor, found):
        token = {"Cart-Token": found["token"]}
        reply = visitor.get(f"{CARTS}/{found['id']}", headers=token)
        asked = visitor.options(
            f"{CARTS}/{found['id']}",
            headers={
                "Origin": "https://shop.example",
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "cart-token",
            },
        )
        assert "Cart-Token" in reply["Vary"]
        assert "cart-token" in asked["Access-Control-Allow-Headers"]

    def test_keep_the_token_nowhere(self, tenant, found):
        kept = buying.purchase_of(tenant, found["id"])
        assert kept.token_hash == carts.hash_of(found["token"])
        assert found["token"] not in str(vars(kept))

    def test_are_filled_changed_and_emptied(self, visitor, found, poster):
        token = {"Cart-Token": found["token"]}
        cart = put(visitor, found, poster, quantity=2, token=found["token"]).json()
        line = f"{CARTS}/{found['id']}/lines/{cart['lines'][0]['id']}"

        changed = visitor.patch(
            line, {"quantity": 3, "metadata": {"for": "Bo"}}, format="json", headers=token
        ).json()
        assert (changed["total"], changed["lines"][0]["metadata"]) == (3_000, {"for": "Bo"})
        assert visitor.patch(line, {"quantity": 4}, format="json").status_code == 404
        assert visitor.delete(line).status_code == 404
        assert visitor.delete(line, headers=token).status_code == 204
        assert visitor.delete(line, headers=token).status_code == 404
        assert visitor.get(f"{CARTS}/{found['id']}", headers=token).json()["lines"] == []

    def test_are_dropped_when_nobody_came_back(self, tenant, visitor, found, anna, poster):
        put(visitor, found, poster, token=found["token"])
        own = anna.cart(poster)

        def expire(after):
            with binding.bind(tenant, writes="commerce"):
                return carts.expire_carts(now=timezone.now() + timedelta(days=after))

        assert (expire(29), expire(31), expire(31)) == (0, 1, 0)
        gone = visitor.get(f"{CARTS}/{found['id']}", headers={"Cart-Token": found["token"]})
        assert gone.status_code == 404
        assert anna.client.get(f"{CARTS}/{own['id']}").status_code == 200
        with binding.bind(tenant):
            assert PurchaseLine.objects.filter(purchase_id=found["id"]).count() == 0

    def test_can_not_be_checked_out(self, anna, visitor, found, poster):
        put(visitor, found, poster, token=found["token"])
        assert anna.check_out(found).status_code == 404
        body = {"cart_id": found["id"], "provider": "wallet"}
        assert visitor.post(buying.PURCHASES, body, format="json").status_code == 401

    def test_are_begun_as_often_as_a_minute_allows(self, settings, visitor):
        settings.RATE_LIMIT_PER_ACCOUNT = 2
        visitor.defaults["REMOTE_ADDR"] = "192.0.2.77"
        replies = [visitor.post(CARTS, {"currency": "USD"}).status_code for _ in range(3)]
        assert replies == [201, 201, 429]


class TestAdopting:
    def test_makes_a_cart_the_buyers(self, tenant, visitor, found, anna, poster):
        put(visitor, found, poster, token=found["token"])
        token = {"Cart-Token": found["token"]}

        adopted = anna.client.post(f"{CARTS}/{found['id']}/adopt", headers=token)

        assert adopted.status_code == 200, adopted.content
        assert (adopted.json()["id"], adopted.json()["user_id"]) == (found["id"], str(anna.id))
        assert visitor.get(f"{CARTS}/{found['id']}", headers=token).status_code == 404
        assert buying.purchase_of(tenant, found["id"]).token_hash == ""
        assert anna.check_out(adopted.json()).status_code == 201

    def test_adds_the_same_up_and_keeps_what_differs(
        self, tenant, visitor, found, anna, poster, seller
    ):
        other = shop.make_item(tenant, seller, price=50)
        own = anna.cart(poster, quantity=2)
        put(visitor, found, poster, quantity=3, token=found["token"])
        put(visitor, found, poster, token=found["token"], metadata={"signed": True})
        put(visitor, found, other, token=found["token"])

        adopted = anna.client.post(
            f"{CARTS}/{found['id']}/adopt", headers={"Cart-Token": found["token"]}
        ).json()

        assert adopted["id"] == own["id"]
        quantities = [(line["item_id"], line["quantity"]) for line in adopted["lines"]]
        assert quantities == [(str(poster.id), 5), (str(poster.id), 1), (str(other.id), 1)]
        assert adopted["total"] == 6_050
        assert buying.purchase_of(tenant, found["id"]).state == "CANCELLED"
        gone = visitor.get(f"{CARTS}/{found['id']}", headers={"Cart-Token": found["token"]})
        assert gone.status_code == 404

    def test_without_the_token_is_refused(self, anna, found):
        assert anna.client.post(f"{CARTS}/{found['id']}/adopt").status_code == 404

    def test_holds_the_limits(self, tenant, visitor, found, anna, poster):
        anna.cart(poster, quantity=600)
        put(visitor, found, poster, quantity=401, token=found["token"])

        refused = anna.client.post(
            f"{CARTS}/{found['id']}/adopt", headers={"Cart-Token": found["token"]}
        )

        assert refused.status_code == 400
        assert errors_of(refused) == {"quantity"}
        assert buying.purchase_of(tenant, found["id"]).state == "CART"

    def test_does_not_overfill(self, tenant, visitor, found, anna, poster):
        own = anna.cart()
        with binding.bind(tenant, writes="commerce"):
            for cart, count in ((own, 60), (found, 41)):
                PurchaseLine.objects.bulk_create(
                    PurchaseLine(
                        purchase_id=cart["id"],
                        item=poster,
                        quantity=1,
                        unit_price=1,
                        total=1,
                        metadata={"of": cart["id"], "n": n},
                    )
                    for n in range(count)
                )
        refused = anna.client.post(
            f"{CARTS}/{found['id']}/adopt", headers={"Cart-Token": found["token"]}
        )
        assert refused.json()["type"].endswith("cart-full")


class TestCartsOfBuyers:
    def test_are_one_of_each_currency(self, anna):
        first = anna.client.post(CARTS, {"currency": "USD"})
        again = anna.client.post(CARTS, {"currency": "USD"})
        other = anna.client.post(CARTS, {"currency": "EUR"})

        assert (first.status_code, again.status_code, other.status_code) == (201, 200, 201)
        assert first.json()["id"] == again.json()["id"]
        listed = anna.client.get(CARTS).json()["results"]
        assert {row["currency"] for row in listed} == {"USD", "EUR"}
        assert anna.client.get(first["Location"]).json() == first.json()

    def test_are_theirs_alone(self, tenant, anna, stranger, admin, poster):
        cart = anna.cart(poster)
        for other in (buying.shopper(tenant, stranger).client, admin):
            assert other.get(f"{CARTS}/{cart['id']}").status_code == 404
            assert other.delete(f"{CARTS}/{cart['id']}").status_code == 404
            assert put(other, cart, poster).status_code == 404

    def test_are_changed_as_they_were_seen(self, anna, poster):
        cart = anna.cart(poster)
        url = f"{CARTS}/{cart['id']}"
        seen = anna.client.get(url)["ETag"]
        anna.put(cart["id"], poster)

        stale = anna.client.patch(
            url, {"metadata": {"a": 1}}, format="json", headers={"If-Match": seen}
        )
        assert stale.status_code == 412
        fresh = {"If-Match": anna.client.get(url)["ETag"]}
        ok = anna.client.patch(url, {"metadata": {"a": 1}}, format="json", headers=fresh)
        assert (ok.status_code, ok.json()["metadata"]) == (200, {"a": 1})

    def test_are_closed_once_checked_out(self, tenant, anna, poster):
        cart = anna.cart(poster)
        anna.check_out(cart)
        assert put(anna.client, cart, poster).status_code == 404
        with binding.bind(tenant, writes="commerce"):
            with pytest.raises(carts.CartClosed):
                carts.remove_line(
                    cart_id=cart["id"], line_id=cart["lines"][0]["id"], removed_at=timezone.now()
                )

    def test_hold_100_lines(self, tenant, anna, poster):
        cart = anna.cart(poster)
        with binding.bind(tenant, writes="commerce"):
            PurchaseLine.objects.bulk_create(
                PurchaseLine(purchase_id=cart["id"], item=poster, quantity=1, unit_price=1, total=1)
                for _ in range(98)
            )
        replies = [anna.put(cart["id"], poster) for _ in range(2)]
        assert [reply.status_code for reply in replies] == [201, 409]
        assert replies[1].json()["type"].endswith("cart-full")

    @pytest.mark.parametrize("quantity", [0, -1, 1_001, 1.5, "many", None, True, 10**30])
    def test_take_sensible_quantities_alone(self, anna, poster, quantity):
        cart = anna.cart(poster)
        line = cart["lines"][0]["id"]
        url = f"{CARTS}/{cart['id']}/lines"

        put_ = anna.client.post(
            url, {"item_id": str(poster.id), "quantity": quantity}, format="json"
        )
        changed = anna.client.patch(f"{url}/{line}", {"quantity": quantity}, format="json")

        for refused in (put_, changed):
            assert refused.status_code == 400, refused.content
            assert errors_of(refused) == {"quantity"}

    def test_take_what_is_for_sale_in_their_currency(self, tenant, anna, seller):
        draft = shop.make_item(tenant, seller, state="DRAFT")
        euros = shop.make_item(tenant, seller, currency="EUR")
        cart = anna.cart()
        for item in (draft, euros, seller):
            refused = anna.put(cart["id"], item)
            assert refused.status_code == 400
            assert errors_of(refused) == {"item_id"}

    @pytest.mark.parametrize("currency", ["XXX", "usd", "US", "", "DOLLAR", 1])
    def test_are_in_a_currency(self, anna, currency):
        refused = anna.client.post(CARTS, {"currency": currency}, format="json")
        assert refused.status_code == 400
        assert errors_of(refused) == {"currency"}

    def test_take_a_code_that_fits(self, tenant, anna, poster):
        cart = anna.cart(poster)
        url = f"{CARTS}/{cart['id']}"
        unknown = anna.client.patch(url, {"discount_code": "NOPE"}, format="json")
        assert (unknown.status_code, unknown.json()["type"].rpartition("/")[2]) == (
            409,
            "code-unknown",
        )
        buying.make_code(tenant)
        assert (
            anna.client.patch(url, {"discount_code": "save"}, format="json").json()["total"] == 900
        )
        cleared = anna.client.patch(url, {"discount_code": ""}, format="json").json()
        assert (cleared["total"], cleared["discount_code"]) == (1_000, None)

    def test_is_one_also_when_begun_twice_at_once(self, tenant, buyer, race):
        def begin():
            with binding.bind(tenant, writes="commerce"):
                return carts.open_cart(
                    user_id=buyer.id, currency="USD", opened_at=timezone.now()
                ).cart.id

        assert len(set(race(*[begin] * 6))) == 1
        with binding.bind(tenant):
            assert Purchase.objects.filter(user_id=buyer.id).count() == 1
