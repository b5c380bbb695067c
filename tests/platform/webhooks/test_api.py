"""The webhooks API: for admins, with secrets that are shown once, and refusals that say why."""

from typing import Any

import pytest
from django.test import Client

from apps.audit.models import AuditEntry
from apps.kernel import messages
from apps.kernel.ids import uuid7
from apps.platform import subscribers
from apps.platform.models import IdempotencyKey, WebhookEndpoint
from apps.platform.operations.webhooks import kicking
from apps.platform.tasks import give_up_webhooks, send_webhooks
from apps.tenancy import binding
from apps.tenancy.models import Account, Membership, Tenant
from apps.tenancy.tasks import schedule
from tests.api import Caller, client_of, errors_of
from tests.platform.webhooks.conftest import KIND, Hooks
from tests.platform.webhooks.receiver import Receiver

URL = "/api/v1/webhooks"
HERE = "http://127.0.0.1:2001/hook"


@pytest.fixture
def made(as_admin: Any, inside: None) -> Any:
    reply = as_admin.post(URL, {"url": HERE, "kinds": [KIND], "description": "Ours"})
    assert reply.status_code == 201, reply.content
    return reply.json()


class TestEndpoints:
    def test_are_made_listed_changed_and_removed(self, as_admin: Any, made: Any) -> None:
        address = f"{URL}/{made['id']}"
        shown = {name: value for name, value in made.items() if name != "secret"}

        assert (made["state"], made["kinds"], made["paused_because"]) == ("ACTIVE", [KIND], "")
        assert as_admin.get(address).json() == shown
        assert as_admin.get(URL).json()["results"] == [shown]
        assert as_admin.get(f"{URL}?state=PAUSED").json()["results"] == []
        changed = as_admin.patch(address, {"kinds": [], "description": ""}).json()
        assert (changed["kinds"], changed["description"], changed["url"]) == ([], "", HERE)
        assert as_admin.delete(address).status_code == 204
        assert as_admin.get(URL).json()["results"] == []
        for path in ("", "/deliveries", "/progress"):
            assert as_admin.get(address + path).status_code == 404
        for path in ("/pause", "/resume", "/rotate-secret", "/test"):
            assert as_admin.post(address + path, {}).status_code == 404

    @pytest.mark.parametrize("role", [None, "viewer", "support", "editor"])
    def test_are_for_admins(self, tenant: Tenant, made: Any, role: str | None) -> None:
        client = client_of(tenant, Caller(role=role))
        address = f"{URL}/{made['id']}"

        replies = [client.get(URL), client.post(URL, {"url": HERE}), client.get(address)]
        replies += [client.patch(address, {}), client.delete(address)]
        replies += [client.get(f"{address}/{name}") for name in ("deliveries", "progress")]
        replies += [
            client.post(f"{address}/{name}", {})
            for name in ("pause", "resume", "rotate-secret", "test", "replay")
        ]

        assert {reply.status_code for reply in replies} == {403}
        assert client_of(tenant).get(URL).status_code == 401

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "url"),
            ({"url": None}, "url"),
            ({"url": 5}, "url"),
            ({"url": ["https://a.example/"]}, "url"),
            ({"url": "ftp://a.example/"}, "url"),
            ({"url": HERE, "kinds": "all"}, "kinds"),
            ({"url": HERE, "kinds": ["a\x00"]}, "kinds.0"),
            ({"url": HERE, "kinds": [KIND, "platform.Nothing"]}, "kinds"),
            ({"url": HERE, "description": "x" * 256}, "description"),
            ({"url": HERE, "secret": "whsec_mine"}, "secret"),
        ],
    )
    def test_refuse_a_bad_body_by_the_field(
        self, as_admin: Any, inside: None, body: Any, field: str
    ) -> None:
        reply = as_admin.post(URL, body)

        assert reply.status_code == 400
        assert errors_of(reply) == {field}

    def test_refuse_what_is_no_object(self, as_admin: Any, inside: None) -> None:
        for body in ([], [{"url": HERE}], "text"):
            assert as_admin.post(URL, body).status_code == 400

    def test_name_the_kinds_there_are(self, as_admin: Any, inside: None) -> None:
        [error] = as_admin.post(URL, {"url": HERE, "kinds": ["users.Nothing"]}).json()["errors"]

        assert error["detail"].startswith("There is no message of the kind users.Nothing; ")
        assert all(kind in error["detail"] for kind in messages.kinds())

    def test_have_an_end(self, as_admin: Any, hooks: Hooks, inside: None) -> None:
        for _ in range(50):
            hooks.add(HERE)

        reply = as_admin.post(URL, {"url": HERE})
        assert (reply.status_code, reply.json()["type"]) == (409, "/problems/too-many-webhooks")

    def test_are_changed_only_by_who_has_seen_them(self, as_admin: Any, made: Any) -> None:
        address = f"{URL}/{made['id']}"
        tag = as_admin.get(address)["ETag"]

        assert as_admin.patch(address, {"kinds": []}, HTTP_IF_MATCH=tag).status_code == 200
        assert as_admin.patch(address, {"kinds": []}, HTTP_IF_MATCH=tag).status_code == 412
        assert as_admin.delete(address, HTTP_IF_MATCH=tag).status_code == 412

    def test_keep_their_entity_tag_while_messages_come(
        self, as_admin: Any, made: Any, hooks: Hooks
    ) -> None:
        tag = as_admin.get(f"{URL}/{made['id']}")["ETag"]
        hooks.record(2)

        assert as_admin.get(f"{URL}/{made['id']}")["ETag"] == tag


