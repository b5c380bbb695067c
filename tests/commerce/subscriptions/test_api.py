"""The API of plans, series, subscriptions, entitlements and the test clock."""

import pytest
from django.utils import timezone

from apps.commerce.models import Subscription, SubscriptionPlan
from apps.kernel.ids import uuid7
from apps.tenancy import binding
from tests.api import Caller, client_of, errors_of
from tests.commerce import shop
from tests.commerce.subscriptions import timeline
from tests.commerce.subscriptions.timeline import START

PLANS = "/api/v1/subscription-plans"
SERIES = "/api/v1/content-series"
SUBSCRIPTIONS = "/api/v1/subscriptions"
ENTITLEMENTS = "/api/v1/entitlements"
CLOCK = "/api/v1/test-clock"


@pytest.fixture
def as_editor(tenant, seller):
    return client_of(tenant, Caller(id=seller.keycloak_id, role="editor"))


@pytest.fixture
def as_support(tenant):
    return client_of(tenant, Caller(role="support"))


@pytest.fixture
def as_admin(tenant):
    return client_of(tenant, Caller(role="admin"))


@pytest.fixture
def as_buyer(tenant, buyer):
    return client_of(tenant, Caller(id=buyer.keycloak_id))


@pytest.fixture
def as_stranger(tenant, stranger):
    return client_of(tenant, Caller(id=stranger.keycloak_id))


@pytest.fixture
def as_anybody(tenant):
    return client_of(tenant)


def plan_body(**values):
    return {"name": "Club", "recurring_payment": "MONTHLY", "price": 1_000, **values}


def body_of(plan, provider="wallet"):
    return {"plan_id": str(plan.id), "provider": provider}


class TestPlans:
    def test_are_made_changed_and_listed_with_their_series(self, as_editor, as_anybody, seller):
        one, two = (as_editor.post(SERIES, {"name": name}).json()["id"] for name in ("A", "B"))

        made = as_editor.post(PLANS, plan_body(series_ids=[one, two, one]))

        assert made.status_code == 201, made.content
        plan = made.json()
        assert plan["series_ids"] == [one, two]
        assert (plan["currency"], plan["created_by_id"]) == ("USD", str(seller.id))
        url = f"{PLANS}/{plan['id']}"
        assert made["Location"].endswith(url)
        changed = as_editor.patch(url, {"price": 900, "series_ids": [two], "auto_expires": 12})
        assert changed.status_code == 200, changed.content
        [seen] = as_anybody.get(f"{PLANS}?series_id={two}&expand=series").json()["results"]
        assert (seen["price"], seen["auto_expires"]) == (900, 12)
        assert [each["name"] for each in seen["series"]] == ["B"]
        assert as_anybody.get(f"{PLANS}?series_id={one}").json()["results"] == []

    def test_that_are_not_active_are_seen_by_editors_alone(self, as_editor, as_anybody):
        url = f"{PLANS}/{as_editor.post(PLANS, plan_body(is_active=False)).json()['id']}"

        assert as_editor.get(url).status_code == 200
        assert as_anybody.get(url).status_code == 404
        assert as_anybody.get(f"{PLANS}?is_active=false").json()["results"] == []
        assert as_editor.delete(url).status_code == 204
        assert as_editor.get(url).status_code == 404
        assert as_editor.patch(url, {"price": 1}).status_code == 404

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": "a\x00"}, "name"),
            ({"price": -1}, "price"),
            ({"price": 10**12 + 1}, "price"),
            ({"price": "much"}, "price"),
            ({"currency": "usd"}, "currency"),
            ({"currency": "ZZZ"}, "currency"),
            ({"recurring_payment": "DAILY"}, "recurring_payment"),
            ({"auto_expires": 0}, "auto_expires"),
            ({"auto_expires": 10**9}, "auto_expires"),
            ({"trial_days": -1}, "trial_days"),
            ({"trial_days": 10**9}, "trial_days"),
            ({"series_ids": ["none"]}, "series_ids.0"),
            ({"series_ids": [str(uuid7())]}, "series_ids"),
            ({"colour": "red"}, "colour"),
        ],
    )
    def test_refuse_what_makes_no_sense(self, as_editor, values, field):
        response = as_editor.post(PLANS, plan_body(**values))

        assert response.status_code == 400
        assert errors_of(response) == {field}

    def test_keep_how_often_and_in_which_currency_they_are_paid(self, as_editor):
        url = f"{PLANS}/{as_editor.post(PLANS, plan_body()).json()['id']}"

        for change in ({"currency": "EUR"}, {"recurring_payment": "YEARLY"}):
            response = as_editor.patch(url, change)
            assert response.status_code == 400
            assert errors_of(response) == set(change)

    def test_lists_take_as_many_queries_for_many_as_for_one(self, tenant, seller, as_anybody):
        for number in range(5):
            series = timeline.make_series(tenant, seller, f"S{number}")
            timeline.make_plan(tenant, seller, opens=[series])

        response = as_anybody.get(f"{PLANS}?expand=series,created_by")

        assert [len(row["series"]) for row in response.json()["results"]] == [1] * 5


