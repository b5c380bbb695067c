"""What commerce tells the others: buyers hear of their purchases, and what is for sale is found."""

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.commerce import contracts
from apps.commerce.models import InventoryItem, ItemTag, SubscriptionPlan, VirtualCurrency
from apps.kernel import messages
from apps.kernel.ids import uuid7
from apps.platform.models import Notification, SearchDocument, StreamEvent
from apps.tenancy import binding, caching, relay
from apps.users import operations as users
from apps.users.models import Preferences
from tests.api import Caller, client_of
from tests.commerce import shop
from tests.factories import TagFactory
from tests.platform.crowd import person

SEARCH = "/api/v1/search"


def record(tenant, *told):
    """Record messages of commerce, as its operations do."""
    with binding.bind(tenant, writes="commerce"):
        messages.record_all(told)


def deliver(tenant):
    for context in ("commerce", "users", "platform"):
        relay.relay(tenant=tenant, context=context)


def told(tenant, somebody):
    """What somebody was told in the app, the oldest first: topic, subject, body."""
    with binding.bind(tenant):
        rows = Notification.objects.filter(user_id=somebody.id, channel="IN_APP").order_by("id")
        return [(row.topic, row.subject, row.body) for row in rows]


def streamed(tenant, somebody):
    with binding.bind(tenant):
        rows = StreamEvent.objects.filter(audience_id=somebody.id).order_by("position")
        return [row.kind for row in rows if not row.kind.startswith("notification.")]


def completed(somebody, total=1_250, currency="USD"):
    return contracts.PurchaseCompleted(
        purchase_id=uuid7(),
        user_id=somebody.id,
        total=total,
        currency=currency,
        line_ids=(uuid7(),),
        item_ids=(uuid7(),),
        item_types=("PRODUCT",),
        quantities=(1,),
        completed_at=timezone.now(),
    )


@pytest.fixture
def ann(tenant):
    return person(tenant)


class TestBuyers:
    def test_are_thanked_once(self, tenant, ann):
        record(tenant, completed(ann))
        deliver(tenant)
        deliver(tenant)

        assert told(tenant, ann) == [
            (
                "purchases",
                "Thank you for your purchase",
                f"You have paid 12.50 USD on {tenant.name}.",
            )
        ]
        assert streamed(tenant, ann) == ["purchase.completed"]

    def test_are_not_thanked_for_what_is_free(self, tenant, ann):
        record(tenant, completed(ann, total=0))
        deliver(tenant)

        assert told(tenant, ann) == []
        assert streamed(tenant, ann) == ["purchase.completed"]

    @pytest.mark.parametrize(
        ("currency", "shown"), [("JPY", "1250 JPY"), ("KWD", "1.250 KWD"), ("QTC", "125.0 QTC")]
    )
    def test_see_amounts_as_their_currency_has_them(self, tenant, ann, currency, shown):
        with binding.bind(tenant, writes="commerce"):
            VirtualCurrency.objects.create(code="QTC", name="Coins", decimals=1)
        record(tenant, completed(ann, currency=currency))
        deliver(tenant)

        assert shown in told(tenant, ann)[0][2]

    def test_hear_of_refunds_in_their_language(self, tenant, ann):
        with binding.bind(tenant, writes="users"):
            Preferences.objects.create(profile_id=ann.id, locale="de", time_zone="UTC")
        refund = {"purchase_id": uuid7(), "user_id": ann.id, "currency": "USD"}
        record(
            tenant,
            contracts.PurchaseRefunded(
                **refund, refund_id=uuid7(), amount=300, refunded=300, is_full=False
            ),
            contracts.PurchaseRefunded(
                **refund, refund_id=None, amount=0, refunded=0, is_full=True
            ),
        )
        deliver(tenant)

        assert [row[1] for row in told(tenant, ann)] == ["3.00 USD wurden erstattet"]
        assert streamed(tenant, ann) == ["purchase.refunded"] * 2

    def test_hear_nothing_of_others(self, tenant, rival, ann):
        stranger, other = person(tenant), person(rival)
        record(tenant, completed(ann))
        deliver(tenant)
        deliver(rival)

        assert told(tenant, stranger) == told(rival, other) == []

    def test_have_a_say_in_it(self, tenant, ann):
        choice = [{"topic": "purchases", "channel": "IN_APP", "frequency": "NEVER"}]
        reply = ann.client.put("/api/v1/notification-preferences", {"preferences": choice})
        assert reply.status_code == 200, reply.content
        record(tenant, completed(ann))
        deliver(tenant)

        assert told(tenant, ann) == []