class TestSecrets:
    def test_are_shown_once_and_kept_sealed(self, as_admin: Any, made: Any, tenant: Tenant) -> None:
        address = f"{URL}/{made['id']}"
        rotated = as_admin.post(f"{address}/rotate-secret", {}).json()
        secrets = [made["secret"], rotated["secret"]]

        assert len(set(secrets)) == 2 and all(each.startswith("whsec_") for each in secrets)
        shown = [as_admin.get(URL), as_admin.get(address), as_admin.patch(address, {})]
        with binding.bind(tenant):
            row = WebhookEndpoint.objects.values().get(id=made["id"])
            log = list(
                AuditEntry.objects.using("platform")
                .filter(entity_type="webhook_endpoints")
                .values("old_values", "new_values")
            )
        assert len(row["sealed_secrets"]) == 2 and len(log) == 3
        for secret in secrets:
            text = secret.removeprefix("whsec_")
            assert all(text.encode() not in each.content for each in shown)
            assert text not in str(row) and text not in str(log)
        assert all(each["sealed"] not in str(log) for each in row["sealed_secrets"])

    def test_are_sealed_in_a_reply_that_is_kept(
        self, as_admin: Any, inside: None, tenant: Tenant
    ) -> None:
        replies = [as_admin.post(URL, {"url": HERE}, HTTP_IDEMPOTENCY_KEY="once") for _ in range(2)]

        assert replies[0].json() == replies[1].json()
        assert replies[1]["Idempotency-Replayed"] == "true"
        secret = replies[0].json()["secret"].removeprefix("whsec_")
        with binding.bind(tenant):
            [kept] = IdempotencyKey.objects.all()
            assert WebhookEndpoint.objects.count() == 1
        assert secret.encode() not in bytes(kept.reply)
        told = as_admin.get("/api/v1/idempotency-keys/once")
        assert (told.status_code, told.json()["status_code"]) == (200, 201)
        assert told.json()["reply"] is None

    def test_can_be_revoked(self, as_admin: Any, made: Any, tenant: Tenant) -> None:
        as_admin.post(f"{URL}/{made['id']}/rotate-secret", {"revoke_former": True})

        with binding.bind(tenant):
            assert len(WebhookEndpoint.objects.get().sealed_secrets) == 1

    def test_go_with_the_endpoint(self, as_admin: Any, made: Any, tenant: Tenant) -> None:
        as_admin.delete(f"{URL}/{made['id']}")

        with binding.bind(tenant):
            assert WebhookEndpoint.objects.get().sealed_secrets == []


class TestDeliveries:
    def test_tell_what_was_sent_and_answered(
        self, as_admin: Any, hooks: Hooks, receiver: Receiver
    ) -> None:
        endpoint, _ = hooks.add(receiver.url)
        ids = hooks.record(3)
        receiver.answer = lambda each: (
            500 if each.headers["webhook-sequence"] == "2" else 200,
            {},
            b"so",
        )
        hooks.send()
        address = f"{URL}/{endpoint.id}/deliveries"

        rows = as_admin.get(address).json()["results"]

        assert [row["sequence"] for row in rows] == [1, 2, 3]
        assert sorted(row["message_id"] for row in rows) == sorted(map(str, ids))
        assert [row["state"] for row in rows] == ["DELIVERED", "PENDING", "DELIVERED"]
        assert [row["response_status"] for row in rows] == [200, 500, 200]
        assert {row["response_excerpt"] for row in rows} == {"so"}
        assert as_admin.get(f"{address}/{rows[1]['id']}").json() == rows[1]
        for query, numbers in (
            ("after_sequence=1", [2, 3]),
            ("after_sequence=3", []),
            ("state=PENDING", [2]),
            (f"kind={KIND}&ordering=-sequence", [3, 2, 1]),
            ("kind=webhooks.ping", []),
        ):
            found = as_admin.get(f"{address}?{query}").json()["results"]
            assert [row["sequence"] for row in found] == numbers, query

    @pytest.mark.parametrize(
        "query",
        [
            "after_sequence=-1",
            "after_sequence=1.5",
            "after_sequence=x",
            "after_sequence=NaN",
            "after_sequence=1e30",
            "after_sequence=" + "9" * 5_000,
            "state=LOST",
            "ordering=id",
            "sequence=1",
        ],
    )
    def test_refuse_what_can_t_be_asked(self, as_admin: Any, made: Any, query: str) -> None:
        reply = as_admin.get(f"{URL}/{made['id']}/deliveries?{query}")

        assert reply.status_code == 400, reply.content

    def test_of_another_endpoint_are_not_there(
        self, as_admin: Any, hooks: Hooks, inside: None
    ) -> None:
        one, _ = hooks.add(HERE)
        hooks.record()
        two, _ = hooks.add(HERE)
        [delivery] = hooks.deliveries()

        assert as_admin.get(f"{URL}/{one.id}/deliveries/{delivery.id}").status_code == 200
        assert as_admin.get(f"{URL}/{two.id}/deliveries/{delivery.id}").status_code == 404
        assert as_admin.get(f"{URL}/{uuid7()}/deliveries").status_code == 404

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "from_sequence"),
            ({"from_sequence": 0}, "from_sequence"),
            ({"from_sequence": "x"}, "from_sequence"),
            ({"from_sequence": 2**63}, "from_sequence"),
            ({"from_sequence": 7}, "from_sequence"),
            ({"from_sequence": 1, "to_sequence": 0}, "to_sequence"),
            ({"from_sequence": 1, "upto": 1}, "upto"),
        ],
    )
    def test_are_not_replayed_from_anywhere(
        self, as_admin: Any, made: Any, body: Any, field: str
    ) -> None:
        reply = as_admin.post(f"{URL}/{made['id']}/replay", body)

        assert reply.status_code == 400
        assert errors_of(reply) == {field}


