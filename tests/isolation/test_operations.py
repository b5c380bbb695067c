"""Every operation of the API with one's own id, another tenant's, and one that is nobody's.

The operations come out of the OpenAPI document, so a new one is tried by being there. The caller
owns both tenants: nothing but the wall keeps the one's rows out of the other's answers.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from apps.tenancy.models import Tenant
from apps.users.models import OfferType, Profile
from tests.isolation import world as worlds
from tests.isolation.document import Operation, operations, sample
from tests.isolation.world import World
from tests.tenancy.people import forget_everything

pytestmark = pytest.mark.slow

# What differs between any two replies: when it was, which request it was, how many are left.
VOLATILE = {"X-Request-ID", "Date", "RateLimit"}

# Which kind of thing a path parameter names, by the end of the path up to it.
KINDS = {
    "profiles/{profile_id}": "celebrity",
    "profiles/{profile_id}/restore": "deleted",
    "profiles/{profile_id}/approve": "pending_group",
    "profiles/{profile_id}/reject": "pending_group",
    "profiles/{profile_id}/celebrities": "group",
    "profiles/{profile_id}/following": "my_fan",
    "blocks/{profile_id}": "celebrity",
    "short-links/{slug}": "slug",
    "go/{slug}": "slug",
    "referral-codes/{code}": "code",
    "idempotency-keys/{key}": "key",
    "tags/{tag_id}": "tag",
    "tags/{tag_id}/merge": "free_tag",
    "members/{id}": "member",
    "invitations/{id}": "invitation",
    "issuers/{id}": "issuer",
    "groups/{group_id}": "realtime_group",
    "members/{user_id}": "celebrity",
    "messages/{message_id}": "group_message",
    "comments/{comment_id}": "comment",
    "webhooks/{webhook_id}": "webhook",
    "deliveries/{delivery_id}": "delivery",
    "notifications/{notification_id}": "notification",
    "contact-points/{contact_point_id}": "contact_point",
    "notification-templates/{template_id}": "notification_template",
    "suppressions/{suppression_id}": "suppression",
    "entries/{entry_id}": "entry",
    "{entity_type}/{entity_id}": "celebrity",
    "items/{item_id}": "item",
    "carts/{cart_id}": "cart",
    "lines/{line_id}": "cart_line",
    "purchases/{purchase_id}": "purchase",
    "refunds/{refund_id}": "refund",
    "payments/{payment_id}": "payment",
    "provider-refunds/{refund_id}": "provider_refund",
    "wallets/{wallet_id}": "wallet",
    "transactions/{transaction_id}": "transaction",
    "ledger-accounts/{account_id}": "ledger_account",
    "exchange-rates/{rate_id}": "rate",
    "currencies/{code}": "currency",
    "discount-codes/{code_id}": "discount_code",
    "content-series/{series_id}": "series",
    "subscription-plans/{plan_id}": "plan",
    "subscriptions/{subscription_id}": "subscription",
    "entitlements/{entitlement_id}": "entitlement",
    "donations/{donation_id}": "donation",
}
# Not ids: the same values mean the same in every tenant.
CONSTANTS = {
    "flag_key": "platform.similar_search",
    "offer_type": OfferType.values[0],
    "database": "users",
    "entity_type": Profile._meta.db_table,
    "provider": "local",
}
BODY_KINDS = {
    "user_ids": "celebrity",
    "into_tag_id": "tag",
    "associated_tag_ids": "tag",
    "tag_ids": "tag",
    "celebrity_ids": "celebrity",
    "profile_id": "celebrity",
    "parent_group_id": "group",
    "owner_id": "my_fan",
    "member_id": "member",
    "user_id": "celebrity",
    "to_user_id": "celebrity",
    "created_by_id": "celebrity",
    "restricted_users": "celebrity",
    "associated_tags": "tag",
    "associated_series": "series",
    "associated_subscriptions": "plan",
    "item_id": "item",
    "item_ids": "item",
    "series_id": "series",
    "series_ids": "series",
    "plan_id": "plan",
    "cart_id": "cart",
    "board_id": "realtime_group",
    "exchange_rate_id": "rate",
}
QUERY_KINDS = {
    "tag": "tag",
    "group": "group",
    "parent_group": "group",
    "owner": "my_fan",
    "request_id": "request",
    "board": "realtime_group",
    "created_by_id": "celebrity",
    "item_id": "item",
    "series": "series",
    "series_id": "series",
    "subscription": "plan",
    "plan_id": "plan",
    "owner_id": "my_fan",
    "user_id": "my_fan",
    "purchase_id": "purchase",
    "payment_id": "payment",
}
# Ids of people, whom all tenants that they visit know by the same one.
PEOPLE = {"keycloak_id"}

ALL = operations()
WITH_PATH = [(op, name) for op in ALL for name in op.names if name not in CONSTANTS]
WITH_BODY_ID = [(op, *field) for op in ALL for field in op.id_fields() if field[0] not in PEOPLE]
LISTS = [
    op
    for op in ALL
    if op.method == "get"
    and any(parameter["name"] in {"cursor", "page_size"} for parameter in op.parameters("query"))
]
WITH_QUERY_ID = [
    (op, parameter["name"])
    for op in LISTS
    for parameter in op.parameters("query")
    if parameter["schema"].get("format") == "uuid" and parameter["name"] not in PEOPLE
]


def kind_of(op: Operation, name: str) -> str:
    """The kind of thing that a parameter names; new kinds are to be added to KINDS and the world."""
    head, _, tail = op.path.rpartition("/api/v1/")[2].lstrip("/").partition("{" + name + "}")
    segment = head.rstrip("/").rpartition("/")[2]
    for key in (f"{segment}/{{{name}}}{tail}", f"{segment}/{{{name}}}"):
        if key in KINDS:
            return KINDS[key]
    raise LookupError(f"{op}: say in KINDS of tests/isolation/test_operations.py what {name!r} is")


def stranger_of(value: str) -> str:
    """A value of the same form that is nobody's."""
    try:
        UUID(value)
    except ValueError:
        return (uuid4().hex.upper() if value.isupper() else uuid4().hex)[: len(value)].ljust(
            len(value), "0"
        )
    return str(uuid4())


