"""Binding: databases enlist when they are touched, and end together."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction

from apps.kernel.ids import uuid7
from apps.platform.models import Tag
from apps.tenancy import binding
from apps.tenancy.binding import bind
from apps.tenancy.errors import (
    SwallowedFailure,
    Unbound,
    UnknownContext,
)
from apps.tenancy.models import Tenant
from apps.users.models import Profile, ProfileImage
from tests.tenancy.bound import add_fan, add_tag, ask, fan_in, names_in


class TestEnlisting:
    def test_enlists_the_writer_at_once_and_the_others_at_first_touch(self, acme: Tenant) -> None:
        with bind(acme, writes="users"):
            assert connections["users"].in_atomic_block
            assert not connections["platform"].in_atomic_block

            assert Tag.objects.count() == 0
            assert connections["platform"].in_atomic_block

    def test_opens_nothing_for_a_block_that_asks_nothing(self, acme: Tenant) -> None:
        with bind(acme):
            assert not connections["users"].in_atomic_block

    def test_a_lock_may_be_the_first_statement(self, acme: Tenant) -> None:
        fan = fan_in(acme)

        with bind(acme, writes="users"):
            assert Profile.objects.select_for_update().get() == fan

    @pytest.mark.parametrize("writes", [None, "users"])
    def test_a_named_cursor_may_be_the_first_statement(
        self, acme: Tenant, other: Tenant, writes: str | None
    ) -> None:
        fan_in(acme, "Ada")
        fan_in(acme, "Bea")
        fan_in(other, "Mallory")

        with bind(acme, writes=writes):
            rows = Profile.objects.order_by("display_name").iterator(chunk_size=1)
            assert [row.display_name for row in rows] == ["Ada", "Bea"]

    def test_atomic_may_come_before_the_first_statement(self, acme: Tenant) -> None:
        fan_in(acme)

        with bind(acme):
            with transaction.atomic(using="users"):
                assert Profile.objects.count() == 1
            assert connections["users"].in_atomic_block
            assert Profile.objects.count() == 1
        assert not connections["users"].in_atomic_block

    def test_a_write_inside_atomic_is_the_binding_s_to_keep_or_undo(self, acme: Tenant) -> None:
        with pytest.raises(ZeroDivisionError), bind(acme, writes="users"):
            with transaction.atomic(using="users"):
                add_fan()
            raise ZeroDivisionError

        assert names_in(acme) == []

    def test_refuses_to_write_where_there_are_no_homes(self, acme: Tenant) -> None:
        with pytest.raises(UnknownContext), bind(acme, writes="default"):
            pass


class TestReaders:
    @pytest.mark.parametrize(
        "write",
        [
            add_tag,
            lambda: Tag.objects.using("platform").create(name="x", tag_type="TOPIC"),
            lambda: ask("platform", "INSERT INTO tags (id, name) VALUES (%s, 'x')", [uuid7()]),
            lambda: ask("platform", "DELETE FROM tags"),
            lambda: Tag.objects.select_for_update().first(),
            lambda: (Tag.objects.count(), Tag.objects.select_for_update().first()),
        ],
        ids=["orm", "using", "raw insert", "raw delete", "lock", "lock later"],
    )
    @pytest.mark.parametrize("writes", [None, "users"])
    def test_postgresql_itself_refuses_a_write_elsewhere(
        self, acme: Tenant, write: Callable[[], Any], writes: str | None
    ) -> None:
        with bind(acme, writes="platform"):
            add_tag("kept")

        # Django itself refuses a lock where it sees no transaction yet.
        refusal = "read-only transaction|outside of a transaction"
        with pytest.raises(DatabaseError, match=refusal), bind(acme, writes=writes):
            write()

        with bind(acme):
            assert list(Tag.objects.values_list("name", flat=True)) == ["kept"]

    def test_the_writer_writes_while_the_others_are_read(self, acme: Tenant) -> None:
        with bind(acme, writes="users"):
            assert Tag.objects.count() == 0
            add_fan()

        assert names_in(acme) == ["Ada"]


class TestEnding:
    def test_readers_close_first_and_the_writer_last(
        self, acme: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        closed: list[str] = []
        for alias in ("users", "platform", "media"):
            commit = connections[alias]._commit
            monkeypatch.setattr(
                connections[alias],
                "_commit",
                lambda alias=alias, commit=commit: (closed.append(alias), commit())[1],
            )

        with bind(acme, writes="users"):
            ask("media", "SELECT 1")
            ask("platform", "SELECT 1")
            add_fan()

        assert closed[-1] == "users"
        assert sorted(closed) == ["media", "platform", "users"]

    def test_an_exception_undoes_everything(self, acme: Tenant) -> None:
        with pytest.raises(ZeroDivisionError), bind(acme, writes="users"):
            add_fan()
            Tag.objects.count()
            raise ZeroDivisionError

        assert names_in(acme) == []
        assert binding.current() is None
        assert not connections["users"].in_atomic_block
        assert not connections["platform"].in_atomic_block

    def test_an_exception_that_is_no_error_undoes_everything(self, acme: Tenant) -> None:
        with pytest.raises(KeyboardInterrupt), bind(acme, writes="users"):
            add_fan()
            raise KeyboardInterrupt

        assert names_in(acme) == []

    def test_rollback_undoes_without_an_exception(self, acme: Tenant) -> None:
        with bind(acme, writes="users") as bound:
            add_fan()
            bound.rollback()

        assert names_in(acme) == []

    def test_an_error_that_was_swallowed_does_not_pass_for_a_commit(self, acme: Tenant) -> None:
        ran: list[int] = []

        with pytest.raises(SwallowedFailure), bind(acme, writes="users"):
            add_fan()
            binding.on_commit(lambda: ran.append(1))
            with pytest.raises(DatabaseError):
                ask("users", "SELECT 1 / 0")

        assert ran == []
        assert names_in(acme) == []

    def test_a_deferred_constraint_is_checked_before_the_reply(self, acme: Tenant) -> None:
        with pytest.raises(IntegrityError), bind(acme, writes="users") as bound:
            ProfileImage.objects.create(
                profile_id=uuid7(), url="https://x.test/1", image_type="PROFILE"
            )
            bound.check_constraints()

        with bind(acme):
            assert not ProfileImage.objects.exists()

    def test_a_deferred_constraint_that_fails_at_the_end_is_raised(self, acme: Tenant) -> None:
        ran: list[int] = []

        with pytest.raises(IntegrityError), bind(acme, writes="users"):
            binding.on_commit(lambda: ran.append(1))
            ProfileImage.objects.create(
                profile_id=uuid7(), url="https://x.test/1", image_type="PROFILE"
            )

        assert ran == []
        assert binding.current() is None
        assert names_in(acme) == []


class TestOnCommit:
    def test_runs_after_all_databases_closed_and_unbound(self, acme: Tenant) -> None:
        seen: list[Any] = []

        def look() -> None:
            seen.append(binding.current())
            seen.append([connections[a].in_atomic_block for a in ("users", "platform")])
            seen.append(names_in(acme))

        with bind(acme, writes="users"):
            Tag.objects.count()
            add_fan()
            binding.on_commit(look)
            assert seen == []

        assert seen == [None, [False, False], ["Ada"]]

    def test_runs_hooks_of_a_joined_block_at_the_end_of_the_outer_one(self, acme: Tenant) -> None:
        order: list[str] = []

        with bind(acme, writes="users"):
            with bind(acme):
                binding.on_commit(lambda: order.append("inner"))
            order.append("still inside")
            binding.on_commit(lambda: order.append("outer"))

        assert order == ["still inside", "inner", "outer"]

    @pytest.mark.parametrize("how", ["exception", "rollback"])
    def test_does_not_run_when_the_block_is_undone(self, acme: Tenant, how: str) -> None:
        ran: list[int] = []
        undone = False

        try:
            with bind(acme, writes="users") as bound:
                binding.on_commit(lambda: ran.append(1))
                if how == "exception":
                    raise ZeroDivisionError
                bound.rollback()
        except ZeroDivisionError:
            undone = True

        assert undone == (how == "exception")
        assert ran == []

    def test_needs_a_binding(self) -> None:
        with pytest.raises(Unbound):
            binding.on_commit(list)
