"""What is said in one tenant reaches nobody of another: by no way that a message goes."""

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections

from apps.platform.models import (
    BoardScore,
    Notification,
    SearchDocument,
    StreamEvent,
    WebhookDelivery,
)
from apps.tenancy import binding, relay
from apps.tenancy.models import Tenant
from config.databases import CONTEXTS
from tests.api import Caller, client_of
from tests.commerce import shop
from tests.factories import CelebrityFactory, RealtimeGroupFactory, WebhookEndpointFactory
from tests.platform.crowd import person

SECRET = "Wolpertinger"


class House:
    """A tenant with a group, a celebrity and an endpoint that is told of everything."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.member = person(tenant)
        with binding.bind(tenant, writes="users"):
            self.star = CelebrityFactory()
        with binding.bind(tenant, writes="platform"):
            self.group = RealtimeGroupFactory(created_by_id=self.member.id)
            self.board = RealtimeGroupFactory(
                created_by_id=self.member.id, group_type="MESSAGE_BOARD"
            )
            WebhookEndpointFactory(progress__last_sequence=0)
        assert self.member.join(self.group).status_code < 300
        self.relay()

    def relay(self) -> None:
        for context in CONTEXTS:
            relay.relay(tenant=self.tenant, context=context)

    def speak(self) -> None:
        """Say something, comment, follow, rename: everything that is told to somebody."""
        assert self.member.say(self.group, SECRET).status_code == 201
        assert self.member.comment(f"profiles/{self.star.id}", SECRET).status_code == 201
        assert self.member.client.put(f"/api/v1/profiles/{self.star.id}/follow").status_code < 300
        assert self.member.client.patch("/api/v1/me", {"display_name": SECRET}).status_code == 200
        self.sell()
        self.relay()

    def sell(self) -> None:
        """Put something up for sale, and give on a board: what commerce tells the others."""
        editor = client_of(self.tenant, Caller(role="editor"))
        item = {
            "item_id": SECRET,
            "item_type": "PRODUCT",
            "name": SECRET,
            "price": 100,
            "state": "ACTIVE",
            "created_by_id": str(self.star.id),
        }
        assert editor.post("/api/v1/items", item).status_code == 201
        shop.fund(self.tenant, self.member.id, 1_000)
        gift = {"board_id": str(self.board.id), "amount": 500, "currency": "USD"}
        assert self.member.client.post("/api/v1/donations", gift).status_code == 201

    def told(self) -> dict[str, list[Any]]:
        """All that any way of a message has brought to this tenant."""
        with binding.bind(self.tenant):
            return {
                model.__name__: list(model.objects.filter(tenant_id=self.tenant.id).values("id"))
                for model in (
                    StreamEvent,
                    Notification,
                    SearchDocument,
                    WebhookDelivery,
                    BoardScore,
                )
            }

    def found(self) -> bytes:
        """What the tenant's people find and are shown."""
        pages = (
            f"search?q={SECRET}&kind=commerce.InventoryItem",
            f"search?q={SECRET}",
            "notifications",
            "groups",
            "profiles",
            "feed",
            "donations",
        )
        members = [self.member.client.get(f"/api/v1/{page}").content for page in pages]
        # Twice, so that the second comes out of the cache.
        anybody = [
            client_of(self.tenant).get(f"/api/v1/{page}").content
            for page in ("profiles", f"profiles/{self.star.id}", "items") * 2
        ]
        return b"".join([*members, *anybody])


@pytest.fixture
def houses(make_tenant: Any, home: str) -> tuple[House, House]:
    cache.clear()
    return House(make_tenant(home=home)), House(make_tenant(home=home))


class TestMessages:
    def test_reach_nobody_of_another_tenant(self, houses: tuple[House, House]) -> None:
        speaking, silent = houses
        before = silent.told()

        speaking.speak()
        silent.relay()

        assert silent.told() == before
        assert SECRET.encode() not in silent.found()
        # They have come to their own.
        own = speaking.told()
        assert all(own.values()), {name: len(rows) for name, rows in own.items()}
        assert SECRET.encode() in speaking.found()

    def test_would_be_seen_to_if_the_wall_were_down(
        self, houses: tuple[House, House], without_wall: Any, home: str
    ) -> None:
        speaking, silent = houses
        speaking.speak()

        with without_wall(home), binding.bind(silent.tenant):
            assert StreamEvent.objects.exclude(tenant_id=silent.tenant.id).exists()
            with connections["platform"].cursor() as cursor:
                cursor.execute("SELECT count(*) FROM notifications")
                (seen,) = cursor.fetchone()
        assert seen > 0
