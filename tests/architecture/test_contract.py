"""The API against its own document: whatever is sent, the answer is one that the document knows."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import schemathesis
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from requests import Request

from apps.commerce.models import (
    ContentSeries,
    InventoryItem,
    LedgerTransaction,
    Purchase,
    SubscriptionPlan,
)
from apps.tenancy import binding
from apps.tenancy.models import Tenant
from tests.api import Caller, token_of
from tests.commerce import shop
from tests.factories import (
    CelebrityFactory,
    CommentFactory,
    FanFactory,
    GroupFactory,
    GroupMemberFactory,
    GroupMessageFactory,
    RealtimeGroupFactory,
    TagFactory,
)

EXAMPLES = 12
# Every second request names what exists.
NAMED = EXAMPLES // 2
PREFIX = "/api/v1/"
# Valid on the wire, and refused for a reason that a schema can't say.
REFUSALS = {400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429}


def document() -> dict[str, Any]:
    made = SchemaGenerator().get_schema(public=True)
    return dict(json.loads(json.dumps(made, default=str)))


def operations() -> list[Any]:
    schema = schemathesis.openapi.from_dict(document())
    return [found.ok() for found in schema.get_all_operations() if PREFIX in found.ok().path]


OPERATIONS = operations()


class World:
    """A tenant with an owner who has a profile, money and a group; other rows as they are named."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.caller = Caller(name="Olga", role="owner")
        self.in_turn: dict[str, Iterator[str]] = {}
        with binding.bind(tenant, writes="users"):
            self.own, self.other = FanFactory(keycloak_id=self.caller.id), FanFactory()
            self.seller = CelebrityFactory()
        with binding.bind(tenant, writes="platform"):
            self.group = RealtimeGroupFactory(created_by_id=self.own.id, group_type="MESSAGE_BOARD")
            self.member = GroupMemberFactory(group=self.group, user_id=self.other.id)
            self.message = GroupMessageFactory(member=self.member)
        self.wallet = shop.fund(tenant, self.own.id, 100_000)

    def id_of(self, kind: str) -> str:
        """Return the id of a row of a kind, each in turn; they are made when one is asked for."""
        if kind not in self.in_turn:
            alias, make = KINDS[kind]
            with binding.bind(self.tenant, writes=alias):
                self.in_turn[kind] = itertools.cycle([str(id_) for id_ in make(self)])
        return next(self.in_turn[kind])

    def make_profiles(self) -> list[UUID]:
        # In turn, too: the first requests name some of each.
        makers = itertools.islice(itertools.cycle((CelebrityFactory, GroupFactory)), NAMED)
        return [make().id for make in makers]

    def make_items(self) -> list[UUID]:
        values = {"created_by_id": self.seller.id, "item_type": "PRODUCT", "state": "ACTIVE"}
        return [
            InventoryItem.objects.create(
                item_id=f"item {n}", name="A poster", price=1_000, currency="USD", **values
            ).id
            for n in range(NAMED)
        ]

    def make_plan(self) -> list[UUID]:
        plan = SubscriptionPlan.objects.create(
            name="A plan", recurring_payment="MONTHLY", price=900, created_by_id=self.own.id
        )
        return [plan.id]

    def make_series(self) -> list[UUID]:
        return [ContentSeries.objects.create(name="A series", created_by_id=self.own.id).id]

    def make_cart(self) -> list[UUID]:
        return [Purchase.objects.create(user_id=self.own.id, currency="USD").id]

    def make_messages(self) -> list[UUID]:
        return [row.id for row in GroupMessageFactory.create_batch(NAMED, member=self.member)]

    def make_comments(self) -> list[UUID]:
        values = {"target_id": self.message.id, "author_id": self.own.id}
        return [row.id for row in CommentFactory.create_batch(NAMED, **values)]


