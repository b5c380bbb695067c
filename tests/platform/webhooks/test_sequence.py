"""The sequence of an endpoint: without gaps, however many relays work, and enough to begin anew with."""

import json
import threading
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.utils import timezone
from standardwebhooks import Webhook

from apps.kernel.errors import Invalid
from apps.platform.operations import webhooks
from apps.platform.operations.webhooks import endpoints, queueing
from apps.tenancy import binding, outbox
from apps.tenancy.models import Tenant
from tests.platform.webhooks.conftest import KIND, Hooks
from tests.platform.webhooks.receiver import Receiver

RELAYS = 4
MESSAGES = 500


def together(*works: Any) -> None:
    """Run functions at once, each in a thread with connections of its own."""
    failures: list[BaseException] = []

    def run(work: Any) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


class TestSequence:
    def test_has_no_gap_beside_four_relays(
        self, hooks: Hooks, inside: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Small batches, so that all relays are at work at the same time.
        monkeypatch.setattr(outbox, "BATCH", 20)
        every = [hooks.add(f"http://127.0.0.1:{port}/")[0] for port in (2001, 2002)]
        some = hooks.add("http://127.0.0.1:2003/", kinds=[KIND])[0]
        recorded = hooks.record_only(MESSAGES)
        seen: list[list[int]] = []
        begun, done = threading.Event(), threading.Event()

        def watch() -> None:
            # Whoever sees a number sees all before it, at every moment.
            while not done.is_set():
                numbers = [each.sequence for each in hooks.deliveries(endpoint=every[0])]
                seen.append(numbers)
                begun.set()
                assert numbers == list(range(1, len(numbers) + 1))

        def relays() -> None:
            begun.wait(60)
            try:
                together(*[hooks.relay] * RELAYS)
            finally:
                done.set()

        together(watch, relays)

        assert len(seen) > 1
        for endpoint in (*every, some):
            deliveries = hooks.deliveries(endpoint=endpoint)
            assert [each.sequence for each in deliveries] == list(range(1, MESSAGES + 1))
            assert {each.message_id for each in deliveries} == set(recorded)
            assert hooks.progress(endpoint).last_sequence == MESSAGES
            for each in deliveries:
                body = json.loads(each.body)
                assert (body["sequence"], body["id"]) == (each.sequence, str(each.message_id))

    def test_does_not_grow_when_a_relay_fails_half_way(
        self, hooks: Hooks, inside: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        endpoint, _ = hooks.add("http://127.0.0.1:2001/")
        queue = queueing._queue

        def fail(*args: Any, **values: Any) -> Any:
            queue(*args, **values)
            raise RuntimeError("on purpose")

        monkeypatch.setattr(queueing, "_queue", fail)
        hooks.record()
        monkeypatch.undo()

        assert hooks.deliveries() == []
        assert hooks.progress(endpoint).last_sequence == 0


class TestReplay:
    def test_lets_a_consumer_that_lost_its_database_begin_anew(
        self, hooks: Hooks, receiver: Receiver, as_admin: Any
    ) -> None:
        endpoint, secret = hooks.add(receiver.url)
        ids = hooks.record(25)
        hooks.send()
        receiver.received.clear()

        # What it had is gone. It asks for everything, page by page, while more happens.
        rebuilt: dict[int, str] = {}
        while True:
            after = max(rebuilt, default=0)
            page = as_admin.get(
                f"/api/v1/webhooks/{endpoint.id}/deliveries?page_size=10&after_sequence={after}"
            ).json()["results"]
            if not page:
                break
            if not rebuilt:
                ids += hooks.record(3)
            rebuilt.update({row["sequence"]: json.loads(row["body"])["id"] for row in page})

        assert list(rebuilt) == list(range(1, 29))
        assert sorted(rebuilt.values()) == sorted(map(str, ids))

        # Or it has them sent again, signed as ever.
        reply = as_admin.post(f"/api/v1/webhooks/{endpoint.id}/replay", {"from_sequence": 1})
        assert (reply.status_code, reply.json()) == (202, {"replayed": 25})
        hooks.send()
        again = {}
        for request in receiver.received:
            body = Webhook(secret).verify(request.body, request.headers)
            again[body["sequence"]] = body["id"]
        assert again == rebuilt
        assert sorted(again) == list(range(1, 29))

    def test_can_have_an_end(self, hooks: Hooks, receiver: Receiver) -> None:
        endpoint, _ = hooks.add(receiver.url)
        hooks.record(5)
        hooks.send()
        receiver.received.clear()

        replayed = hooks.do(
            webhooks.replay_deliveries,
            endpoint_id=endpoint.id, from_sequence=2, to_sequence=3, asked_at=timezone.now(),
        )  # fmt: skip
        hooks.send()

        assert replayed == 2
        numbers = sorted(int(each.headers["webhook-sequence"]) for each in receiver.received)
        assert numbers == [2, 3]

    def test_from_beyond_the_end_is_refused(self, hooks: Hooks, inside: None) -> None:
        endpoint, _ = hooks.add("http://127.0.0.1:2001/")
        hooks.record(2)

        with pytest.raises(Invalid) as refused:
            hooks.do(
                webhooks.replay_deliveries,
                endpoint_id=endpoint.id, from_sequence=3, asked_at=timezone.now(),
            )  # fmt: skip
        assert refused.value.fields == {"from_sequence": ["The last delivery has the number 2."]}


class TestIsolation:
    def test_an_endpoint_is_told_of_nothing_of_another_tenant(
        self, tenant: Tenant, rival: Tenant, receiver: Receiver
    ) -> None:
        ours, theirs = Hooks(tenant), Hooks(rival)
        _, secret = ours.add(receiver.url + "?ours")
        _, other = theirs.add(receiver.url + "?theirs")
        told: dict[str, list[UUID]] = {"?ours": ours.record(3), "?theirs": theirs.record(4)}

        ours.send()
        assert {each.path for each in receiver.received} == {"/hook?ours"}
        theirs.send()

        for query, key in (("?ours", secret), ("?theirs", other)):
            requests = [each for each in receiver.received if each.path == f"/hook{query}"]
            bodies = [Webhook(key).verify(each.body, each.headers) for each in requests]
            assert sorted(body["id"] for body in bodies) == sorted(map(str, told[query]))
            assert sorted(body["sequence"] for body in bodies) == list(
                range(1, len(told[query]) + 1)
            )

    def test_another_tenant_s_endpoint_is_nobody_s(
        self, tenant: Tenant, rival: Tenant, inside: None
    ) -> None:
        endpoint, _ = Hooks(rival).add("http://127.0.0.1:2001/")

        for operation, values in (
            (webhooks.pause_endpoint, {"paused_at": timezone.now()}),
            (webhooks.rotate_secret, {"rotated_at": timezone.now()}),
            (webhooks.remove_endpoint, {"removed_at": timezone.now()}),
        ):
            with binding.bind(tenant, writes="platform"), pytest.raises(endpoints.NotFound):
                operation(endpoint_id=endpoint.id, **values)
