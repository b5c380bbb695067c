"""Lists of purchases: whose they are, what they are filtered by, what they show."""

from datetime import timedelta

import pytest

from apps.audit.models import AuditEntry
from apps.tenancy import binding
from tests.commerce import shop
from tests.commerce.purchases import buying
from tests.commerce.purchases.buying import PURCHASES


@pytest.fixture
def poster(tenant, seller):
    return shop.make_item(tenant, seller)


def ids_of(client, query=""):
    reply = client.get(f"{PURCHASES}{query}")
    assert reply.status_code == 200, reply.content
    return [row["id"] for row in reply.json()["results"]]


class TestListing:
    def test_shows_buyers_their_own_and_support_all(self, tenant, anna, stranger, support, poster):
        mine = anna.buy(poster)
        other = buying.check_out_now(tenant, stranger.id, poster).purchase

        assert ids_of(anna.client) == [mine["id"]]
        assert ids_of(support) == [str(other.id), mine["id"]]
        assert ids_of(buying.staff(tenant, "viewer")) == []
        hidden = anna.client.get(f"{PURCHASES}/{other.id}")
        assert hidden.content == anna.client.get(f"{PURCHASES}/{poster.id}").content

    def test_leaves_carts_out(self, anna, support, poster):
        cart = anna.cart(poster)
        assert ids_of(anna.client) == ids_of(support) == []
        anna.client.delete(f"{buying.CARTS}/{cart['id']}")
        assert ids_of(anna.client) == ids_of(support) == []
        assert anna.client.get(f"{PURCHASES}/{cart['id']}").status_code == 404

    def test_filters(self, tenant, anna, stranger, support, poster, seller):
        other_item = shop.make_item(tenant, seller)
        first = anna.buy(poster, other_item)["id"]
        second = str(buying.check_out_now(tenant, stranger.id, poster).purchase.id)

        assert ids_of(support, "?state=COMPLETED") == [first]
        assert ids_of(support, f"?user_id={stranger.id}") == [second]
        assert ids_of(support, f"?item_id={other_item.id}") == [first]
        assert ids_of(support, f"?item_id={poster.id}") == [second, first]
        assert ids_of(support, "?provider=local") == [second]
        assert ids_of(support, "?currency=EUR") == []
        made = buying.purchase_of(tenant, second).created_on
        after = (made - timedelta(microseconds=1)).isoformat().replace("+00:00", "Z")
        before = made.isoformat().replace("+00:00", "Z")
        assert ids_of(support, f"?created_after={after}") == [second]
        assert ids_of(support, f"?created_before={before}") == [first]
        assert ids_of(support, "?ordering=id&page_size=1") == [first]

    @pytest.mark.parametrize(
        "query", ["state=CART", "state=x", "item_id=1", "created_after=soon", "colour=red"]
    )
    def test_names_what_it_does_not_know(self, anna, query):
        refused = anna.client.get(f"{PURCHASES}?{query}")
        assert refused.status_code == 400
        assert query.partition("=")[0] in refused.content.decode()

    def test_expands_the_buyer(self, anna, buyer, poster):
        anna.buy(poster)
        rows = anna.client.get(f"{PURCHASES}?expand=user&fields=id,total").json()["results"]
        assert rows[0]["user"]["display_name"] == buyer.display_name
        assert rows[0]["total"] == 1_000

    @pytest.mark.parametrize("count", [1, 4])
    def test_takes_as_many_queries_for_many_as_for_one(
        self, tenant, anna, poster, count, django_assert_max_num_queries
    ):
        from django.db import connections

        for _ in range(count):
            anna.buy(poster, poster)
        with django_assert_max_num_queries(6, connection=connections["commerce"]):
            rows = anna.client.get(f"{PURCHASES}?expand=user").json()["results"]
        assert [len(row["lines"]) for row in rows] == [2] * count

    def test_notes_what_staff_sees_of_buyers_own_notes(self, tenant, anna, support, poster):
        cart = anna.cart()
        anna.put(cart["id"], poster, metadata={"dedication": "For Bo"})
        anna.client.patch(
            f"{buying.CARTS}/{cart['id']}", {"metadata": {"note": "Bo"}}, format="json"
        )
        bought = anna.check_out(cart).json()
        url = f"{PURCHASES}/{bought['id']}"

        anna.client.get(url)
        support.get(f"{url}?fields=id,total")
        assert self._looks(tenant) == set()
        support.get(url)
        assert self._looks(tenant) == {bought["id"], bought["lines"][0]["id"]}

    @staticmethod
    def _looks(tenant):
        with binding.bind(tenant):
            rows = AuditEntry.objects.using("commerce").filter(action="READ")
            return set(rows.values_list("entity_id", flat=True))

    def test_tells_who_has_it_that_nothing_changed(self, anna, poster):
        bought = anna.buy(poster)
        url = f"{PURCHASES}/{bought['id']}"
        etag = anna.client.get(url)["ETag"]
        assert anna.client.get(url, headers={"If-None-Match": etag}).status_code == 304
