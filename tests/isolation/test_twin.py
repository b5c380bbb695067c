"""A tenant's day, lived twice: alone in its home, and beside a twin with the same ids and names.

Keys begin with the tenant, so two tenants may have rows of the same id. Whatever the one is answered
must not depend on the other.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from apps.kernel.ids import uuid7
from apps.tenancy.models import Tenant
from tests.isolation import world as worlds
from tests.isolation.document import operations
from tests.isolation.test_operations import CONSTANTS, LISTS, VOLATILE, call, kind_of
from tests.isolation.world import World
from tests.tenancy.people import forget_everything

# The history of a row tells of each look at it: it is held against another tenant in test_operations.
READS = [op for op in operations() if op.method == "get" and "/history/" not in op.path]
FIXED = (
    "tag other_tag association free_tag my_fan celebrity other_celebrity group pending_group deleted "
    "follow block group_celebrity image profile_tag link offer referral_code key_row platform_key_row "
    "item series plan discount_code wallet donation virtual_currency rate cart cart_line purchase "
    "purchase_line recipient payment refund provider_refund stock_level reservation fan_quantity "
    "subscription period entitlement series_entitlement provider_account provider_customer "
    "provider_event commerce_key_row item_tag item_series item_plan plan_series restricted_user "
    "code_item code_usage"
).split()


@pytest.fixture
def ids() -> dict[str, UUID]:
    return {kind: uuid7() for kind in FIXED}


@pytest.fixture
def live(
    make_tenant: Callable[..., Tenant], home: str, ids: dict[str, UUID]
) -> Iterator[Callable[[], tuple[World, Any]]]:
    """Make a tenant with rows of the given ids, and have it live its day."""
    forget_everything()
    caller = worlds.new_account("twin")

    def make() -> World:
        return worlds.build(tenant=make_tenant(home=home), caller=caller, ids=ids)

    yield make
    forget_everything()


def day_of(world: World) -> list[Any]:
    """What a tenant is answered to everything it reads, and to some writes, without what differs
    between any two tenants: names, times and new ids.
    """
    answers = [read(world, op) for op in READS]
    tag, celebrity = world.ids["free_tag"], world.ids["celebrity"]
    writes: list[tuple[str, str, Any]] = [
        ("post", "/api/v1/tags", {"name": "the same name", "tag_type": "TOPIC"}),
        ("post", "/api/v1/tags", {"name": "the same name", "tag_type": "TOPIC"}),
        ("put", f"/api/v1/profiles/{celebrity}/tags", {"tag_ids": [tag]}),
        ("post", f"/api/v1/profiles/{celebrity}/short-links", {"slug": "the-same-slug"}),
        ("post", f"/api/v1/profiles/{celebrity}/short-links", {"slug": "the-same-slug"}),
        ("post", "/api/v1/referral-codes", {"code": "SAMECODE"}),
        ("post", "/api/v1/referral-codes/SAMECODE/use", None),
        ("patch", f"/api/v1/profiles/{celebrity}", {"display_name": "renamed"}),
        ("put", f"/api/v1/blocks/{world.ids['group']}", None),
        ("delete", f"/api/v1/profiles/{world.ids['pending_group']}", None),
        ("delete", f"/api/v1/tags/{tag}", None),
    ]
    client = world.client
    for method, path, body in writes:
        content = json.dumps(body) if body is not None else None
        headers = {"HTTP_IDEMPOTENCY_KEY": "the-same-key"} if path.endswith("/tags") else {}
        reply = getattr(client, method)(
            path, data=content, content_type="application/json", **headers
        )
        answers.append((path, *plain(world, reply)))
    return answers + [read(world, op) for op in LISTS]


def read(world: World, op: Any) -> Any:
    path_ids = {name: world.ids[kind_of(op, name)] for name in op.names if name not in CONSTANTS}
    # Looking at the log is logged: what was added is the same however often one looks.
    filters = {parameter["name"] for parameter in op.parameters("query")}
    query = {"action": "INSERT"} if {"action", "entity_type"} <= filters else {}
    return (str(op), *plain(world, call(world, op, path_ids, **query)))


def plain(world: World, reply: Any) -> tuple[int, str, dict[str, str]]:
    volatile = {*VOLATILE, "ETag", "Content-Length"}
    headers = {k: clean(world, v) for k, v in reply.headers.items() if k not in volatile}
    return reply.status_code, clean(world, body_of(reply).decode()), headers


def body_of(reply: Any) -> bytes:
    """The whole of a reply, also of one that is sent in parts."""
    return b"".join(reply.streaming_content) if reply.streaming else reply.content


def clean(world: World, text: str) -> str:
    text = re.sub(r"-[0-9a-f]{32}@", "@", text)
    kept = {value: kind for kind, value in world.ids.items()}
    # Codes and slugs come out of the mark; invitations are sent to it.
    for value in sorted(kept, key=len, reverse=True):
        text = text.replace(value, f"<{kept[value]}>")
    text = text.replace(world.mark, "<mark>").replace(world.tenant.slug, "<slug>")
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", text)
    text = re.sub(r'"commitment":"[0-9a-f]{64}"', '"commitment":"<hash>"', text)
    text = re.sub(r'"session_id":"[0-9a-f]{32}"', '"session_id":"<session>"', text)
    text = re.sub(r'"(next|previous)":"[^"]+"', r'"\1":"<page>"', text)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "<time>", text)


class TestTwin:
    def test_is_answered_the_same_with_and_without_the_other(self, live: Any) -> None:
        alone = day_of(live())
        # By now the first tenant has the same ids, names, slugs, codes and keys.
        beside = day_of(live())

        assert len(alone) > 30
        assert sum(status < 400 for _, status, *_ in alone) > 25
        for one, other in zip(alone, beside, strict=True):
            assert one == other

    def test_reads_the_same_after_the_other_has_come(self, live: Any, home: str) -> None:
        world = live()
        before = [read(world, op) for op in READS]
        live()

        assert [read(world, op) for op in READS] == before

    def test_would_notice_if_the_wall_were_down(
        self, live: Any, home: str, without_wall: Any
    ) -> None:
        world = live()
        before = [read(world, op) for op in READS]
        live()

        with without_wall(home):
            assert [read(world, op) for op in READS] != before