@pytest.mark.usefixtures("clock")
class TestSubscriptions:
    def test_are_subscribed_to_and_read(self, as_buyer, buyer, wallet, plan):
        made = as_buyer.post(SUBSCRIPTIONS, body_of(plan))

        assert made.status_code == 201, made.content
        row = made.json()
        assert (row["state"], row["price"], row["payment"]) == ("ACTIVE", 1_000, None)
        assert row["user_id"] == str(buyer.id)
        url = f"{SUBSCRIPTIONS}/{row['id']}"
        assert made["Location"].endswith(url)
        assert as_buyer.get(f"{url}?expand=plan,user").json()["plan"]["name"] == "Fan club"
        [period] = as_buyer.get(f"{url}/periods").json()["results"]
        assert (period["number"], period["amount"]) == (1, 1_000)

    def test_of_one_key_are_one(self, tenant, as_buyer, wallet, plan):
        replies = [
            as_buyer.post(SUBSCRIPTIONS, body_of(plan), headers={"Idempotency-Key": "one"})
            for _ in range(2)
        ]

        assert [reply.status_code for reply in replies] == [201, 201]
        assert replies[0].content == replies[1].content
        assert shop.balance(tenant, wallet) == (9_000, 0)

    def test_are_paid_by_a_provider(self, as_buyer, plan, settings):
        settings.LOCAL_PAYMENTS = True

        row = as_buyer.post(SUBSCRIPTIONS, body_of(plan, "local")).json()

        assert (row["state"], row["payment"]["state"]) == ("ACTIVE", "SUCCEEDED")

    def test_wait_for_a_payment_that_waits(self, tenant, as_buyer, seller, settings):
        settings.LOCAL_PAYMENTS = True
        plan = timeline.make_plan(tenant, seller, price=1_003)

        replies = [as_buyer.post(SUBSCRIPTIONS, body_of(plan, "local")).json() for _ in range(2)]

        assert [row["state"] for row in replies] == ["INCOMPLETE"] * 2
        assert replies[0]["payment"]["id"] == replies[1]["payment"]["id"]
        assert replies[0]["payment"]["client_secret"]

    def test_go_through_their_life(self, tenant, as_buyer, wallet, plan, seller):
        url = f"{SUBSCRIPTIONS}/{as_buyer.post(SUBSCRIPTIONS, body_of(plan)).json()['id']}"
        dear = timeline.make_plan(tenant, seller, price=2_000)

        changed = as_buyer.post(f"{url}/change-plan", {"plan_id": str(dear.id)})
        assert changed.status_code == 200, changed.content
        assert (changed.json()["price"], changed.json()["payment"]) == (2_000, None)
        leaving = as_buyer.post(f"{url}/cancel", {"at_period_end": True}).json()
        assert (leaving["state"], leaving["cancel_at_period_end"]) == ("ACTIVE", True)
        assert as_buyer.post(f"{url}/resume").json()["cancel_at_period_end"] is False
        assert as_buyer.post(f"{url}/pay").status_code == 409
        assert as_buyer.post(f"{url}/cancel").json()["state"] == "CANCELLED"
        for action in ("cancel", "resume", "pay"):
            assert as_buyer.post(f"{url}/{action}").status_code == 409
        gone = as_buyer.post(f"{url}/change-plan", {"plan_id": str(plan.id)})
        assert gone.status_code == 409

    def test_that_are_past_due_are_paid(self, tenant, as_buyer, buyer, plan):
        shop.fund(tenant, buyer.id, 1_000)
        url = f"{SUBSCRIPTIONS}/{as_buyer.post(SUBSCRIPTIONS, body_of(plan)).json()['id']}"
        timeline.advance(tenant, days=28)
        assert as_buyer.post(f"{url}/pay").json()["type"].endswith("insufficient-funds")
        shop.fund(tenant, buyer.id, 1_000)

        paid = as_buyer.post(f"{url}/pay")

        assert (paid.status_code, paid.json()["state"]) == (200, "ACTIVE")

    @pytest.mark.parametrize(
        ("values", "field"),
        [
            ({"plan_id": "none"}, "plan_id"),
            ({"plan_id": str(uuid7())}, "plan_id"),
            ({"provider": "bank"}, "provider"),
            ({"user_id": str(uuid7())}, "user_id"),
        ],
        ids=["no id", "nobody's plan", "no provider", "for another"],
    )
    def test_refuse_what_makes_no_sense(self, as_buyer, plan, values, field):
        response = as_buyer.post(SUBSCRIPTIONS, {**body_of(plan), **values})

        assert response.status_code == 400
        assert errors_of(response) == {field}

    def test_are_refused_where_there_is_no_money_or_no_profile(self, tenant, as_buyer, plan):
        poor = as_buyer.post(SUBSCRIPTIONS, body_of(plan))
        nobody = client_of(tenant, Caller()).post(SUBSCRIPTIONS, body_of(plan))

        assert poor.json()["type"].endswith("insufficient-funds")
        assert nobody.json()["type"].endswith("no-profile")
        assert (poor.status_code, nobody.status_code) == (409, 409)

    def test_are_their_own_and_the_supports(
        self, as_buyer, as_stranger, as_support, as_anybody, wallet, plan, buyer
    ):
        id_ = as_buyer.post(SUBSCRIPTIONS, body_of(plan)).json()["id"]
        url = f"{SUBSCRIPTIONS}/{id_}"
        nowhere = f"{SUBSCRIPTIONS}/{uuid7()}"

        assert as_stranger.get(SUBSCRIPTIONS).json()["results"] == []
        for path in ("", "/periods"):
            refused = as_stranger.get(url + path)
            assert refused.status_code == 404
            assert refused.content == as_stranger.get(nowhere + path).content
        for action in ("cancel", "resume", "pay"):
            assert as_stranger.post(f"{url}/{action}").status_code == 404
        change = {"plan_id": str(plan.id)}
        assert as_stranger.post(f"{url}/change-plan", change).status_code == 404
        assert as_anybody.get(SUBSCRIPTIONS).status_code == 401
        for query in ("", f"?user_id={buyer.id}", "?state=ACTIVE", f"?plan_id={plan.id}"):
            [row] = as_support.get(SUBSCRIPTIONS + query).json()["results"]
            assert row["id"] == id_
        assert as_support.get(f"{SUBSCRIPTIONS}?is_live=false").json()["results"] == []
        assert as_support.post(f"{url}/pay").json()["type"].endswith("not-yours")
        assert as_support.post(f"{url}/change-plan", change).status_code == 403
        assert as_support.post(f"{url}/cancel", {"at_period_end": True}).status_code == 200
        assert as_support.post(f"{url}/resume").json()["type"].endswith("not-yours")
        assert as_buyer.get(url).json()["cancel_at_period_end"] is True

    def test_are_refunded_by_the_staff_alone(self, tenant, as_buyer, as_support, wallet, plan):
        url = f"{SUBSCRIPTIONS}/{as_buyer.post(SUBSCRIPTIONS, body_of(plan)).json()['id']}"
        refund = {"refund": "prorated"}

        assert as_buyer.post(f"{url}/cancel", refund).json()["type"].endswith("refund-by-staff")
        both = as_support.post(f"{url}/cancel", {**refund, "at_period_end": True})
        assert errors_of(both) == {"refund"}
        assert as_support.post(f"{url}/cancel", refund).status_code == 200

        assert shop.balance(tenant, wallet) == (10_000, 0)

    def test_are_another_tenants_business(self, tenant, rival, buyer, wallet, plan, as_buyer):
        id_ = as_buyer.post(SUBSCRIPTIONS, body_of(plan)).json()["id"]
        there = client_of(rival, Caller(role="owner"))

        assert there.get(f"{SUBSCRIPTIONS}/{id_}").status_code == 404
        assert there.get(SUBSCRIPTIONS).json()["results"] == []
        assert there.post(f"{SUBSCRIPTIONS}/{id_}/cancel").status_code == 404
        assert there.get(f"{PLANS}/{plan.id}").status_code == 404

    def test_lists_are_read_without_a_query_per_row(self, tenant, as_support, seller, plan):
        with binding.bind(tenant, writes="commerce"):
            free = SubscriptionPlan.objects.create(
                name="Free", recurring_payment="WEEKLY", price=0, created_by_id=seller.id
            )
        for _ in range(4):
            timeline.subscribe(tenant, shop.make_buyer(tenant), free)

        rows = as_support.get(f"{SUBSCRIPTIONS}?expand=plan,user").json()["results"]

        assert [row["plan"]["id"] for row in rows] == [str(free.id)] * 4
        with binding.bind(tenant):
            assert Subscription.objects.count() == 4