def call(
    world: World, op: Operation, ids: dict[str, str], *, body: Any = None, **query: str
) -> Any:
    path = op.path
    for name in op.names:
        path = path.replace("{" + name + "}", ids.get(name, CONSTANTS.get(name, "")))
    if body is None and op.body_schema is not None:
        body = sample(op.body_schema)
    keywords: dict[str, Any] = {"data": query} if query else {}
    if body is not None:
        keywords = {"data": json.dumps(body), "content_type": "application/json"}
    return getattr(world.client, op.method)(path, **keywords)


def seen(response: Any, *hidden: str) -> tuple[int, bytes, dict[str, str]]:
    """All that a caller can tell of a reply, without the ids they asked with."""
    headers = {name: value for name, value in response.headers.items() if name not in VOLATILE}
    content = response.content
    for text in hidden:
        content = content.replace(text.encode(), b"ID")
    return response.status_code, content, headers


def own_ids(op: Operation, world: World) -> dict[str, str]:
    return {name: world.ids[kind_of(op, name)] for name in op.names if name not in CONSTANTS}


_shared: dict[str, tuple[World, World]] = {}


@pytest.fixture
def both(make_tenant: Callable[..., Tenant], home: str) -> Iterator[tuple[World, World]]:
    """Two tenants of one home, both owned by the caller. Shared: for requests that change nothing."""
    forget_everything()
    if home not in _shared:
        caller = worlds.new_account("caller")
        _shared[home] = (
            worlds.build(tenant=make_tenant(home=home), caller=caller),
            worlds.build(tenant=make_tenant(home=home), caller=caller),
        )
        _shared[home][1].changes()
    yield _shared[home]
    forget_everything()


