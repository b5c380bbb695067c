"""What a stream outlives, and what ends it, on a real server."""

import contextlib
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from apps.platform.models import Audience
from apps.platform.operations import stream
from apps.platform.ports import wakeups
from apps.tenancy import binding
from apps.tenancy.models import Account, Tenant
from config import embedded
from config.embedded import valkey
from tests.api import Caller, client_of, token_of
from tests.conftest import admin
from tests.platform.stream.conftest import group_of, host_of, person_in, serving, tell
from tests.platform.stream.reader import Reader

Listen = Callable[..., Reader]


class TestComingBackAgainAndAgain:
    def test_misses_and_repeats_nothing_while_several_write(
        self, tenant: Tenant, listen: Listen
    ) -> None:
        ada, ada_fan = person_in(tenant)
        group = group_of(tenant, ada_fan)
        others = group_of(tenant, person_in(tenant)[1])
        heard: list[int] = []
        meant: set[int] = set()
        chance = random.Random(7)
        first = listen(tenant, ada)
        first.take("ready")
        last = first.last_id

        def write(number: int) -> None:
            for turn in range(125):
                mine = (number + turn) % 3
                position = tell(tenant, "said", group=group if mine else others)
                if mine:
                    meant.add(position)
            connections.close_all()

        with ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(write, number) for number in range(4)]
            for _ in range(50):
                with listen(tenant, ada, last=last) as reader:
                    until = time.monotonic() + chance.random() * 0.08
                    while (left := until - time.monotonic()) > 0:
                        with contextlib.suppress(Exception):
                            told = reader.events.get(timeout=left)
                            heard.append(told.id)
                            last = told.id
            for writer in writers:
                writer.result()
        end = tell(tenant, "end")
        with listen(tenant, ada, last=last) as reader:
            while not heard or heard[-1] != end:
                heard.append(reader.take().id)

        assert heard == sorted({*meant, end})

    def test_of_many_at_once_everybody_hears_everything_once(
        self, tenant: Tenant, listen: Listen
    ) -> None:
        people = [person_in(tenant) for _ in range(6)]
        group = group_of(tenant, *(fan for _, fan in people))
        start = tell(tenant, "start")
        done = threading.Event()

        def write() -> None:
            for number in range(150):
                tell(tenant, str(number), group=group)
            done.set()
            connections.close_all()

        writer = threading.Thread(target=write)
        writer.start()
        readers = [listen(tenant, people[turn % 6][0], last=start) for turn in range(30)]
        said = [reader.texts(until="149") for reader in readers]
        writer.join()

        assert all(texts == [str(number) for number in range(150)] for texts in said)


class TestSlowReader:
    def test_is_not_who_keeps_up_and_is_told_much_at_once(
        self, tenant: Tenant, listen: Listen
    ) -> None:
        count = 30
        with serving(QUINTET_STREAM_QUEUE="20") as (port, _):
            ada, _ = person_in(tenant)
            reader = listen(tenant, ada, port=port)
            reader.take("ready")
            with binding.bind(tenant, writes="platform"):
                for number in range(count):
                    stream.tell(
                        kind="test.said",
                        audience=Audience.EVERYBODY,
                        audience_id=None,
                        payload={"text": str(number)},
                    )

            said = reader.texts(until=str(count - 1))

        assert said == [str(number) for number in range(count)]

    def test_is_sent_away_and_finds_everything_when_it_comes_back(
        self, tenant: Tenant, listen: Listen
    ) -> None:
        with serving(QUINTET_STREAM_QUEUE="20") as (port, _):
            ada, _ = person_in(tenant)
            # From a position on: what is told before it has come in is its, too.
            slow = listen(tenant, ada, port=port, last=0, reads=False, buffer=4096)
            count = 500
            # More than the sockets between the two can hold.
            for number in range(count):
                tell(tenant, str(number), padding="x" * 20_000)
            slow.start()
            heard = slow.rest()

            texts = [told.data["text"] for told in heard if told.kind == "test.said"]
            assert 0 < len(texts) < count
            comments = list(slow.comments.queue)
            assert any("more slowly" in comment for comment in comments)
            back = listen(tenant, ada, port=port, last=slow.last_id)
            texts += back.texts(until=str(count - 1))
            assert texts == [str(number) for number in range(count)]