class TestEntitlements:
    def test_are_given_seen_and_taken_back(
        self, tenant, as_editor, as_buyer, as_stranger, as_support, buyer, seller
    ):
        series = timeline.make_series(tenant, seller)
        body = {"user_id": str(buyer.id), "series_id": str(series.id)}

        made = as_editor.post(ENTITLEMENTS, body)

        assert made.status_code == 201, made.content
        [row] = as_buyer.get(f"{ENTITLEMENTS}?expand=series&is_current=true").json()["results"]
        assert (row["source"], row["series"]["name"]) == ("GRANT", "Backstage")
        url = f"{ENTITLEMENTS}/{row['id']}"
        assert as_stranger.get(url).status_code == 404
        assert as_stranger.get(ENTITLEMENTS).json()["results"] == []
        seen = as_support.get(f"{ENTITLEMENTS}?user_id={buyer.id}&source=GRANT").json()
        assert len(seen["results"]) == 1
        for client in (as_buyer, as_support):
            assert client.delete(url).status_code == 403
            assert client.post(ENTITLEMENTS, body).status_code == 403
        assert as_editor.delete(url).status_code == 204
        assert as_buyer.get(f"{ENTITLEMENTS}?is_current=true").json()["results"] == []
        assert as_buyer.get(url).json()["revoked_at"] is not None

    def test_refuse_what_makes_no_sense(self, tenant, as_editor, buyer, seller):
        item = shop.make_item(tenant, seller)
        for values, fields in (
            ({}, {"item_id"}),
            ({"item_id": str(uuid7())}, {"item_id"}),
            ({"item_id": str(item.id), "quantity": 0}, {"quantity"}),
            ({"item_id": str(item.id), "quantity": 10**10}, {"quantity"}),
            ({"item_id": str(item.id), "ends_at": "2001-01-01T00:00:00Z"}, {"ends_at"}),
            ({"item_id": str(item.id), "ends_at": "never"}, {"ends_at"}),
            ({"item_id": str(item.id), "user_id": str(uuid7())}, {"user_id"}),
        ):
            response = as_editor.post(ENTITLEMENTS, {"user_id": str(buyer.id), **values})
            assert response.status_code == 400, response.content
            assert errors_of(response) == fields