class TestPauseAndTest:
    def test_pauses_resumes_and_tries(
        self, as_admin: Any, hooks: Hooks, receiver: Receiver
    ) -> None:
        endpoint, _ = hooks.add(receiver.url)
        address = f"{URL}/{endpoint.id}"

        for _ in range(2):
            paused = as_admin.post(f"{address}/pause").json()
            assert (paused["state"], paused["paused_because"]) == ("PAUSED", "An admin paused it.")
        refused = as_admin.post(f"{address}/test")
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/webhook-paused")
        hooks.record()
        progress = as_admin.get(f"{address}/progress").json()
        assert (progress["last_sequence"], progress["pending"]) == (1, 1)
        assert as_admin.post(f"{address}/resume").json()["state"] == "ACTIVE"
        ping = as_admin.post(f"{address}/test")
        assert ping.status_code == 202
        assert (ping.json()["kind"], ping.json()["state"]) == ("webhooks.ping", "PENDING")
        hooks.send()

        assert sorted(each.headers["webhook-sequence"] for each in receiver.received) == ["1", "2"]
        assert as_admin.get(f"{address}/progress").json() == {
            "last_sequence": 2, "pending": 0, "failed": 0,
            "failures": 0, "failing_since": None, "held_until": None,
        }  # fmt: skip
        done = as_admin.get(f"{address}/deliveries/{ping.json()['id']}").json()
        assert done["state"] == "DELIVERED"


class TestTasks:
    def test_are_known_by_the_name_that_is_kicked_and_swept_each_minute(self) -> None:
        assert send_webhooks.name == kicking.TASK
        assert schedule()[kicking.TASK][1] == 60
        assert give_up_webhooks.name in schedule()

    def test_sends_for_the_tenant(self, hooks: Hooks, receiver: Receiver) -> None:
        hooks.add(receiver.url)
        hooks.record()

        send_webhooks.run(hooks.tenant)

        assert len(receiver.received) == 1

    def test_is_kicked_after_the_commit_and_not_after_a_rollback(
        self, hooks: Hooks, inside: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kicked: list[Any] = []
        monkeypatch.setattr(
            kicking.kicks, "kick_task", lambda name, *, tenant: kicked.append((name, tenant.id))
        )
        endpoint, _ = hooks.add(HERE)
        hooks.record(2)
        assert kicked == [(kicking.TASK, hooks.tenant.id)]

        kicked.clear()
        with binding.bind(hooks.tenant, writes="platform") as bound:
            subscribers.webhooks.queue_ping(endpoint_id=endpoint.id, asked_at=endpoint.created_on)
            bound.rollback()
        assert kicked == []


class TestAdmin:
    def test_shows_why_an_endpoint_is_paused_and_no_secret(
        self, tenant: Tenant, hooks: Hooks, as_admin: Any, inside: None
    ) -> None:
        endpoint, _ = hooks.add(HERE)
        hooks.record()
        as_admin.post(f"{URL}/{endpoint.id}/pause")
        sealed = hooks.endpoint(endpoint).sealed_secrets[0]["sealed"]
        account = Account.objects.create_user(f"a@{tenant.slug}.example", "a long password")
        Membership.objects.create(tenant=tenant, account=account, role="admin")
        client = Client(HTTP_HOST=tenant.domains.get(is_primary=True).domain)
        client.force_login(account)

        for page in ("webhookendpoint/", "webhookdelivery/"):
            shown = client.get(f"/admin/platform/{page}")
            assert shown.status_code == 200 and HERE.encode() in shown.content
        page = client.get(f"/admin/platform/webhookendpoint/{endpoint.id}/change/")
        assert b"An admin paused it." in page.content
        assert sealed.encode() not in page.content
        assert client.get("/admin/platform/webhookendpoint/add/").status_code == 403
