"""People who are erased: nothing personal of theirs is left, and the books stay."""

import pytest
from django.utils import timezone

from apps.commerce.models import (
    DomainEvent,
    InventoryItem,
    ProviderCustomer,
    Purchase,
    PurchaseLine,
    PurchaseRecipient,
    RestrictedUser,
    Subscription,
    SubscriptionPlan,
    UserWallet,
)
from apps.commerce.operations import subscriptions
from apps.commerce.ports import personal
from apps.kernel.ids import uuid7
from apps.tenancy import binding, erasure, relay
from apps.users import operations as users
from tests.commerce import shop
from tests.commerce.purchases import buying
from tests.platform.crowd import person


@pytest.fixture
def ann(tenant):
    """Somebody with 100 dollars."""
    somebody = person(tenant)
    shop.fund(tenant, somebody.id, 10_000)
    return somebody


@pytest.fixture
def traces(tenant, ann, seller):
    """A purchase with notes and a recipient, a cart, a provider's name for her, and a subscription."""
    item = shop.make_item(tenant, seller)
    now = timezone.now()
    with binding.bind(tenant, writes="commerce"):
        bought = Purchase.objects.create(
            user_id=ann.id, currency="USD", metadata={"note": "for Ann's mother"}
        )
        Purchase.objects.filter(id=bought.id).update(state="PENDING", expires_at=now)
        Purchase.objects.filter(id=bought.id).update(state="COMPLETED", completed_at=now)
        line = PurchaseLine.objects.create(
            purchase=bought,
            item=item,
            quantity=1,
            unit_price=1_000,
            total=1_000,
            metadata={"text": "Happy birthday, Ann"},
        )
        id_ = uuid7()
        sealed = personal.seal({"first_name": "Bo"}, tenant_id=tenant.id, row_id=id_)
        PurchaseRecipient.objects.create(id=id_, purchase=bought, line=line, sealed=sealed)
        Purchase.objects.create(user_id=ann.id, currency="USD")
        ProviderCustomer.objects.create(
            provider="stripe", user_id=ann.id, provider_customer_id="cus_ann"
        )
        plan = SubscriptionPlan.objects.create(
            name="Front Row", recurring_payment="MONTHLY", price=900, created_by_id=seller.id
        )
        subscriptions.subscribe(
            user_id=ann.id, plan_id=plan.id, provider="wallet", subscribed_at=now
        )


def left(tenant, somebody):
    """What commerce still has of somebody that is theirs."""
    with binding.bind(tenant):
        own = Purchase.objects.filter(user_id=somebody.id)
        return {
            "states": sorted(own.values_list("state", flat=True)),
            "notes": [p.metadata for p in own if p.metadata],
            "texts": [
                line.metadata
                for line in PurchaseLine.objects.filter(purchase__user_id=somebody.id)
                if line.metadata
            ],
            "recipients": PurchaseRecipient.objects.count(),
            "customers": ProviderCustomer.objects.filter(user_id=somebody.id).count(),
            "subscriptions": list(
                Subscription.objects.filter(user_id=somebody.id).values_list("state", "due_at")
            ),
        }


GONE = {
    "states": ["CANCELLED", "COMPLETED"],
    "notes": [],
    "texts": [],
    "recipients": 0,
    "customers": 0,
    "subscriptions": [("CANCELLED", None)],
}


def erase(tenant, somebody):
    return erasure.erase_in_tenant(
        tenant=tenant, person_id=somebody.keycloak_id, erased_at=timezone.now()
    )


class TestErasing:
    def test_takes_what_is_personal_and_ends_what_goes_on(self, tenant, ann, traces):
        before = left(tenant, ann)
        assert (len(before["notes"]), len(before["texts"]), before["customers"]) == (1, 1, 1)

        removed = {line.table for line in erase(tenant, ann) if line.database == "commerce"}

        assert left(tenant, ann) == GONE
        assert removed >= {
            "checkout_purchase_recipients", "provider_customers", "purchases", "subscriptions",
        }  # fmt: skip

    def test_drops_carts_with_all_that_is_in_them(self, tenant, ann, seller):
        poster = shop.make_item(tenant, seller)
        cart = buying.shopper(tenant, ann).cart(poster)

        erase(tenant, ann)

        with binding.bind(tenant):
            dropped = Purchase.objects.get(id=cart["id"])
            assert not PurchaseLine.objects.exists()
        assert (dropped.state, dropped.total) == ("CANCELLED", 0)

    @pytest.mark.parametrize("provider", ["wallet", "local"])
    def test_frees_what_was_set_aside_for_what_waits(self, tenant, ann, seller, settings, provider):
        settings.LOCAL_PAYMENTS = True
        poster = shop.make_item(tenant, seller, quantity=3)
        later = {"is_captured_later": True} if provider == "wallet" else {}
        bought = buying.check_out_now(tenant, ann.id, poster, provider=provider, **later).purchase
        assert (bought.state, buying.stock_of(tenant, poster)) == ("PENDING", (1, 0))

        erase(tenant, ann)

        with binding.bind(tenant):
            assert Purchase.objects.get(id=bought.id).state == "CANCELLED"
            wallet = UserWallet.objects.get(user_id=ann.id)
        assert shop.balance(tenant, wallet) == (10_000, 0)
        buying.assert_adds_up(tenant)
        assert buying.stock_of(tenant, poster) == (0, 0)

    def test_takes_them_off_the_lists_of_whom_items_are_not_sold_to(
        self, tenant, ann, seller, stranger
    ):
        poster = shop.make_item(tenant, seller)
        with binding.bind(tenant, writes="commerce"):
            for each in (ann, stranger):
                RestrictedUser.objects.create(item=poster, user_id=each.id)

        erase(tenant, ann)

        with binding.bind(tenant):
            assert RestrictedUser.objects.get().user_id == stranger.id

    def test_once_more_changes_nothing(self, tenant, ann, traces):
        erase(tenant, ann)

        assert [line for line in erase(tenant, ann) if line.database == "commerce"] == []

    def test_keeps_the_books(self, tenant, ann, traces):
        erase(tenant, ann)

        assert shop.trial_balance(tenant) == {"USD": 0}
        with binding.bind(tenant):
            wallet = UserWallet.objects.get(user_id=ann.id)
        assert shop.balance(tenant, wallet) == (9_100, 0)

    def test_comes_by_message_from_who_erases_themselves(self, tenant, ann, traces):
        with binding.bind(tenant, writes="users"):
            users.erase_person(keycloak_id=ann.keycloak_id, erased_at=timezone.now())
        relay.relay(tenant=tenant, context="users")

        assert left(tenant, ann) == GONE

    def test_spares_others(self, tenant, ann, traces):
        stranger = person(tenant)
        before = left(tenant, ann)
        erase(tenant, stranger)

        assert left(tenant, ann) == before

    def test_takes_what_they_sell_off_sale(self, tenant, seller, traces):
        erase(tenant, seller)

        with binding.bind(tenant):
            item = InventoryItem.objects.get()
            told = DomainEvent.objects.filter(kind="commerce.ItemChanged").last()
        assert (item.state, item.deleted_at is not None) == ("ARCHIVED", True)
        assert told.payload["change"] == "DELETED"