class TestEnd:
    def test_comes_with_the_token_s(self, tenant: Tenant, stream_port: int) -> None:
        from apps.tenancy.identity import issuing

        ada, _ = person_in(tenant)
        token_of(tenant, ada)
        account = Account.objects.get(id=ada.id)
        token = issuing.access_token(account=account, tenant_id=tenant.id, seconds=8)

        with Reader(
            stream_port, host=host_of(tenant), headers={"Authorization": f"Bearer {token}"}
        ) as reader:
            told = reader.rest()

        assert [event.kind for event in told] == ["ready", "expired"]
        assert told[-1].data == {"reason": "token"}

    def test_comes_with_the_end_of_the_token_that_a_ticket_was_got_with(
        self, tenant: Tenant, stream_port: int
    ) -> None:
        from apps.tenancy.identity import issuing

        ada, _ = person_in(tenant)
        token_of(tenant, ada)
        account = Account.objects.get(id=ada.id)
        token = issuing.access_token(account=account, tenant_id=tenant.id, seconds=8)
        client = client_of(tenant)
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
        ticket = client.post("/api/v1/stream/tickets").json()["ticket"]

        with Reader(
            stream_port, host=host_of(tenant), path=f"/api/v1/stream?ticket={ticket}"
        ) as reader:
            assert [event.kind for event in reader.rest()] == ["ready", "expired"]

    def test_comes_with_the_tenant_s_suspension(self, tenant: Tenant, listen: Listen) -> None:
        ada, _ = person_in(tenant)
        reader = listen(tenant, ada)
        reader.take("ready")

        Tenant.objects.filter(id=tenant.id).update(
            status=Tenant.Status.SUSPENDED, suspended_at=timezone.now()
        )

        assert reader.take().kind == "closed"
        assert reader.rest() == []

    def test_comes_when_the_account_is_switched_off(self, tenant: Tenant, listen: Listen) -> None:
        with serving(QUINTET_STREAM_RECHECK_SECONDS="0.5") as (port, _):
            (ada, _), (ben, _) = person_in(tenant), person_in(tenant)
            reader, other = listen(tenant, ada, port=port), listen(tenant, ben, port=port)
            reader.take("ready")

            Account.objects.filter(id=ada.id).update(is_active=False)

            assert reader.take().data == {"reason": "account"}
            tell(tenant, "end")
            assert other.texts(until="end") == ["end"]

    def test_of_the_server_ends_streams_cleanly(self, tenant: Tenant, listen: Listen) -> None:
        with serving() as (port, process):
            ada, _ = person_in(tenant)
            readers = [listen(tenant, ada, port=port) for _ in range(3)]
            for reader in readers:
                reader.take("ready")

            process.send_signal(signal.SIGTERM)

            for reader in readers:
                assert reader.rest() == []
                assert any("stops" in comment for comment in reader.comments.queue)
            assert process.wait(timeout=10) == 0


class TestMemberships:
    def test_are_read_anew_where_nothing_was_told_of_them(
        self, tenant: Tenant, listen: Listen
    ) -> None:
        from apps.platform.models import GroupMember
        from apps.tenancy import binding

        with serving(QUINTET_STREAM_RECHECK_SECONDS="0.3") as (port, _):
            (ada, ada_fan), (ben, ben_fan) = person_in(tenant), person_in(tenant)
            group = group_of(tenant, ada_fan, ben_fan)
            reader, other = listen(tenant, ada, port=port), listen(tenant, ben, port=port)
            reader.take("ready")
            other.take("ready")

            with binding.bind(tenant, writes="platform"):
                GroupMember.objects.filter(user_id=ada_fan.id).update(removed_on=timezone.now())
            # Each look is told of by nothing; several of them have passed after this.
            time.sleep(2)
            tell(tenant, "inside", group=group)
            tell(tenant, "end")

            assert reader.texts(until="end") == ["end"]
            assert other.texts(until="end") == ["inside", "end"]