class TestSubscribers:
    @pytest.mark.parametrize(
        ("change", "state", "subject"),
        [
            ("STARTED", "ACTIVE", None),
            ("RENEWED", "ACTIVE", None),
            ("TO_BE_CANCELLED", "ACTIVE", None),
            ("PAST_DUE", "PAST_DUE", "Front Row could not be renewed"),
            ("RECOVERED", "ACTIVE", "Front Row goes on"),
            ("CANCELLED", "CANCELLED", "Front Row was cancelled"),
            ("EXPIRED", "EXPIRED", "Front Row has ended"),
        ],
    )
    def test_hear_what_they_have_not_done_themselves(
        self, tenant, ann, seller, change, state, subject
    ):
        with binding.bind(tenant, writes="commerce"):
            plan = SubscriptionPlan.objects.create(
                name="Front Row", recurring_payment="MONTHLY", price=900, created_by_id=seller.id
            )
        record(
            tenant,
            contracts.SubscriptionChanged(
                subscription_id=uuid7(),
                user_id=ann.id,
                plan_id=plan.id,
                change=change,
                state=state,
                current_period_end=timezone.now(),
            ),
        )
        deliver(tenant)

        assert [row[1] for row in told(tenant, ann)] == ([subject] if subject else [])
        assert streamed(tenant, ann) == ["subscription.changed"]


def found(client, query="", **parameters):
    reply = client.get(SEARCH, {"q": query, **parameters})
    assert reply.status_code == 200, reply.content
    return [row["title"] for row in reply.json()["results"]]


def change(tenant, item, what="CHANGED", **values):
    """Change an item, and tell of it, as its operations do."""
    with binding.bind(tenant, writes="commerce"):
        InventoryItem.objects.filter(id=item.id).update(**values)
        messages.record(
            contracts.ItemChanged(
                item_id=item.id, change=what, state=values.get("state", item.state)
            )
        )
    deliver(tenant)