@pytest.fixture
def touched(
    both: tuple[World, World], make_tenant: Callable[..., Tenant], home: str, op: Operation
) -> tuple[World, World]:
    """The same; if the operation changes anything, with a tenant that is the test's own."""
    if op.method == "get":
        return both
    return worlds.build(tenant=make_tenant(home=home), caller=both[1].caller), both[1]


class TestPaths:
    @pytest.mark.parametrize(("op", "name"), WITH_PATH, ids=lambda value: str(value))
    def test_another_tenant_s_id_is_nobody_s(
        self, both: tuple[World, World], op: Operation, name: str
    ) -> None:
        mine, theirs = both
        ids = own_ids(op, mine)
        foreign = theirs.ids[kind_of(op, name)]
        body = sample(op.body_schema) if op.body_schema is not None else None

        replies = [
            call(mine, op, {**ids, name: value}, body=body)
            for value in (foreign, stranger_of(foreign))
        ]

        assert seen(replies[0]) == seen(replies[1])
        # What is nobody's can be taken away again and again.
        is_gone = op.method == "delete" and replies[0].status_code == 204
        assert is_gone or 400 <= replies[0].status_code < 500, replies[0].content
        assert theirs.mark.encode() not in replies[0].content
        assert not theirs.changes()

    @pytest.mark.parametrize(("op", "name"), WITH_PATH, ids=lambda value: str(value))
    def test_one_s_own_id_is_found(
        self, touched: tuple[World, World], op: Operation, name: str
    ) -> None:
        mine, theirs = touched

        reply = call(mine, op, own_ids(op, mine))

        assert reply.status_code < 500
        assert reply.status_code != 404, reply.content
        assert theirs.mark.encode() not in reply.content
        assert not theirs.changes()


class TestBodies:
    @pytest.mark.parametrize(("op", "name", "is_list"), WITH_BODY_ID, ids=lambda value: str(value))
    def test_another_tenant_s_id_is_nobody_s(
        self, both: tuple[World, World], op: Operation, name: str, is_list: bool
    ) -> None:
        mine, theirs = both
        foreign = theirs.ids[BODY_KINDS[name]]
        base = sample(op.body_schema)

        replies = []
        for value in (foreign, stranger_of(foreign)):
            body = {**base, name: [value] if is_list else value}
            replies.append(seen(call(mine, op, own_ids(op, mine), body=body), value))

        assert replies[0] == replies[1]
        assert 400 <= replies[0][0] < 500, replies[0]
        assert not theirs.changes()

    @pytest.mark.parametrize(
        ("op", "name"),
        [(op, name) for op, name, is_list in WITH_BODY_ID if is_list],
        ids=lambda value: str(value),
    )
    def test_one_foreign_id_among_one_s_own_spoils_the_whole(
        self, both: tuple[World, World], op: Operation, name: str
    ) -> None:
        mine, theirs = both
        kind = BODY_KINDS[name]
        before = worlds.fingerprint(mine.tenant)
        body = {**sample(op.body_schema), name: [mine.ids[kind], theirs.ids[kind]]}

        reply = call(mine, op, own_ids(op, mine), body=body)

        assert 400 <= reply.status_code < 500, reply.content
        assert worlds.fingerprint(mine.tenant) == before


