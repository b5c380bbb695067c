"""Replays: a read model is emptied and filled anew, and is the same as before."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from apps.kernel.ids import uuid7
from apps.tenancy import binding, inbox, relay
from apps.tenancy.operations import replays
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

HANDLER = "platform.note"


def empty() -> None:
    with connections["platform"].cursor() as cursor:
        cursor.execute("DELETE FROM effects WHERE handler = %s", [HANDLER])


def deliver(tenant) -> None:
    relay.relay(tenant=tenant, context="users")


def replay(**options) -> str:
    out = StringIO()
    call_command("replay_messages", "--handler", HANDLER, stdout=out, **options)
    return out.getvalue()


def by_thing(tenant) -> dict:
    rows: dict = {}
    for about, number in effects(tenant, HANDLER):
        rows.setdefault(about, []).append(number)
    return rows


class TestReplay:
    def test_makes_the_same_rows_of_a_fresh_read_model(self, tenant):
        subscribe(HANDLER, reset=empty)
        things = [uuid7() for _ in range(20)]
        tick_all(tenant, [(thing, n) for n in range(1, 11) for thing in things])
        deliver(tenant)
        before = by_thing(tenant)

        out = replay(tenant=tenant.slug)

        assert effects(tenant, HANDLER) == []
        assert "200 messages were queued" in out
        deliver(tenant)
        assert by_thing(tenant) == before
        assert all(each == list(range(1, 11)) for each in before.values())

    def test_leaves_other_handlers_and_other_tenants_alone(self, tenant, rival):
        subscribe(HANDLER, "users.note", reset=empty)
        for each in (tenant, rival):
            tick(each, uuid7(), 1)
            deliver(each)

        replay(tenant=tenant.slug)
        deliver(tenant)
        deliver(rival)

        assert numbers(tenant, HANDLER) == numbers(tenant) == [1]
        assert numbers(rival, HANDLER) == [1]

    def test_puts_what_still_waits_into_its_place(self, tenant):
        subscribe(HANDLER, reset=empty)
        thing = uuid7()
        tick(tenant, thing, 1, 2)
        deliver(tenant)
        tick(tenant, thing, 3)

        replay(tenant=tenant.slug)
        tick(tenant, thing, 4)
        deliver(tenant)

        assert numbers(tenant, HANDLER) == [1, 2, 3, 4]
        assert waiting(tenant) == []

    def test_of_every_active_tenant_without_one_named(self, tenant, rival):
        subscribe(HANDLER, reset=empty)
        for each in (tenant, rival):
            tick(each, uuid7(), 1)

        answer = json.loads(replay(format="json"))

        counts = {row["tenant"]: row["messages"] for row in answer["queued"]}
        assert counts[tenant.slug] == counts[rival.slug] == 1

    def test_does_nothing_in_a_dry_run(self, tenant):
        subscribe(HANDLER, reset=empty)
        tick(tenant, uuid7(), 1, 2)
        deliver(tenant)

        out = replay(tenant=tenant.slug, dry_run=True)

        assert "2 messages would be queued" in out
        assert numbers(tenant, HANDLER) == [1, 2] and waiting(tenant) == []

    def test_without_reset_does_it_again(self, tenant):
        subscribe(HANDLER)
        tick(tenant, uuid7(), 1, 2)
        deliver(tenant)

        replay(tenant=tenant.slug, no_reset=True)
        deliver(tenant)

        assert numbers(tenant, HANDLER) == [1, 2, 1, 2]

    def test_from_a_time_on_leaves_what_was_before(self, tenant):
        subscribe(HANDLER)
        thing = uuid7()
        tick(tenant, thing, 1)
        deliver(tenant)
        since = timezone.now()
        tick(tenant, thing, 2)
        deliver(tenant)

        replay(tenant=tenant.slug, no_reset=True, since=since)
        deliver(tenant)

        assert numbers(tenant, HANDLER) == [1, 2, 2]

    def test_of_dead_ones_brings_back_those_alone(self, tenant):
        failing = {2}

        def fail(message: Ticked) -> None:
            if message.number in failing:
                raise ValueError(message.number)

        subscribe(HANDLER, before=fail)
        tick_all(tenant, [(uuid7(), 1), (uuid7(), 2)])
        for _ in range(relay.ATTEMPTS):
            ask(tenant, "UPDATE outbox SET due_at = now()")
            deliver(tenant)
        failing.clear()
        deliver(tenant)
        assert numbers(tenant, HANDLER) == [1]

        assert "1 messages would be queued" in replay(tenant=tenant.slug, dead=True, dry_run=True)
        replay(tenant=tenant.slug, dead=True)
        deliver(tenant)

        assert sorted(numbers(tenant, HANDLER)) == [1, 2]

    @pytest.mark.parametrize(
        ("handler", "line"),
        [
            (HANDLER, "can't be taken back. Say --dead"),
            (
                "platform.gone",
                "There is no 'platform.gone'; there are: platform.note.",
            ),
        ],
    )
    def test_is_refused_in_one_clear_line(self, tenant, handler, line):
        subscribe(HANDLER)
        with pytest.raises(CommandError, match=line):
            call_command("replay_messages", "--handler", handler)

    def test_from_a_time_on_is_refused_where_everything_would_be_emptied(self, tenant):
        subscribe(HANDLER, reset=empty)
        with pytest.raises(CommandError, match="A reset empties everything"):
            replay(since=timezone.now())


class TestHold:
    def test_keeps_everything_from_the_handler_while_its_queue_is_filled(self, tenant):
        """A crash of a replay half-way, and what it takes to go on."""
        subscribe(HANDLER, "users.note", reset=empty)
        thing = uuid7()
        tick(tenant, thing, 1, 2)
        with binding.bind(tenant, writes="platform"):
            inbox.hold(handler=HANDLER, context="platform", held_at=timezone.now())

        deliver(tenant)

        assert effects(tenant, HANDLER) == [] and numbers(tenant) == [1, 2]
        assert [row[2] for row in waiting(tenant)] == [0, 0]
        replay(tenant=tenant.slug)
        deliver(tenant)
        assert numbers(tenant, HANDLER) == [1, 2]

    def test_waits_for_a_delivery_that_is_under_way(self, tenant, monkeypatch):
        monkeypatch.setattr(replays, "WAIT_SECONDS", 0.5)
        subscribe(HANDLER, reset=empty)
        tick(tenant, uuid7(), 1)
        ask(tenant, "UPDATE outbox SET leased_until = now() + interval '1 minute'")

        with pytest.raises(CommandError, match="Run the replay again"):
            replay(tenant=tenant.slug)

        ask(tenant, "UPDATE outbox SET leased_until = NULL")
        replay(tenant=tenant.slug)
        deliver(tenant)
        assert numbers(tenant, HANDLER) == [1]


class TestInbox:
    def test_forgets_what_is_older_than_it_keeps_and_no_hold(self, tenant, rival):
        subscribe("users.note")
        for each in (tenant, rival):
            tick(each, uuid7(), 1)
            deliver(each)
            with binding.bind(each, writes="users"):
                inbox.hold(handler="users.held", context="users", held_at=timezone.now())
        now = timezone.now()

        with binding.bind(tenant, writes="users"):
            assert inbox.forget_old(context="users", now=now + timedelta(days=29)) == 0
            assert inbox.forget_old(context="users", now=now + timedelta(days=31)) == 1

        assert ask(tenant, "SELECT handler FROM inbox") == [("users.held",)]
        assert len(ask(rival, "SELECT handler FROM inbox")) == 2