class TestSearch:
    @pytest.fixture
    def item(self, tenant, seller):
        made = shop.make_item(
            tenant, seller, name="Wool scarf", keywords=["knitwear"], description="Warm."
        )
        change(tenant, made, "CREATED")
        return made

    @pytest.fixture
    def anybody(self, tenant):
        return client_of(tenant)

    def test_finds_what_is_for_sale(self, item, anybody):
        for query in ("scarf", "knitwear", "warm", "scarff"):
            assert found(anybody, query) == ["Wool scarf"]
        row = anybody.get(SEARCH, {"q": "scarf"}).json()["results"][0]
        assert (row["kind"], row["entity_id"]) == ("commerce.InventoryItem", str(item.id))

    def test_filters_by_kind_and_tag(self, tenant, item, anybody):
        with binding.bind(tenant, writes="platform"):
            tag = TagFactory(name="Winter")
        with binding.bind(tenant, writes="commerce"):
            ItemTag.objects.create(item=item, tag_id=tag.id)
        change(tenant, item)

        assert found(anybody, "scarf", kind="commerce.InventoryItem") == ["Wool scarf"]
        assert found(anybody, "scarf", kind="users.Profile") == []
        assert found(anybody, tag=str(tag.id)) == ["Wool scarf"]
        assert found(anybody, "scarf", tag=str(uuid7())) == []

    @pytest.mark.parametrize("state", ["PAUSED", "ARCHIVED"])
    def test_shows_staff_alone_what_is_not_for_sale(self, tenant, item, anybody, state):
        staff = client_of(tenant, Caller(role="viewer"))
        change(tenant, item, state=state)

        assert found(anybody, "scarf") == []
        assert found(client_of(tenant, Caller()), "scarf") == []
        assert found(staff, "scarf") == ["Wool scarf"]

    def test_forgets_what_is_deleted(self, tenant, item, anybody):
        change(tenant, item, "DELETED", deleted_at=timezone.now())

        assert found(client_of(tenant, Caller(role="owner")), "scarf") == []
        with binding.bind(tenant):
            assert not SearchDocument.objects.filter(entity_id=item.id).exists()

    def test_is_rebuilt_by_a_replay(self, tenant, item, anybody):
        with binding.bind(tenant):
            before = list(SearchDocument.objects.order_by("id").values("id", "title", "version"))
        with binding.bind(tenant, writes="platform"):
            SearchDocument.objects.all().delete()
        assert found(anybody, "scarf") == []

        call_command(
            "replay_messages", "--handler", "platform.index_search", "--tenant", tenant.slug
        )
        deliver(tenant)

        with binding.bind(tenant):
            after = list(SearchDocument.objects.order_by("id").values("id", "title", "version"))
        assert {"Wool scarf"} <= {row["title"] for row in after}
        assert [row for row in after if row["title"] == "Wool scarf"] == [
            row for row in before if row["title"] == "Wool scarf"
        ]

    def test_keeps_tenants_apart(self, rival, item):
        deliver(rival)

        assert found(client_of(rival, Caller(role="owner")), "scarf") == []

    def test_forgets_what_somebody_sold_who_is_erased(self, tenant, seller, item, anybody):
        with binding.bind(tenant, writes="users"):
            users.erase_person(keycloak_id=seller.keycloak_id, erased_at=timezone.now())
        deliver(tenant)
        deliver(tenant)

        assert found(client_of(tenant, Caller(role="owner")), "scarf") == []
        with binding.bind(tenant):
            kept = InventoryItem.objects.get(id=item.id)
        assert (kept.state, kept.deleted_at is None) == ("ARCHIVED", False)


class TestCachedLists:
    @pytest.fixture(autouse=True)
    def emptied(self):
        caching.leave_near()

    def listed(self, tenant):
        reply = client_of(tenant).get("/api/v1/items")
        assert reply.status_code == 200, reply.content
        return [row["name"] for row in reply.json()["results"]]

    def test_are_made_once_and_anew_after_a_change(self, tenant, seller):
        item = shop.make_item(tenant, seller, name="Scarf")
        assert self.listed(tenant) == ["Scarf"]
        with binding.bind(tenant, writes="commerce"):
            # Past the operations, which would have told of it.
            InventoryItem.objects.update(name="Hat")
        assert self.listed(tenant) == ["Scarf"]

        with binding.bind(tenant, writes="commerce"):
            messages.record(
                contracts.ItemChanged(item_id=item.id, change="CHANGED", state="ACTIVE")
            )

        assert self.listed(tenant) == ["Hat"]

    def test_are_each_tenant_s_own(self, tenant, rival, seller):
        shop.make_item(tenant, seller, name="Scarf")

        assert self.listed(tenant) == ["Scarf"]
        assert self.listed(rival) == []

    def test_are_not_for_those_who_are_known(self, tenant, seller):
        shop.make_item(tenant, seller, name="Scarf", state="DRAFT")
        editor = client_of(tenant, Caller(role="editor"))
        self.listed(tenant)

        assert editor.get("/api/v1/items").json()["results"][0]["name"] == "Scarf"
        assert self.listed(tenant) == []


class TestContracts:
    def test_every_message_is_declared(self):
        assert {f"commerce.{each.__name__}" for each in contracts.MESSAGES} <= set(messages.kinds())

    def test_payloads_come_back_as_they_were(self, ann):
        message = completed(ann)

        back = messages.from_payload("commerce.PurchaseCompleted", messages.to_payload(message))

        assert back == message