class TestLists:
    @pytest.mark.parametrize("op", LISTS, ids=str)
    def test_hold_nothing_of_another_tenant(self, both: tuple[World, World], op: Operation) -> None:
        mine, theirs = both
        ids = own_ids(op, mine)
        orderings = next(
            (
                p["schema"].get("enum", [])
                for p in op.parameters("query")
                if p["name"] == "ordering"
            ),
            [],
        )
        expandable = next(
            (
                p["schema"].get("items", {}).get("enum", [])
                for p in op.parameters("query")
                if p["name"] == "expand"
            ),
            [],
        )
        queries: list[dict[str, str]] = [{}, {"page_size": "1"}]
        queries += [{"ordering": ordering} for ordering in orderings if ordering != "relevance"]
        if expandable:
            queries.append({"expand": ",".join(expandable)})
        names = {parameter["name"] for parameter in op.parameters("query")}
        # What the other tenant's rows are called, word for word.
        queries += [{name: theirs.mark} for name in ("search", "q") if name in names]

        seen_ids = set()
        for query in queries:
            reply = call(mine, op, ids, **query)
            assert reply.status_code == 200, (query, reply.content)
            assert theirs.mark.encode() not in reply.content
            seen_ids |= {row["id"] for row in reply.json()["results"] if "id" in row}

        # Looking may be logged: what there is to be seen is asked for afterwards.
        assert seen_ids <= worlds.ids_of(mine.tenant)

    @pytest.mark.parametrize(("op", "name"), WITH_QUERY_ID, ids=lambda value: str(value))
    def test_a_filter_by_another_tenant_s_id_finds_what_nobody_s_id_finds(
        self, both: tuple[World, World], op: Operation, name: str
    ) -> None:
        mine, theirs = both
        ids = own_ids(op, mine)
        foreign = theirs.ids[QUERY_KINDS[name]]

        replies = [
            seen(call(mine, op, ids, **{name: value}), value)
            for value in (foreign, stranger_of(foreign))
        ]
        own = call(mine, op, ids, **{name: mine.ids[QUERY_KINDS[name]]})

        assert replies[0] == replies[1]
        assert own.status_code == 200
        assert own.json()["results"], "the filter finds nothing at all"


class TestCoverage:
    def test_tries_the_whole_document(self) -> None:
        assert len(ALL) > 50
        assert len(WITH_PATH) > 30
        assert len(WITH_BODY_ID) >= 5
        assert len(LISTS) > 10

    def test_knows_every_kind_of_id(self) -> None:
        assert {kind_of(op, name) for op, name in WITH_PATH} <= set(KINDS.values())
        assert {name for _, name, _ in WITH_BODY_ID} <= set(BODY_KINDS)
        assert {name for _, name in WITH_QUERY_ID} <= set(QUERY_KINDS)


class TestWithoutTheWall:
    """The tests above turn red where row-level security is off."""

    def test_paths(self, both: tuple[World, World], without_wall: Any, home: str) -> None:
        op = find("GET", "/api/v1/profiles/{profile_id}")

        with without_wall(home), pytest.raises(AssertionError):
            TestPaths().test_another_tenant_s_id_is_nobody_s(both, op, "profile_id")

    def test_bodies(self, both: tuple[World, World], without_wall: Any, home: str) -> None:
        op = find("POST", "/api/v1/tags/{tag_id}/merge")

        with without_wall(home), pytest.raises(AssertionError):
            TestBodies().test_another_tenant_s_id_is_nobody_s(both, op, "into_tag_id", False)

    @pytest.mark.parametrize("path", ["/api/v1/profiles", "/api/v1/tags"])
    def test_lists(
        self, both: tuple[World, World], without_wall: Any, home: str, path: str
    ) -> None:
        with without_wall(home), pytest.raises(AssertionError):
            TestLists().test_hold_nothing_of_another_tenant(both, find("GET", path))

    def test_filters(self, both: tuple[World, World], without_wall: Any, home: str) -> None:
        with without_wall(home), pytest.raises(AssertionError):
            TestLists().test_a_filter_by_another_tenant_s_id_finds_what_nobody_s_id_finds(
                both, find("GET", "/api/v1/profiles"), "group"
            )


def find(method: str, path: str) -> Operation:
    return next(op for op in ALL if op.method == method.lower() and op.path == path)