class TestTheTestClock:
    def test_takes_a_subscription_through_thirteen_renewals_in_one_call(
        self, tenant, as_admin, as_buyer, buyer, wallet, plan
    ):
        shop.fund(tenant, buyer.id, 10_000)
        timeline.allow_clock(tenant)
        assert as_admin.get(CLOCK).status_code == 404
        put = as_admin.put(CLOCK, {"time": START.isoformat()})
        assert put.status_code == 200, put.content
        url = f"{SUBSCRIPTIONS}/{as_buyer.post(SUBSCRIPTIONS, body_of(plan)).json()['id']}"

        moved = as_admin.post(f"{CLOCK}/advance", {"to": "2028-02-29T12:00:00Z"})

        assert moved.status_code == 200, moved.content
        assert moved.json()["time"].startswith("2028-02-29T12:00:00")
        assert moved.json()["moving_to"] is None
        assert as_buyer.get(url).json()["period"] == 14
        assert as_admin.delete(CLOCK).status_code == 204
        assert as_admin.delete(CLOCK).status_code == 404

    def test_is_for_admins_of_tenants_that_are_allowed_to(self, tenant, as_admin, as_editor):
        body = {"time": START.isoformat()}
        assert as_admin.put(CLOCK, body).json()["type"].endswith("test-clock-not-allowed")
        timeline.allow_clock(tenant)

        assert as_editor.get(CLOCK).status_code == 403
        assert as_editor.put(CLOCK, body).status_code == 403
        assert as_editor.delete(CLOCK).status_code == 403
        assert as_editor.post(f"{CLOCK}/advance", {"to": START.isoformat()}).status_code == 403
        assert as_admin.post(f"{CLOCK}/advance", {"to": START.isoformat()}).status_code == 404

    @pytest.mark.parametrize(
        "to", [None, "", "soon", "2027-01-31T11:59:59Z", "2099-01-01T00:00:00Z", 7]
    )
    def test_refuses_what_is_no_later_time(self, tenant, as_admin, to):
        timeline.set_clock(tenant)

        response = as_admin.post(f"{CLOCK}/advance", {"to": to}, format="json")

        assert response.status_code == 400
        assert errors_of(response) == {"to"}
        assert as_admin.put(CLOCK, {"time": to}, format="json").status_code in {400, 409}

    def test_that_moves_is_not_moved(self, tenant, as_admin):
        timeline.set_clock(tenant)
        with binding.bind(tenant, writes="commerce"):
            timeline.TestClock.objects.update(moving_to=START, moved_at=timezone.now())

        refused = as_admin.post(f"{CLOCK}/advance", {"to": START.isoformat()})

        assert refused.status_code == 409
        assert refused.json()["type"].endswith("test-clock-moving")
