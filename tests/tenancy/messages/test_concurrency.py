"""Many at once: those who record about one aggregate, and relays that claim."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connections

from apps.kernel.ids import uuid7
from apps.tenancy import binding, outbox
from tests.tenancy.messages.world import ask, subscribe, tick, tick_all

THREADS = 6


def at_once(work) -> list:
    """Run it in several threads, which begin together; return what each gave."""
    barrier = Barrier(THREADS)

    def run(number: int):
        barrier.wait()
        try:
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


class TestRecording:
    def test_about_one_aggregate_numbers_without_gap_and_fails_nobody(self, tenant):
        subscribe("users.note")
        thing = uuid7()

        def record(number: int) -> None:
            for turn in range(20):
                tick(tenant, thing, *range(turn % 3 + 1))

        at_once(record)

        rows = ask(tenant, "SELECT version FROM domain_events ORDER BY version")
        assert [version for (version,) in rows] == list(range(1, len(rows) + 1))
        assert len(rows) == THREADS * sum(turn % 3 + 1 for turn in range(20))
        assert ask(tenant, "SELECT count(DISTINCT version) FROM outbox") == [(len(rows),)]

    def test_in_bulk_about_many_aggregates_ends_in_no_deadlock(self, tenant):
        subscribe("users.note")
        things = [uuid7() for _ in range(50)]

        def record(number: int) -> None:
            mine = things if number % 2 else things[::-1]
            for _ in range(3):
                tick_all(tenant, [(thing, number) for thing in mine])

        at_once(record)

        rows = ask(
            tenant, "SELECT aggregate_id, max(version), count(*) FROM domain_events GROUP BY 1"
        )
        assert {(newest, count) for _, newest, count in rows} == {(3 * THREADS, 3 * THREADS)}


class TestClaims:
    def test_made_at_once_never_share_a_message_or_an_aggregate(self, tenant, monkeypatch):
        monkeypatch.setattr(outbox, "BATCH", 40)
        subscribe("users.note")
        things = [uuid7() for _ in range(60)]
        tick_all(tenant, [(thing, n) for n in range(1, 6) for thing in things])

        def claim(number: int) -> list[outbox.Delivery]:
            with binding.bind(tenant, writes="users"):
                return outbox.claim(context="users", handlers=None, suspects_only=False)

        batches = at_once(claim)

        claimed = Counter(delivery.id for batch in batches for delivery in batch)
        assert set(claimed.values()) == {1}
        holders = Counter(about for batch in batches for about in {each.about for each in batch})
        assert set(holders.values()) == {1}
        assert len(claimed) >= 2 * 40
