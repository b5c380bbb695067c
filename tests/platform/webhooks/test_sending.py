"""Sending: signed, retried, paused when it is of no use, and never lost."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from apps.kernel.ids import uuid7
from apps.platform.models import DomainEvent, WebhookDelivery, WebhookProgress
from apps.platform.operations import webhooks
from apps.platform.operations.webhooks import sending
from apps.platform.ports import outbound_http
from apps.tenancy import binding
from tests.environment import ROOT
from tests.platform.webhooks.conftest import KIND, Hooks
from tests.platform.webhooks.receiver import Receiver

# Sends what is due, and dies between the answer and the note of it.
KILLED = """
import os, signal, sys
import django
django.setup()
from apps.platform.operations.webhooks import sending
from apps.tenancy.models import Tenant
sending.settle = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
sending.send_due(tenant=Tenant.objects.get(id=sys.argv[1]))
"""
DRIPS = 80
VERIFY = """
const { Webhook } = require("standardwebhooks");
const [secret, wrong, body, headers] = JSON.parse(require("fs").readFileSync(0, "utf8"));
const verified = new Webhook(secret).verify(body, headers);
let refused = 0;
for (const attempt of [
    () => new Webhook(wrong).verify(body, headers),
    () => new Webhook(secret).verify(body + " ", headers),
]) { try { attempt(); } catch (error) { refused += 1; } }
console.log(JSON.stringify({ verified, refused }));
"""


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A directory with the JavaScript library, fetched for the tests and left outside of the repository."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no node and npm here")
    directory = tmp_path_factory.mktemp("javascript")
    try:
        done = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--no-save", "standardwebhooks"],
            cwd=directory, capture_output=True, text=True, timeout=90,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip("the registry of npm does not answer")
    if done.returncode:
        pytest.skip(f"npm could not fetch standardwebhooks: {done.stderr.strip()[-200:]}")
    return directory


class TestDelivery:
    def test_tells_of_a_message_in_the_shape_of_standard_webhooks(
        self, hooks: Hooks, receiver: Receiver
    ) -> None:
        _, secret = hooks.add(receiver.url + "?key=1", kinds=[KIND])
        [message_id] = hooks.record()

        assert hooks.send() == 1

        [request] = receiver.received
        with binding.bind(hooks.tenant):
            event = DomainEvent.objects.get(id=message_id)
        body = Webhook(secret).verify(request.body, request.headers)
        assert request.path == "/hook?key=1"
        assert request.headers["content-type"] == "application/json"
        assert request.headers["webhook-id"] == body["id"] == str(message_id)
        assert request.headers["webhook-sequence"] == "1"
        assert body == {
            "id": str(message_id),
            "type": KIND,
            "timestamp": body["timestamp"],
            "tenant": str(hooks.tenant.id),
            "sequence": 1,
            "data": {"endpoint_id": str(event.aggregate_id)},
        }
        assert datetime.fromisoformat(body["timestamp"]) == event.occurred_at
        [delivery] = hooks.deliveries()
        assert (delivery.state, delivery.attempts) == ("DELIVERED", 1)
        assert (delivery.response_status, delivery.response_excerpt) == (200, "ok")
        assert delivery.delivered_at is not None and delivery.body == request.body

    def test_is_refused_with_another_secret_or_body(self, hooks: Hooks, receiver: Receiver) -> None:
        _, secret = hooks.add(receiver.url)
        _, other = hooks.add(receiver.url)
        hooks.record()
        hooks.send()

        for request in receiver.received:
            accepted = []
            for each in (secret, other):
                try:
                    Webhook(each).verify(request.body, request.headers)
                    accepted.append(each)
                except WebhookVerificationError:
                    pass
            assert len(accepted) == 1
            with pytest.raises(WebhookVerificationError):
                Webhook(accepted[0]).verify(request.body + " ", request.headers)

    def test_is_verified_by_the_library_in_javascript(
        self, hooks: Hooks, receiver: Receiver, javascript: Any
    ) -> None:
        _, secret = hooks.add(receiver.url)
        _, wrong = hooks.add(receiver.url, kinds=["platform.GroupChanged"])
        hooks.record()
        hooks.send()
        [request] = receiver.received

        done = subprocess.run(
            ["node", "-e", VERIFY],
            cwd=javascript,
            input=json.dumps([secret, wrong, request.body, request.headers]),
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"verified": json.loads(request.body), "refused": 2}

    def test_goes_to_endpoints_that_want_the_kind(self, hooks: Hooks, receiver: Receiver) -> None:
        wanting, _ = hooks.add(receiver.url, kinds=[KIND, "platform.GroupChanged"])
        hooks.add(receiver.url, kinds=["platform.GroupChanged"])
        everything, _ = hooks.add(receiver.url)
        removed, _ = hooks.add(receiver.url)
        hooks.do(webhooks.remove_endpoint, endpoint_id=removed.id, removed_at=timezone.now())

        hooks.record()

        assert {each.endpoint_id for each in hooks.deliveries()} == {wanting.id, everything.id}

    def test_keeps_the_beginning_of_a_long_answer(self, hooks: Hooks, receiver: Receiver) -> None:
        receiver.answer = lambda _: (200, {}, b"a\x00\xff" + b"x" * 1_000_000)
        hooks.add(receiver.url)
        hooks.record()
        hooks.send()

        [delivery] = hooks.deliveries()
        assert delivery.state == "DELIVERED"
        assert delivery.response_excerpt.startswith("a\ufffdx")
        assert len(delivery.response_excerpt) == outbound_http.EXCERPT_LENGTH

    def test_keeps_a_few_under_way_per_endpoint(
        self, hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outbound_http, "TOTAL_SECONDS", 50.0)
        full, go_on = threading.Event(), threading.Event()

        def answer(_: Any) -> Any:
            if receiver.under_way == sending.PER_ENDPOINT:
                full.set()
            go_on.wait(timeout=40)
            return 200, {}, b""

        receiver.answer = answer
        hooks.add(receiver.url)
        hooks.record(20)
        sender = threading.Thread(target=in_thread, args=(hooks.send,))
        sender.start()
        assert full.wait(timeout=30)

        # Another sender finds no room there.
        assert hooks.send() == 0
        go_on.set()
        sender.join()

        assert receiver.most_at_once == sending.PER_ENDPOINT
        assert len(receiver.received) == 20

    def test_is_leased_by_one_sender_after_the_other(self, hooks: Hooks, inside: None) -> None:
        hooks.add("http://127.0.0.1:2001/")
        hooks.record(20)
        second: list[Any] = []
        other = threading.Thread(
            target=in_thread,
            args=(lambda: second.append(sending._lease(hooks.tenant, at_most=8)),),
        )

        with binding.bind(hooks.tenant, writes="platform"):
            first = sending._lease(hooks.tenant, at_most=8)
            other.start()
            # It waits for this block to end, and then sees what was leased in it.
            other.join(timeout=0.5)
        other.join()

        assert (len(first), second) == (sending.PER_ENDPOINT, [[]])

    def test_calls_outside_of_every_unit_of_work(
        self, hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        open_ones = []
        send = outbound_http.post
        waited = sending.wait

        def post(**values: Any) -> Any:
            open_ones.append(binding.current())
            return send(**values)

        def wait(*args: Any, **values: Any) -> Any:
            open_ones.append(binding.current())
            return waited(*args, **values)

        monkeypatch.setattr(outbound_http, "post", post)
        monkeypatch.setattr(sending, "wait", wait)
        hooks.add(receiver.url)
        hooks.record()
        hooks.send()

        assert open_ones == [None, None]


def in_thread(work: Any) -> None:
    """Run a function with connections of its own."""
    try:
        work()
    finally:
        connections.close_all()


def drip(server: socket.socket, dripped: list[int]) -> None:
    """Answer, and never come to an end: until nobody listens any more, or far too late."""
    connection, _ = server.accept()
    with connection, suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for number in range(DRIPS):
            connection.sendall(f"x-{number}: y\r\n".encode())
            dripped.append(number)
            threading.Event().wait(0.1)
        connection.sendall(b"\r\n")


class TestRotation:
    def test_signs_with_both_secrets_for_a_day(self, hooks: Hooks, receiver: Receiver) -> None:
        endpoint, former = hooks.add(receiver.url)
        _, new = hooks.do(
            webhooks.rotate_secret, endpoint_id=endpoint.id, rotated_at=timezone.now()
        )
        hooks.record()
        hooks.send()

        [request] = receiver.received
        assert new != former
        assert len(request.headers["webhook-signature"].split(" ")) == 2
        for secret in (former, new):
            assert Webhook(secret).verify(request.body, request.headers)

    def test_ends_the_former_one_after_a_day(self, hooks: Hooks, receiver: Receiver) -> None:
        endpoint, former = hooks.add(receiver.url)
        before = timezone.now() - timedelta(hours=24, seconds=1)
        _, new = hooks.do(webhooks.rotate_secret, endpoint_id=endpoint.id, rotated_at=before)
        hooks.record()
        hooks.send()

        [request] = receiver.received
        assert Webhook(new).verify(request.body, request.headers)
        with pytest.raises(WebhookVerificationError):
            Webhook(former).verify(request.body, request.headers)

    def test_ends_the_former_one_at_once_if_it_leaked(
        self, hooks: Hooks, receiver: Receiver
    ) -> None:
        endpoint, former = hooks.add(receiver.url)
        hooks.do(
            webhooks.rotate_secret,
            endpoint_id=endpoint.id,
            rotated_at=timezone.now(),
            revoke_former=True,
        )
        hooks.record()
        hooks.send()

        with pytest.raises(WebhookVerificationError):
            Webhook(former).verify(receiver.received[0].body, receiver.received[0].headers)

    def test_has_an_end(self, hooks: Hooks, receiver: Receiver) -> None:
        endpoint, _ = hooks.add(receiver.url)
        values = {"endpoint_id": endpoint.id, "rotated_at": timezone.now()}
        for _ in range(4):
            hooks.do(webhooks.rotate_secret, **values)

        with pytest.raises(webhooks.endpoints.TooManySecrets):
            hooks.do(webhooks.rotate_secret, **values)
        hooks.do(webhooks.rotate_secret, **values, revoke_former=True)


class TestFailure:
    def test_is_tried_again_with_the_same_id_and_body(
        self, hooks: Hooks, receiver: Receiver
    ) -> None:
        receiver.answer = lambda _: (503, {}, b"not now")
        endpoint, secret = hooks.add(receiver.url)
        hooks.record()
        hooks.send()

        [waiting] = hooks.deliveries()
        assert (waiting.state, waiting.attempts, waiting.response_status) == ("PENDING", 1, 503)
        assert waiting.last_error == "It answered 503." and waiting.response_excerpt == "not now"
        assert waiting.due_at > timezone.now() and waiting.leased_until is None
        assert hooks.progress(endpoint).failures == 1
        assert hooks.send() == 0

        receiver.answer = lambda _: (204, {}, b"")
        hooks.make_due()
        assert hooks.send() == 1

        first, second = receiver.received
        assert (first.body, first.headers["webhook-id"]) == (
            second.body,
            second.headers["webhook-id"],
        )
        assert Webhook(secret).verify(second.body, second.headers)
        [done] = hooks.deliveries()
        assert (done.state, done.attempts, done.last_error) == ("DELIVERED", 2, "")
        progress = hooks.progress(endpoint)
        assert (progress.failures, progress.failing_since, progress.held_until) == (0, None, None)

    def test_waits_longer_each_time_for_about_three_days(self) -> None:
        pauses = [sending.pause_after(attempts) for attempts in range(1, sending.ATTEMPTS)]

        assert timedelta(seconds=22) <= pauses[0] <= timedelta(seconds=38)
        assert all(each <= timedelta(hours=15) for each in pauses)
        assert timedelta(days=2) < sum(pauses, timedelta()) < timedelta(days=3.5)
        assert len({sending.pause_after(5) for _ in range(20)}) > 1

    def test_ends_after_the_last_attempt(self, hooks: Hooks, receiver: Receiver) -> None:
        receiver.answer = lambda _: (500, {}, b"")
        hooks.add(receiver.url)
        hooks.record()
        with binding.bind(hooks.tenant, writes="platform"):
            WebhookDelivery.objects.update(attempts=sending.ATTEMPTS - 1)
        hooks.send()

        assert [each.state for each in hooks.deliveries()] == ["FAILED"]
        hooks.make_due()
        assert hooks.send() == 0

    def test_of_an_endpoint_holds_back_all_else_there(
        self, hooks: Hooks, receiver: Receiver
    ) -> None:
        receiver.answer = lambda _: (500, {}, b"")
        endpoint, _ = hooks.add(receiver.url)
        hooks.record()
        hooks.send()
        hooks.record(10)

        with binding.bind(hooks.tenant, writes="platform"):
            # Many failures, so that the next one holds it for minutes.
            WebhookProgress.objects.update(
                failures=8, held_until=timezone.now() + timedelta(minutes=1)
            )
        assert hooks.send() == 0
        hooks.make_due()
        # One by one, and not four at once: the first failure holds back the others again.
        assert hooks.send() == 1
        assert hooks.progress(endpoint).failures == 9

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            ((302, {"Location": "/inside"}, b""), "It answered 302: redirects are not followed."),
            ((307, {"Location": "/inside"}, b""), "It answered 307: redirects are not followed."),
            ((404, {}, b""), "It answered 404."),
        ],
    )
    def test_is_everything_but_success_and_redirects_are_not_followed(
        self, hooks: Hooks, receiver: Receiver, answer: Any, error: str
    ) -> None:
        receiver.answer = lambda _: answer
        hooks.add(receiver.url)
        hooks.record()
        hooks.send()

        [delivery] = hooks.deliveries()
        assert (delivery.state, delivery.last_error) == ("PENDING", error)
        assert [each.path for each in receiver.received] == ["/hook"]

    def test_is_who_does_not_answer_in_time(
        self, hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outbound_http, "TOTAL_SECONDS", 0.5)
        never = threading.Event()
        receiver.answer = lambda _: (never.wait(timeout=5), (200, {}, b""))[1]
        hooks.add(receiver.url)
        hooks.record()
        hooks.send()
        never.set()

        assert [each.last_error for each in hooks.deliveries()] == ["It did not answer in time."]

    def test_is_who_answers_a_header_at_a_time(
        self, hooks: Hooks, inside: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(outbound_http, "TOTAL_SECONDS", 0.5)
        with socket.create_server(("127.0.0.1", 0)) as server:
            dripped: list[int] = []
            dripping = threading.Thread(target=drip, args=(server, dripped))
            dripping.start()
            hooks.add(f"http://127.0.0.1:{server.getsockname()[1]}/hook")
            hooks.record()
            hooks.send()
            dripping.join()

        assert [each.last_error for each in hooks.deliveries()] == ["It did not answer in time."]
        assert len(dripped) < DRIPS

    def test_is_who_is_not_there(self, hooks: Hooks, inside: None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        hooks.add(f"http://127.0.0.1:{port}/hook")
        hooks.record()
        hooks.send()

        assert [each.last_error for each in hooks.deliveries()] == ["It refused the connection."]

    def test_is_a_secret_that_can_t_be_read(
        self, hooks: Hooks, receiver: Receiver, settings: Any
    ) -> None:
        hooks.add(receiver.url)
        hooks.record()
        settings.SECRET_KEY = "another one"
        hooks.send()

        assert receiver.received == []
        [delivery] = hooks.deliveries()
        assert delivery.last_error == "Its secret can't be read any more. Rotate it."


class TestPause:
    def paused_message(self, hooks: Hooks, endpoint: Any) -> bool:
        with binding.bind(hooks.tenant):
            return DomainEvent.objects.filter(kind=KIND, aggregate_id=endpoint.id).exists()

    def test_follows_a_410_at_once_and_the_message_waits(
        self, hooks: Hooks, receiver: Receiver
    ) -> None:
        receiver.answer = lambda _: (410, {}, b"")
        endpoint, _ = hooks.add(receiver.url)
        hooks.record()
        hooks.send()

        paused = hooks.endpoint(endpoint)
        assert (paused.state, paused.paused_because) == ("PAUSED", "It answered 410 Gone.")
        assert self.paused_message(hooks, endpoint)
        assert [each.state for each in hooks.deliveries()] == ["PENDING"]

    @pytest.mark.parametrize(
        ("before", "because"),
        [
            ({"failures": 49}, "50 attempts in a row failed. The last: It answered 500."),
            (
                {"failures": 9, "failing_since": timezone.now() - timedelta(days=3)},
                "Every attempt failed for 3 days. The last: It answered 500.",
            ),
        ],
    )
    def test_follows_failing_for_too_long(
        self, hooks: Hooks, receiver: Receiver, before: Any, because: str
    ) -> None:
        receiver.answer = lambda _: (500, {}, b"")
        endpoint, _ = hooks.add(receiver.url)
        with binding.bind(hooks.tenant, writes="platform"):
            WebhookProgress.objects.update(**before)
        hooks.record()
        hooks.send()

        paused = hooks.endpoint(endpoint)
        assert (paused.state, paused.paused_because) == ("PAUSED", because)
        assert paused.paused_at is not None
        assert self.paused_message(hooks, endpoint)

    def test_does_not_follow_failing_a_little_less(self, hooks: Hooks, receiver: Receiver) -> None:
        receiver.answer = lambda _: (500, {}, b"")
        endpoint, _ = hooks.add(receiver.url)
        with binding.bind(hooks.tenant, writes="platform"):
            WebhookProgress.objects.update(
                failures=48, failing_since=timezone.now() - timedelta(days=2, hours=23)
            )
        hooks.record()
        hooks.send()

        assert hooks.endpoint(endpoint).state == "ACTIVE"
        assert not self.paused_message(hooks, endpoint)

    def test_queues_on_and_resuming_sends_all_that_waits(
        self, hooks: Hooks, receiver: Receiver
    ) -> None:
        receiver.answer = lambda _: (410, {}, b"")
        endpoint, _ = hooks.add(receiver.url, kinds=[KIND])
        hooks.record()
        hooks.send()
        hooks.record(3)
        hooks.make_due()
        assert hooks.send() == 0
        receiver.received.clear()
        receiver.answer = lambda _: (200, {}, b"")

        hooks.do(webhooks.resume_endpoint, endpoint_id=endpoint.id, resumed_at=timezone.now())
        hooks.send()

        # The first four, and the message that says that it was paused, once that is relayed.
        hooks.relay()
        hooks.send()
        assert sorted(int(each.headers["webhook-sequence"]) for each in receiver.received) == [
            1, 2, 3, 4, 5,
        ]  # fmt: skip
        resumed = hooks.endpoint(endpoint)
        assert (resumed.state, resumed.paused_because, resumed.paused_at) == ("ACTIVE", "", None)

    def test_gives_up_what_has_waited_for_a_week(self, hooks: Hooks, receiver: Receiver) -> None:
        paused, _ = hooks.add(receiver.url)
        active, _ = hooks.add(receiver.url)
        hooks.do(webhooks.pause_endpoint, endpoint_id=paused.id, paused_at=timezone.now())
        hooks.record(2)
        with binding.bind(hooks.tenant, writes="platform"):
            WebhookDelivery.objects.filter(sequence=1).update(
                due_at=timezone.now() - timedelta(days=7, seconds=1)
            )

        assert hooks.do(webhooks.give_up_old_deliveries, now=timezone.now()) == 1

        states = {(each.endpoint_id, each.sequence): each.state for each in hooks.deliveries()}
        assert [key for key, state in states.items() if state == "FAILED"] == [(paused.id, 1)]
        assert len(states) == 4 and (active.id, 1) in states


class TestKilledSender:
    def test_delivers_again_under_the_same_id(self, hooks: Hooks, receiver: Receiver) -> None:
        hooks.add(receiver.url)
        [message_id] = hooks.record()

        died = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", KILLED, str(hooks.tenant.id)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            check=False,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "config.settings",
                "QUINTET_WEBHOOKS_ALLOW_HTTP": "true",
                "QUINTET_WEBHOOKS_ALLOW_PRIVATE": "true",
            },
        )

        assert died.returncode == -signal.SIGKILL
        [left] = hooks.deliveries()
        assert (left.state, left.attempts) == ("PENDING", 1)
        # Another sender leaves it alone while it is leased.
        assert hooks.send() == 0
        hooks.make_due()
        assert hooks.send() == 1
        assert receiver.ids() == [str(message_id)] * 2
        assert [each.state for each in hooks.deliveries()] == ["DELIVERED"]

    def test_that_comes_late_changes_nothing(self, hooks: Hooks, receiver: Receiver) -> None:
        endpoint, _ = hooks.add(receiver.url)
        hooks.record()
        [late] = sending._lease(hooks.tenant, at_most=8)
        hooks.make_due()
        hooks.send()

        sending.settle(late, outbound_http.Answer(status=410), tenant=hooks.tenant)

        assert [each.state for each in hooks.deliveries()] == ["DELIVERED"]
        assert hooks.endpoint(endpoint).state == "ACTIVE"
        assert hooks.progress(endpoint).failures == 0

    def test_that_comes_back_after_a_resume_says_nothing_of_who_sends_now(
        self, hooks: Hooks
    ) -> None:
        endpoint, _ = hooks.add("https://hooks.example.com/")
        hooks.record()
        [slow] = sending._lease(hooks.tenant, at_most=1)
        with binding.bind(hooks.tenant, writes="platform"):
            WebhookDelivery.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
            webhooks.resume_endpoint(endpoint_id=endpoint.id, resumed_at=timezone.now())
        [present] = sending._lease(hooks.tenant, at_most=1)
        assert slow.attempts == present.attempts

        sending.settle(slow, outbound_http.Answer(status=500), tenant=hooks.tenant)

        [delivery] = hooks.deliveries()
        assert (delivery.leased_until, delivery.response_status) == (present.leased_until, None)
        assert hooks.progress(endpoint).failures == 0


class TestPing:
    def test_is_a_delivery_like_any_other(self, hooks: Hooks, receiver: Receiver) -> None:
        endpoint, secret = hooks.add(receiver.url, kinds=["platform.GroupChanged"])
        hooks.do(webhooks.queue_ping, endpoint_id=endpoint.id, asked_at=timezone.now())
        hooks.send()

        [request] = receiver.received
        body = Webhook(secret).verify(request.body, request.headers)
        assert (body["type"], body["sequence"], body["data"]) == ("webhooks.ping", 1, {})

    def test_is_refused_while_paused(self, hooks: Hooks, receiver: Receiver) -> None:
        endpoint, _ = hooks.add(receiver.url)
        hooks.do(webhooks.pause_endpoint, endpoint_id=endpoint.id, paused_at=timezone.now())

        with pytest.raises(webhooks.queueing.EndpointPaused):
            hooks.do(webhooks.queue_ping, endpoint_id=endpoint.id, asked_at=timezone.now())

    def test_of_nobody_is_refused(self, hooks: Hooks) -> None:
        with pytest.raises(webhooks.endpoints.NotFound):
            hooks.do(webhooks.queue_ping, endpoint_id=uuid7(), asked_at=timezone.now())


class TestRemovedEndpoint:
    def test_is_sent_nothing_and_a_late_answer_changes_nothing(
        self, hooks: Hooks, receiver: Receiver
    ) -> None:
        endpoint, _ = hooks.add(receiver.url)
        hooks.record(2)
        [late, *_] = sending._lease(hooks.tenant, at_most=1)
        hooks.do(webhooks.remove_endpoint, endpoint_id=endpoint.id, removed_at=timezone.now())

        sending.settle(late, outbound_http.Answer(status=200), tenant=hooks.tenant)
        hooks.make_due()

        assert hooks.send() == 0
        assert {each.state for each in hooks.deliveries()} == {"FAILED"}
        assert {each.last_error for each in hooks.deliveries()} == {"The endpoint was removed."}