class TestWithoutValkey:
    def test_events_come_late_and_are_not_lost(
        self, tenant: Tenant, listen: Listen, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        var = tmp_path_factory.mktemp("valkey")
        url = embedded.ensure_valkey(var=var).url()
        try:
            with serving(QUINTET_VALKEY_URL=url, QUINTET_BROKER_URL=url) as (port, _):
                ada, _ = person_in(tenant)
                reader = listen(tenant, ada, port=port)
                reader.take("ready")

                tell(tenant, "with, and woken by nobody")
                assert reader.take().data["text"] == "with, and woken by nobody"
                valkey.stop(var=var)
                tell(tenant, "without")
                assert reader.take().data["text"] == "without"
                back = listen(tenant, ada, port=port, last=reader.last_id - 1)
                assert back.take().data["text"] == "without"
                embedded.ensure_valkey(var=var)
                tell(tenant, "with it again")
                assert reader.take().data["text"] == "with it again"
        finally:
            valkey.stop(var=var)

    def test_who_tells_waits_for_it_once_in_a_while(
        self, tenant: Tenant, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            settings.VALKEY_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}"
            monkeypatch.setattr(wakeups, "_rest_until", [0.0])
            monkeypatch.setattr(wakeups, "REST_SECONDS", 600.0)
            wakeups._client.cache_clear()
            try:
                for _ in range(5):
                    tell(tenant, "nobody is woken")
            finally:
                wakeups._client().close()
                wakeups._client.cache_clear()
            silent.settimeout(1)
            silent.accept()[0].close()
            with pytest.raises(TimeoutError):
                silent.accept()


class TestWakeUps:
    def test_are_what_makes_events_come_at_once(self, tenant: Tenant, listen: Listen) -> None:
        # Nobody looks by himself within the time that a reader waits.
        with serving(QUINTET_STREAM_POLL_SECONDS="600") as (port, _):
            ada, _ = person_in(tenant)
            reader = listen(tenant, ada, port=port)
            reader.take("ready")
            for number in range(5):
                tell(tenant, str(number))
                assert reader.take().data["text"] == str(number)

    def test_are_one_for_a_transaction(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        woken: list[int] = []
        monkeypatch.setattr(wakeups, "wake", lambda *, position, **_: woken.append(position))

        with binding.bind(tenant, writes="platform"):
            for _ in range(3):
                stream.tell(kind="test", audience=Audience.EVERYBODY, payload={})

        assert woken == [1]


class TestConnections:
    def test_do_not_grow_with_streams(self, tenant: Tenant, listen: Listen) -> None:
        with serving(QUINTET_STREAM_LIMIT_PER_PERSON="400") as (port, _):
            ada, _ = person_in(tenant)

            def open_some(count: int) -> list[Reader]:
                opened = [listen(tenant, ada, port=port) for _ in range(count)]
                for reader in opened:
                    reader.take("ready")
                return opened

            before = _backends()
            readers = open_some(30)
            few = _backends()
            readers += open_some(170)
            many = _backends()
            tell(tenant, "end")

            assert all(reader.texts(until="end") == ["end"] for reader in readers)
            # Four threads at the door and two that read, each with three databases at most.
            assert few - before <= 18
            assert many - before <= 18
            assert _in_transaction() == 0


def _backends() -> int:
    with admin() as connection:
        return _count(connection, "true")


def _in_transaction() -> int:
    with admin() as connection:
        for _ in range(50):
            if (count := _count(connection, "starts_with(state, 'idle in transaction')")) == 0:
                return 0
            time.sleep(0.05)
        return count


def _count(connection: Any, condition: str) -> int:
    from django.conf import settings

    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE starts_with(datname, %s) "
        f"AND usename = 'quintet_app' AND {condition}",
        [settings.DATABASE_PREFIX],
    ).fetchone()
    return int(row[0])


class TestLimit:
    def test_of_one_person_is_theirs_alone(self, tenant: Tenant, listen: Listen) -> None:
        with serving(QUINTET_STREAM_LIMIT_PER_PERSON="2") as (port, _):
            (ada, _), (ben, _) = person_in(tenant), person_in(tenant)
            kept = [listen(tenant, ada, port=port) for _ in range(2)]
            refused = listen(tenant, ada, port=port)

            assert refused.status == 429
            assert refused.headers["retry-after"] == "10"
            assert refused.problem()["type"] == "/problems/too-many-streams"
            assert listen(tenant, ben, port=port).status == 200
            kept[0].close()
            assert _eventually(lambda: listen(tenant, ada, port=port).status == 200)

    def test_of_a_process_refuses_the_next(self, tenant: Tenant, listen: Listen) -> None:
        with serving(QUINTET_STREAM_LIMIT="1") as (port, _):
            listen(tenant, person_in(tenant)[0], port=port)
            refused = listen(tenant, Caller(), port=port)

            assert refused.status == 503
            assert refused.problem()["type"] == "/problems/streams-full"


def _eventually(holds: Callable[[], bool]) -> bool:
    for _ in range(100):
        if holds():
            return True
        time.sleep(0.05)
    return False
