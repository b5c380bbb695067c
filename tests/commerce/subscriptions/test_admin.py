"""What a tenant's staff sees of subscriptions in the admin, and may do there."""

import pytest
from django.utils import timezone

from apps.commerce.models import (
    ContentSeries,
    Entitlement,
    Subscription,
    SubscriptionPlan,
    TestClock,
)
from apps.commerce.operations import entitlements
from apps.tenancy import binding
from tests.api import signed_in
from tests.commerce import shop
from tests.commerce.subscriptions import timeline
from tests.commerce.subscriptions.timeline import START

PAGES = ["contentseries", "entitlement", "subscription", "subscriptionplan", "testclock"]


def page(name, *parts):
    return "/".join(["/admin/commerce", name, *(str(part) for part in parts), ""])


@pytest.fixture
def subscription(tenant, buyer, wallet, seller, clock):
    series = timeline.make_series(tenant, seller)
    plan = timeline.make_plan(tenant, seller, opens=[series])
    return timeline.subscribe(tenant, buyer, plan)[0]


def act(client, action, *rows, name="subscription"):
    return client.post(
        page(name), {"action": action, "_selected_action": [str(row.id) for row in rows]}
    )


class TestPages:
    def test_of_people_are_shown_to_support_and_the_clock_to_admins(self, tenant, subscription):
        viewer, support, admin = (
            signed_in(tenant, role) for role in ("viewer", "support", "admin")
        )

        for name in PAGES:
            assert admin.get(page(name)).status_code == 200
            expected = 403 if name == "testclock" else 200
            assert support.get(page(name)).status_code == expected
            hidden = name in {"testclock", "subscription", "entitlement"}
            assert viewer.get(page(name)).status_code == (403 if hidden else 200)
        assert admin.get(page("subscription", subscription.id, "change")).status_code == 200
        plan_page = page("subscriptionplan", subscription.plan_id, "change")
        assert admin.get(plan_page).status_code == 200

    def test_of_plans_and_series_change_and_hide_them(self, tenant, subscription):
        editor, admin = signed_in(tenant, "editor"), signed_in(tenant, "admin")
        with binding.bind(tenant):
            series = ContentSeries.objects.get()
        url = page("contentseries", series.id, "change")
        assert editor.post(url, {"name": "Front row", "description": ""}).status_code == 302
        plan_form = {
            "name": "Inner circle",
            "description": "",
            "price": 1_200,
            "trial_days": 3,
            "auto_expires": "",
            "series-TOTAL_FORMS": 0,
            "series-INITIAL_FORMS": 0,
        }
        url = page("subscriptionplan", subscription.plan_id, "change")
        assert editor.post(url, plan_form).status_code == 302
        with binding.bind(tenant):
            plan = SubscriptionPlan.objects.get()
            assert (plan.name, plan.price, plan.is_active) == ("Inner circle", 1_200, False)
            assert plan.updated_at == START
            assert ContentSeries.objects.get().name == "Front row"

        for name, row in (("contentseries", series), ("subscriptionplan", plan)):
            deleted = admin.post(page(name, row.id, "delete"), {"post": "yes"})
            assert deleted.status_code == 302

        with binding.bind(tenant):
            assert SubscriptionPlan.objects.get().deleted_at == START
            assert ContentSeries.objects.get().deleted_at == START
            assert Subscription.objects.get().state == "ACTIVE"


class TestActions:
    def test_cancel(self, tenant, subscription):
        support = signed_in(tenant, "support")

        act(support, "cancel_at_period_end", subscription)
        assert timeline.read(tenant, subscription).cancel_at_period_end
        act(support, "cancel_now", subscription)

        assert timeline.read(tenant, subscription).state == "CANCELLED"

    def test_try_a_payment_again(self, tenant, buyer, subscription):
        from apps.commerce.operations import subscriptions

        timeline.advance(tenant, days=60)
        with binding.bind(tenant, writes="commerce"):
            Subscription.objects.update(price=90_000)
        timeline.advance(tenant, days=30)
        assert timeline.read(tenant, subscription).state == "PAST_DUE"
        shop.fund(tenant, buyer.id, 100_000)

        act(signed_in(tenant, "support"), "retry_payment", subscription)
        subscriptions.work_off_due(tenant=tenant)

        assert timeline.read(tenant, subscription).state == "ACTIVE"

    def test_are_not_for_viewers(self, tenant, subscription):
        act(signed_in(tenant, "viewer"), "cancel_now", subscription)

        assert timeline.read(tenant, subscription).state == "ACTIVE"


class TestEntitlements:
    def test_are_given_and_taken_back(self, tenant, buyer, subscription):
        editor = signed_in(tenant, "editor")
        with binding.bind(tenant):
            series = ContentSeries.objects.get()
        form = {"user_id": str(buyer.id), "series": str(series.id), "quantity": 1}
        form |= {"ends_at_0": "", "ends_at_1": "", "item": ""}

        assert editor.post(page("entitlement", "add"), form).status_code == 302

        with binding.bind(tenant):
            granted = Entitlement.objects.get(source="GRANT")
            other = Entitlement.objects.get(source="SUBSCRIPTION")
        url = page("entitlement", granted.id, "delete")
        assert editor.post(url, {"post": "yes"}).status_code == 302
        editor.post(page("entitlement", other.id, "delete"), {"post": "yes"})
        with binding.bind(tenant):
            assert Entitlement.objects.get(id=granted.id).revoked_at == START
            assert Entitlement.objects.get(id=other.id).revoked_at is None
        assert entitlements.NotRevocable.title

    @pytest.mark.parametrize("quantity", [0, -1])
    def test_of_nothing_are_refused_on_the_page(self, tenant, buyer, subscription, quantity):
        with binding.bind(tenant):
            series = ContentSeries.objects.get()
        form = {"user_id": str(buyer.id), "series": str(series.id), "quantity": quantity}
        form |= {"ends_at_0": "", "ends_at_1": "", "item": ""}

        refused = signed_in(tenant, "editor").post(page("entitlement", "add"), form)

        assert refused.status_code == 200
        assert b"entitlements_quantity" in refused.content
        with binding.bind(tenant):
            assert not Entitlement.objects.filter(source="GRANT").exists()


class TestTheClock:
    def test_is_set_and_deleted(self, tenant):
        timeline.allow_clock(tenant)
        admin = signed_in(tenant, "admin")
        now = timezone.now()

        form = {"time_0": now.strftime("%Y-%m-%d"), "time_1": "12:00:00"}
        assert admin.post(page("testclock", "add"), form).status_code == 302

        with binding.bind(tenant):
            there = TestClock.objects.get()
        assert there.time.hour == 12
        deleted = admin.post(page("testclock", there.id, "delete"), {"post": "yes"})
        assert deleted.status_code == 302
        with binding.bind(tenant):
            assert not TestClock.objects.exists()

    def test_is_not_deleted_from_the_list_either_while_it_moves(self, tenant, clock):
        with binding.bind(tenant, writes="commerce"):
            TestClock.objects.update(
                moving_to=START.replace(year=2028), moved_at=timezone.now(), mover_id=clock.id
            )
            there = TestClock.objects.get()
        chosen = {"action": "delete_selected", "post": "yes", "_selected_action": str(there.id)}

        refused = signed_in(tenant, "admin").post(page("testclock"), chosen, follow=True)

        assert b"Delete it when it has arrived." in refused.content
        with binding.bind(tenant):
            assert TestClock.objects.filter(id=there.id).exists()
