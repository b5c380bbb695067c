"""The relay, in one process: order, failures, dead letters, isolation."""

import logging
from uuid import UUID

import pytest
from django.db import connections

from apps.kernel import messages
from apps.kernel.ids import uuid7
from apps.tenancy import binding, outbox, relay
from apps.tenancy.recording import RecordedElsewhere
from tests.tenancy.messages.world import (
    Ticked,
    ask,
    effects,
    numbers,
    subscribe,
    tick,
    tick_all,
    waiting,
)


def deliver(tenant) -> int:
    return relay.relay(tenant=tenant, context="users")


def make_due(tenant) -> None:
    ask(tenant, "UPDATE outbox SET due_at = now() WHERE dead_at IS NULL")


def leave_behind(tenant, attempts: int | None = None) -> None:
    """As if a relay had taken everything and was killed, long ago."""
    ask(
        tenant,
        "UPDATE outbox SET leased_until = now() - interval '1 s', "
        "attempts = coalesce(%s, attempts)",
        [attempts],
    )


class Failing:
    """Fails on some numbers, until told otherwise."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = set(numbers)
        self.seen: list[int] = []

    def __call__(self, message: Ticked) -> None:
        self.seen.append(message.number)
        if message.number in self.numbers:
            raise ValueError("on purpose\nDETAIL: ada@example.com")


class TestRecord:
    def test_numbers_messages_by_aggregate_in_their_order(self, tenant):
        subscribe("users.note")
        one, other = uuid7(), uuid7()

        tick_all(tenant, [(one, 1), (other, 1), (one, 2), (one, 3), (other, 2)])
        tick(tenant, one, 4)

        rows = ask(
            tenant, "SELECT aggregate_id, version, (payload->>'number')::int FROM domain_events"
        )
        assert sorted((str(about), version) for about, version, _ in rows) == sorted(
            [(str(one), n) for n in (1, 2, 3, 4)] + [(str(other), n) for n in (1, 2)]
        )
        assert all(version == number for _, version, number in rows)

    def test_is_in_the_transaction_of_the_write(self, tenant):
        subscribe("users.note")
        with binding.bind(tenant, writes="users") as bound:
            messages.record(Ticked(thing_id=uuid7(), number=1))
            bound.rollback()

        assert ask(tenant, "SELECT 1 FROM domain_events") == []
        assert waiting(tenant) == []

    def test_is_refused_in_a_block_that_writes_elsewhere(self, tenant):
        subscribe("users.note")
        with pytest.raises(RecordedElsewhere), binding.bind(tenant, writes="platform"):
            messages.record(Ticked(thing_id=uuid7(), number=1))

    def test_queues_nothing_where_nobody_listens(self, tenant):
        messages.declare("users", Ticked)

        tick(tenant, uuid7(), 1)

        assert len(ask(tenant, "SELECT 1 FROM domain_events")) == 1
        assert waiting(tenant) == []

    def test_refuses_what_nobody_declared(self, tenant):
        with pytest.raises(messages.Undeclared), binding.bind(tenant, writes="users"):
            messages.record(Ticked(thing_id=uuid7(), number=1))


class TestRelay:
    def test_gives_each_handler_each_message_once_and_in_order(self, tenant):
        subscribe("users.note", "platform.note", "platform.note_again")
        thing = uuid7()
        tick(tenant, thing, 1, 2, 3)

        assert deliver(tenant) == 9
        assert deliver(tenant) == 0

        for handler in ("users.note", "platform.note", "platform.note_again"):
            assert effects(tenant, handler) == [(thing, 1), (thing, 2), (thing, 3)]
        assert waiting(tenant) == []

    def test_gives_the_handler_the_message_as_it_was_recorded(self, tenant):
        got = []
        messages.declare("users", Ticked)
        messages.subscribe(
            name="users.note", context="users", handle=lambda *given: got.append(given)
        )
        thing = uuid7()
        tick(tenant, thing, 7)

        deliver(tenant)

        ((message, envelope),) = got
        assert message == Ticked(thing_id=thing, number=7)
        assert isinstance(message.thing_id, UUID)
        assert (envelope.kind, envelope.version) == ("users.Ticked", 1)
        assert (envelope.tenant_id, envelope.aggregate_id) == (tenant.id, thing)

    def test_delivers_what_was_handled_and_not_settled_without_another_effect(self, tenant):
        subscribe("users.note")
        tick(tenant, uuid7(), 1, 2)
        rows = ask(tenant, "SELECT * FROM outbox")
        deliver(tenant)
        ask(
            tenant,
            "INSERT INTO outbox (id, event_id, handler, aggregate_type, aggregate_id, version, "
            "due_at, attempts, last_error) SELECT extensions.uuid7(), id, 'users.note', "
            "aggregate_type, aggregate_id, version, now(), 0, '' FROM domain_events",
        )

        assert deliver(tenant) == len(rows) == 2
        assert numbers(tenant) == [1, 2]

    def test_takes_many_batches(self, tenant, monkeypatch):
        monkeypatch.setattr(outbox, "BATCH", 7)
        monkeypatch.setattr(outbox, "WINDOW", 7)
        subscribe("users.note")
        things = [uuid7() for _ in range(5)]
        tick_all(tenant, [(thing, n) for n in range(1, 21) for thing in things])

        assert deliver(tenant) == 100
        for thing in things:
            assert [n for about, n in effects(tenant) if about == thing] == list(range(1, 21))

    def test_ends_though_there_is_always_more(self, tenant, monkeypatch):
        monkeypatch.setattr(relay, "ROUNDS", 3)
        subscribe("users.note", before=lambda message: None)
        monkeypatch.setattr(outbox, "BATCH", 1)
        tick_all(tenant, [(uuid7(), 1) for _ in range(5)])
        work = relay.Relay(tenant, "users")

        work.run()

        assert (work.delivered, work.is_more) == (3, True)
        assert len(waiting(tenant)) == 2

    def test_finds_the_head_of_a_queue_whose_followers_are_due_before_it(self, tenant, monkeypatch):
        monkeypatch.setattr(outbox, "BATCH", 4)
        monkeypatch.setattr(outbox, "WINDOW", 4)
        subscribe("users.note")
        tick(tenant, uuid7(), *range(1, 11))
        ask(tenant, "UPDATE outbox SET due_at = due_at - version * interval '1 s'")

        assert deliver(tenant) == 10
        assert numbers(tenant) == list(range(1, 11))

    def test_gives_only_the_handlers_that_were_asked_for(self, tenant):
        subscribe("users.note", "platform.note")
        tick(tenant, uuid7(), 1)

        relay.relay(tenant=tenant, context="users", handlers=["platform.note"])

        assert [row[0] for row in waiting(tenant)] == ["users.note"]


class TestFailure:
    def test_holds_up_its_own_aggregate_and_no_other(self, tenant):
        failing = Failing(13)
        subscribe("users.note", before=failing)
        good, bad, other = sorted(uuid7() for _ in range(3))
        tick_all(tenant, [(good, 1), (bad, 12), (bad, 13), (bad, 14), (other, 1)])

        deliver(tenant)

        assert set(effects(tenant)) == {(good, 1), (bad, 12), (other, 1)}
        assert [(row[1], row[2], row[3]) for row in waiting(tenant)] == [
            (2, 1, False),
            (3, 0, False),
        ]
        failing.numbers.clear()
        assert deliver(tenant) == 0
        make_due(tenant)
        deliver(tenant)
        assert [n for about, n in effects(tenant) if about == bad] == [12, 13, 14]

    def test_put_off_holds_those_behind_it_when_one_before_it_comes_back(self, tenant):
        subscribe("users.note")
        tick(tenant, uuid7(), 1, 2, 3)
        ask(tenant, "UPDATE outbox SET due_at = now() + interval '1 hour' WHERE version = 2")

        deliver(tenant)

        assert numbers(tenant) == [1]
        assert [row[1] for row in waiting(tenant)] == [2, 3]

    def test_is_found_among_many_without_trying_each(self, tenant):
        failing = Failing(-1)
        subscribe("users.note", before=failing)
        tick_all(tenant, [(uuid7(), n) for n in range(200)] + [(uuid7(), -1)])
        units = []

        class Counted(relay.Relay):
            def _take(self, group, **kwargs):
                units.append(len(group))
                return super()._take(group, **kwargs)

        Counted(tenant, "users").run()

        assert sorted(numbers(tenant)) == list(range(200))
        assert len(units) < 20

    def test_keeps_no_values_of_a_row_and_writes_one_line(self, tenant, caplog):
        subscribe("users.note", before=Failing(1))
        tick(tenant, uuid7(), 1)

        with caplog.at_level(logging.WARNING):
            deliver(tenant)

        assert waiting(tenant)[0][4] == "ValueError: on purpose"
        (line,) = caplog.records
        assert line.exc_info is None
        assert "example.com" not in line.getMessage()

    def test_is_dead_after_so_many_attempts_and_lets_the_others_go_on(self, tenant, caplog):
        subscribe("users.note", before=Failing(1))
        tick(tenant, uuid7(), 1, 2)
        for _ in range(relay.ATTEMPTS):
            make_due(tenant)
            deliver(tenant)

        assert numbers(tenant) == [2]
        ((_, version, attempts, is_dead, error),) = waiting(tenant)
        assert (version, attempts, is_dead) == (1, relay.ATTEMPTS, True)
        assert error == "ValueError: on purpose"
        assert [record.exc_info is not None for record in caplog.records].count(True) == 1

    def test_of_a_handler_that_is_gone_is_dead_and_says_so(self, tenant):
        subscribe("users.note", "platform.note")
        tick(tenant, uuid7(), 1, 2)
        del messages._subscriptions["users.note"]
        for _ in range(relay.ATTEMPTS_OF_UNKNOWN):
            make_due(tenant)
            deliver(tenant)

        assert numbers(tenant, "platform.note") == [1, 2]
        assert [(row[1], row[3], row[4]) for row in waiting(tenant)] == [
            (n, True, "NoSuchHandler: No handler is subscribed as 'users.note'.") for n in (1, 2)
        ]

    def test_of_a_kind_that_is_gone_is_dead_and_says_so(self, tenant):
        subscribe("users.note")
        tick(tenant, uuid7(), 1)
        del messages._kinds["users.Ticked"]
        for _ in range(relay.ATTEMPTS_OF_UNKNOWN):
            make_due(tenant)
            deliver(tenant)

        ((_, _, _, is_dead, error),) = waiting(tenant)
        assert is_dead and "Undeclared" in error and "users.Ticked" in error

    def test_of_a_database_takes_back_what_the_handler_did(self, tenant):
        def breaks(message: Ticked) -> None:
            with connections["users"].cursor() as cursor:
                cursor.execute("INSERT INTO effects (handler) VALUES ('half')")

        subscribe("users.note", before=breaks)
        tick(tenant, uuid7(), 1)

        deliver(tenant)

        assert ask(tenant, "SELECT 1 FROM effects") == []
        assert ask(tenant, "SELECT 1 FROM inbox") == []
        assert "IntegrityError" in waiting(tenant)[0][4]


class TestLease:
    def test_keeps_others_away_while_a_relay_is_at_work(self, tenant):
        subscribe("users.note")
        tick(tenant, uuid7(), 1, 2)
        with binding.bind(tenant, writes="users"):
            batch = outbox.claim(context="users", handlers=None, suspects_only=False)

        assert len(batch) == 2
        assert deliver(tenant) == 0

    def test_that_has_run_out_lets_another_relay_go_on(self, tenant):
        subscribe("users.note")
        tick(tenant, uuid7(), 1, 2)
        leave_behind(tenant)

        assert deliver(tenant) == 2
        assert numbers(tenant) == [1, 2]

    def test_follower_waits_while_an_earlier_one_is_leased(self, tenant):
        subscribe("users.note")
        thing = uuid7()
        tick(tenant, thing, 1)
        ask(tenant, "UPDATE outbox SET leased_until = now() + interval '1 minute'")
        tick(tenant, thing, 2)

        assert deliver(tenant) == 0
        leave_behind(tenant)
        assert deliver(tenant) == 2
        assert numbers(tenant) == [1, 2]

    def test_of_another_is_not_ended_by_a_relay_that_was_too_slow(self, tenant):
        subscribe("users.note")
        tick(tenant, uuid7(), 1)
        with binding.bind(tenant, writes="users"):
            slow = outbox.claim(context="users", handlers=None, suspects_only=False)
        leave_behind(tenant)
        with binding.bind(tenant, writes="users"):
            outbox.claim(context="users", handlers=None, suspects_only=False)

        late = outbox.Outcome(failed=[outbox.Failure(slow[0], 1, "late", 60, is_dead=False)])
        late.put_back(slow)
        with binding.bind(tenant, writes="users"):
            outbox.settle(late, context="users")

        assert waiting(tenant)[0][4] == ""
        assert deliver(tenant) == 0

    def test_ends_what_takes_too_long_and_takes_it_back(self, tenant):
        subscribe("users.note")
        tick(tenant, uuid7(), 1)
        batch = self.claimed(tenant)
        work = relay.Relay(tenant, "users")
        work._begin_until, work._end_until = float("inf"), float("-inf")

        with pytest.raises(relay.TookTooLong):
            work._take(batch, subscription=messages.subscriptions()["users.note"])

        assert effects(tenant) == []
        assert ask(tenant, "SELECT 1 FROM inbox") == []

    def claimed(self, tenant):
        with binding.bind(tenant, writes="users"):
            return outbox.claim(context="users", handlers=None, suspects_only=False)

    def test_over_by_half_begins_nothing_more_and_keeps_what_is_done(self, tenant, monkeypatch):
        subscribe("users.note", before=lambda message: clock.append(clock[-1] + 40))
        clock = [0.0]
        monkeypatch.setattr(relay, "monotonic", lambda: clock[-1])
        tick(tenant, uuid7(), 1, 2, 3)
        monkeypatch.setattr(relay, "ROUNDS", 1)

        assert deliver(tenant) == 2
        assert numbers(tenant) == [1, 2]
        clock[:] = [0.0]
        assert deliver(tenant) == 1
        assert numbers(tenant) == [1, 2, 3]

    def test_left_behind_twice_is_taken_alone(self, tenant):
        subscribe("users.note")
        tick_all(tenant, [(uuid7(), 1), (uuid7(), 2), (uuid7(), 3)])
        leave_behind(tenant, attempts=1)

        assert len(self.claimed(tenant)) == 1

    def test_left_behind_too_often_is_dead_and_never_given_again(self, tenant):
        failing = Failing()
        subscribe("users.note", before=failing)
        tick_all(tenant, [(uuid7(), 1), (uuid7(), 2)])
        ask(
            tenant,
            "UPDATE outbox SET leased_until = now() - interval '1 s', attempts = %s "
            "WHERE event_id = (SELECT id FROM domain_events WHERE payload->>'number' = '1')",
            [relay.ATTEMPTS],
        )

        deliver(tenant)

        assert failing.seen == [2]
        ((_, _, _, is_dead, error),) = waiting(tenant)
        assert is_dead and error.startswith("LeftBehind: Relays ended")


class TestIsolation:
    def test_no_message_reaches_a_handler_bound_to_another_tenant(self, tenant, rival):
        bound_to = []

        def look(message: Ticked) -> None:
            bound_to.append((message.number, binding.require().tenant_id))

        subscribe("users.note", "platform.note", before=look)
        thing = uuid7()
        tick(tenant, thing, 1)
        tick(rival, thing, 2)

        deliver(tenant)

        assert bound_to == [(1, tenant.id)] * 2
        assert effects(rival) == [] and len(waiting(rival)) == 2
        deliver(rival)
        assert bound_to[2:] == [(2, rival.id)] * 2
        assert numbers(tenant) == [1] and numbers(rival) == [2]

    def test_a_tenant_s_inbox_says_nothing_of_another_s(self, tenant, rival):
        subscribe("users.note")
        tick(rival, uuid7(), 1)
        ((message_id,),) = ask(rival, "SELECT id FROM domain_events")
        ask(
            tenant,
            "INSERT INTO inbox (id, handler, message_id, taken_at) "
            "VALUES (extensions.uuid7(), 'users.note', %s, now())",
            [message_id],
        )

        deliver(rival)

        assert numbers(rival) == [1]
