"""What is kept: found again, forgotten after a change, made once, and never in the way."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from redis import Redis

from apps.kernel.ids import uuid7
from apps.tenancy import caching
from apps.tenancy.caching import Keep

KEEP = Keep(seconds=60, kinds=("tests.thing", "tests.other"))


@pytest.fixture(autouse=True)
def nothing_near():
    caching.leave_near()
    yield
    caching.leave_near()


@pytest.fixture
def patient(monkeypatch):
    """A pause of a busy machine is not a Valkey that says nothing."""
    valkey = Redis.from_url(settings.VALKEY_URL, socket_timeout=30)
    monkeypatch.setattr(caching, "_client", lambda: valkey)
    monkeypatch.setattr(caching, "FILL_SECONDS", 30.0)


@pytest.fixture
def silent_valkey(monkeypatch):
    """Valkey does not answer: whoever connects is refused."""
    nobody = Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    monkeypatch.setattr(caching, "_client", lambda: nobody)


class Maker:
    """Makes a different value each time, and counts."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> bytes:
        self.times += 1
        return str(self.times).encode()


def ask(make, *, tenant_id, key="k", keep=KEEP):
    return caching.cached(tenant_id=tenant_id, key=key, keep=keep, make=make)


@pytest.mark.usefixtures("patient")
class TestCached:
    def test_is_made_once(self):
        make, tenant_id = Maker(), uuid7()

        assert [ask(make, tenant_id=tenant_id) for _ in range(3)] == [b"1"] * 3

    def test_is_found_by_another_process(self):
        make, tenant_id = Maker(), uuid7()
        ask(make, tenant_id=tenant_id)

        caching.leave_near()

        assert ask(make, tenant_id=tenant_id) == b"1"

    def test_is_never_another_tenant_s(self):
        make = Maker()

        assert ask(make, tenant_id=uuid7()) == b"1"
        assert ask(make, tenant_id=uuid7()) == b"2"

    def test_is_kept_by_key(self):
        make, tenant_id = Maker(), uuid7()

        assert ask(make, tenant_id=tenant_id, key="a") == b"1"
        assert ask(make, tenant_id=tenant_id, key="b") == b"2"

    def test_keeps_nothing_of_none(self):
        times, tenant_id = [], uuid7()

        for _ in range(2):
            assert ask(lambda: times.append(1), tenant_id=tenant_id) is None
        assert len(times) == 2

    def test_passes_on_what_making_raises_and_makes_it_again(self):
        tenant_id = uuid7()

        def fail() -> bytes:
            raise LookupError("nothing")

        for _ in range(2):
            with pytest.raises(LookupError):
                ask(fail, tenant_id=tenant_id)
        assert ask(Maker(), tenant_id=tenant_id) == b"1"

    def test_expires(self):
        make, tenant_id = Maker(), uuid7()
        ask(make, tenant_id=tenant_id)

        [kept] = caching._client().keys(f"{tenant_id}:kept:*")

        assert 0 < caching._client().ttl(kept) <= KEEP.seconds

    def test_is_made_by_one_of_many_who_ask_at_once(self):
        make, tenant_id, begin = Maker(), uuid7(), threading.Barrier(12)

        def slowly() -> bytes:
            time.sleep(0.2)
            return make()

        def one() -> bytes | None:
            begin.wait()
            return ask(slowly, tenant_id=tenant_id)

        with ThreadPoolExecutor(12) as pool:
            answers = [each.result() for each in [pool.submit(one) for _ in range(12)]]

        assert answers == [b"1"] * 12
        assert make.times == 1

    def test_is_found_by_who_looked_just_before_it_was_kept(self, monkeypatch):
        make, tenant_id = Maker(), uuid7()
        place = caching._place(tenant_id, "k", KEEP.kinds)
        look, valkey = caching._look, caching._client()
        valkey.set(f"{place}:making", "another process", px=5_000)

        def look_and_have_it_kept_right_after(place: str) -> bytes | None:
            found = look(place)
            if valkey.exists(f"{place}:making") and next(looks) == 1:
                valkey.set(place, b"another's", ex=KEEP.seconds)
                valkey.delete(f"{place}:making")
            return found

        looks = itertools.count()
        monkeypatch.setattr(caching, "_look", look_and_have_it_kept_right_after)

        assert ask(make, tenant_id=tenant_id) == b"another's"
        assert make.times == 0

    def test_leaves_few_entries_in_the_process(self):
        make, tenant_id = Maker(), uuid7()

        for number in range(caching.NEAR_ENTRIES + 10):
            caching._keep_near(f"{tenant_id}{number}", make())

        assert len(caching._near) == caching.NEAR_ENTRIES


@pytest.mark.usefixtures("patient")
class TestForget:
    @pytest.mark.parametrize("kind", KEEP.kinds)
    def test_has_a_value_made_anew_though_the_process_holds_it(self, kind):
        make, tenant_id = Maker(), uuid7()
        ask(make, tenant_id=tenant_id)

        assert caching.forget(tenant_id=tenant_id, kinds=[kind])

        assert ask(make, tenant_id=tenant_id) == b"2"

    def test_leaves_other_kinds_and_other_tenants_alone(self):
        make, tenant_id = Maker(), uuid7()
        ask(make, tenant_id=tenant_id)

        caching.forget(tenant_id=tenant_id, kinds=["tests.third"])
        caching.forget(tenant_id=uuid7(), kinds=KEEP.kinds)

        assert ask(make, tenant_id=tenant_id) == b"1"

    def test_lets_nobody_keep_what_was_read_before_it(self):
        tenant_id = uuid7()

        def read_then_somebody_writes() -> bytes:
            caching.forget(tenant_id=tenant_id, kinds=["tests.thing"])
            return b"old"

        assert ask(read_then_somebody_writes, tenant_id=tenant_id) == b"old"
        assert ask(lambda: b"new", tenant_id=tenant_id) == b"new"

    def test_a_lost_generation_brings_nothing_back(self):
        make, tenant_id = Maker(), uuid7()
        ask(make, tenant_id=tenant_id)
        caching.forget(tenant_id=tenant_id, kinds=["tests.thing"])

        caching._client().delete(*caching._client().keys(f"{tenant_id}:generation:*"))

        assert ask(make, tenant_id=tenant_id) == b"2"


class TestWithoutValkey:
    def test_everything_is_made_anew_and_nobody_waits_twice(self, silent_valkey, monkeypatch):
        make, tenant_id = Maker(), uuid7()

        assert ask(make, tenant_id=tenant_id) == b"1"
        monkeypatch.setattr(caching, "_client", lambda: pytest.fail("asked while it rests"))
        assert ask(make, tenant_id=tenant_id) == b"2"

    def test_forgetting_fails_no_request_and_says_so(self, silent_valkey):
        assert not caching.forget(tenant_id=uuid7(), kinds=["tests.thing"])

    def test_a_message_is_delivered_again(self, silent_valkey, monkeypatch):
        monkeypatch.setattr(caching, "changed_by", lambda messages: {"tests.thing"})

        class Envelope:
            kind, tenant_id = "tests.Changed", uuid7()

        with pytest.raises(caching.NotForgotten):
            caching.forget_what_changed(None, Envelope())

    def test_a_connection_that_says_nothing_is_given_up_soon(self):
        options = caching._client().connection_pool.connection_kwargs

        assert 0 < options["socket_timeout"] <= 0.5
        assert 0 < options["socket_connect_timeout"] <= 0.5