# Of what a path names: where its rows are, and what makes them.
KINDS: dict[str, tuple[str, Callable[[World], list[UUID]]]] = {
    "items": ("commerce", World.make_items),
    "wallets": ("commerce", lambda world: [world.wallet.id]),
    "ledger-accounts": ("commerce", lambda world: [world.wallet.account_id]),
    "transactions": ("commerce", lambda world: [LedgerTransaction.objects.get().id]),
    "subscription-plans": ("commerce", World.make_plan),
    "content-series": ("commerce", World.make_series),
    "carts": ("commerce", World.make_cart),
    "profiles": ("users", World.make_profiles),
    "tags": ("platform", lambda world: [tag.id for tag in TagFactory.create_batch(NAMED)]),
    "groups": ("platform", lambda world: [world.group.id]),
    "members": ("platform", lambda world: [world.own.id, world.other.id]),
    "messages": ("platform", World.make_messages),
    "comments": ("platform", World.make_comments),
}


@pytest.fixture(scope="module")
def kept() -> dict[str, World]:
    """The one world of all operations that only read, where there is something of every kind."""
    return {}


@pytest.fixture
def world(operation: Any, make_tenant: Callable[..., Tenant], kept: dict[str, World]) -> World:
    """A world of its own for an operation that changes something; the others share one."""
    if operation.method.upper() != "GET":
        return World(make_tenant())
    if "read" not in kept:
        made = World(make_tenant())
        for kind in KINDS:
            made.id_of(kind)
        kept["read"] = made
    return kept["read"]


def with_real_ids(path: str, world: World) -> str:
    """Put an id that exists after each kind that a path names."""
    return re.sub(
        r"/([a-z-]+)/[0-9a-f-]{36}",
        lambda found: f"/{found[1]}/{world.id_of(found[1])}" if found[1] in KINDS else found[0],
        path,
    )


class TestEveryOperation:
    @pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
    def test_answers_as_the_document_says(self, operation: Any, world: World) -> None:
        host = world.tenant.domains.get().domain
        token = token_of(world.tenant, world.caller)
        client = Client(HTTP_HOST=host, raise_request_exception=False)
        documented = set(operation.definition.raw["responses"])
        turns = itertools.cycle((True, False))
        seen: Counter[int] = Counter()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            request = prepared(case, host)
            if request is None:
                return
            parts = urlsplit(request.url)
            path = with_real_ids(parts.path, world) if next(turns) else parts.path
            response = client.generic(
                request.method,
                f"{path}?{parts.query}" if parts.query else path,
                body_of(request),
                content_type=request.headers.get("Content-Type", "application/json"),
                HTTP_AUTHORIZATION=f"Bearer {token}",
            )
            seen[response.status_code] += 1
            check(response, documented)

        send()

        assert seen


def prepared(case: Any, host: str) -> Any:
    """Return the request as it goes over the wire, or None for one that HTTP can't carry."""
    sent = case.as_transport_kwargs(base_url=f"http://{host}")
    known = ("method", "url", "headers", "json", "data", "params", "cookies")
    try:
        return Request(**{name: sent[name] for name in known if name in sent}).prepare()
    except (ValueError, UnicodeError):
        return None


def body_of(request: Any) -> bytes:
    body = request.body or b""
    return body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body


def is_provider_away(response: Any) -> bool:
    """Return whether it is a 503 that the local provider gives on purpose: amounts that end in 06."""
    return (
        response.status_code == 503 and response.json()["type"] == "/problems/provider-unavailable"
    )


def check(response: Any, documented: set[str]) -> None:
    if response.status_code >= 400:
        if not is_provider_away(response):
            assert response.status_code in {*REFUSALS, 405}, response.content
        assert response["Content-Type"] == "application/problem+json"
        problem = response.json()
        assert problem["status"] == response.status_code
        assert {"type", "title", "detail"} <= set(problem)
    elif response.status_code != 304:
        assert str(response.status_code) in documented, response.status_code
