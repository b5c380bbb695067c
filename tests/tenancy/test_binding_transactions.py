"""Binding: what is set goes with the transaction, also when a connection breaks."""

from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction

from apps.platform.models import Tag
from apps.tenancy import binding
from apps.tenancy.binding import bind
from apps.tenancy.models import Tenant
from apps.users.models import Profile
from tests.tenancy.bound import add_fan, ask, ask_beneath, fan_in, kill, names_in


class TestTransactionLocal:
    def test_leaves_nothing_on_the_connection(self, acme: Tenant) -> None:
        fan_in(acme)

        for setting in ("app.tenant_id", "app.actor_id", "app.origin"):
            assert ask_beneath("users", f"SELECT current_setting('{setting}', true)") in {None, ""}
        assert ask_beneath("users", "SHOW search_path") == '""'
        assert ask_beneath("users", "SHOW transaction_read_only") == "off"

    def test_only_ever_sends_set_local(self, acme: Tenant, other: Tenant, tmp_path: Any) -> None:
        sent = tmp_path / "wire"
        connections["users"].close()
        fan_in(acme)
        wire = connections["users"].connection.pgconn

        with sent.open("w") as file:
            wire.trace(file.fileno())
            fan_in(acme, "Bea")
            names_in(other)
            with bind(acme, writes="users") as bound:
                list(Profile.objects.iterator())
                bound.check_constraints()
                bound.rollback()
            wire.untrace()

        statements = [
            part.strip(' "').upper()
            for line in sent.read_text().splitlines()
            if "\tF\t" in line
            for part in line.split("\t", 3)[-1].partition(" ")[2].split(";")
        ]
        settings = [text for text in statements if text.startswith(("SET ", "RESET", "DISCARD"))]
        assert len([text for text in settings if "APP.TENANT_ID" in text]) == 3
        assert [
            text for text in settings if not text.startswith(("SET LOCAL ", "SET CONSTRAINTS "))
        ] == []
        assert "SET_CONFIG" not in sent.read_text().upper()

    def test_a_savepoint_that_is_rolled_back_keeps_the_tenant(self, acme: Tenant) -> None:
        fan_in(acme)

        with bind(acme, writes="users"):
            with pytest.raises(ZeroDivisionError), transaction.atomic(using="users"):
                add_fan("Undone")
                raise ZeroDivisionError
            assert Profile.objects.get().display_name == "Ada"
            assert ask("users", "SELECT current_setting('app.tenant_id')") == str(acme.id)
            add_fan("Bea")

        assert names_in(acme) == ["Ada", "Bea"]

    def test_a_savepoint_keeps_readers_from_writing(self, acme: Tenant) -> None:
        with pytest.raises(DatabaseError, match="read-only"), bind(acme):
            with pytest.raises(ZeroDivisionError), transaction.atomic(using="users"):
                Profile.objects.count()
                raise ZeroDivisionError
            add_fan()

    def test_inside_an_outer_transaction_leaving_takes_tenant_and_path_back(
        self, acme: Tenant, other: Tenant
    ) -> None:
        fan_in(other, "Mallory")

        with transaction.atomic(using="users"):
            with bind(acme, writes="users"):
                add_fan()
            assert ask_beneath("users", "SELECT current_setting('app.tenant_id')") == ""
            assert ask_beneath("users", "SHOW search_path") == '""'
            with bind(other, writes="users"):
                assert [row.display_name for row in Profile.objects.all()] == ["Mallory"]

        assert names_in(acme) == ["Ada"]

    def test_inside_an_outer_transaction_an_exception_takes_them_back_too(
        self, acme: Tenant
    ) -> None:
        with transaction.atomic(using="users"):
            with pytest.raises(ZeroDivisionError), bind(acme, writes="users"):
                add_fan()
                raise ZeroDivisionError
            assert (
                ask_beneath("users", "SELECT coalesce(current_setting('app.tenant_id', true), '')")
                == ""
            )
            assert ask_beneath("users", "SHOW search_path") == '""'

        assert names_in(acme) == []


class TestBrokenConnections:
    @pytest.mark.parametrize("writes", [None, "users"])
    def test_a_killed_backend_is_an_error_and_the_next_block_works(
        self, acme: Tenant, writes: str | None
    ) -> None:
        fan_in(acme)
        ran: list[int] = []

        with pytest.raises(DatabaseError), bind(acme, writes=writes):
            assert Profile.objects.count() == 1
            binding.on_commit(lambda: ran.append(1))
            kill(connections["users"].connection.info.backend_pid)
            Profile.objects.count()

        assert ran == []
        assert binding.current() is None
        assert names_in(acme) == ["Ada"]

    @pytest.mark.parametrize("writes", [None, "users"])
    def test_opening_anew_while_a_block_ends_does_not_enter_it_again(
        self, acme: Tenant, writes: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fan_in(acme)
        # Django then sets the time zone on every new connection, and asks for autocommit after it.
        monkeypatch.setattr(connections["users"], "timezone_name", "Europe/Rome", raising=False)

        for _ in range(2):
            with pytest.raises(DatabaseError), bind(acme, writes=writes):
                Profile.objects.count()
                kill(connections["users"].connection.info.backend_pid)
                Profile.objects.count()
            assert not connections["users"].in_atomic_block

        with bind(acme, writes="users"):
            add_fan("Bea")
        assert names_in(acme) == ["Ada", "Bea"]

    def test_a_backend_killed_before_the_end_is_an_error(self, acme: Tenant) -> None:
        fan_in(acme)

        with pytest.raises(DatabaseError), bind(acme, writes="users"):
            add_fan("Lost")
            kill(connections["users"].connection.info.backend_pid)

        assert names_in(acme) == ["Ada"]

    def test_a_reader_killed_before_the_end_undoes_the_write(self, acme: Tenant) -> None:
        with pytest.raises(DatabaseError), bind(acme, writes="users"):
            add_fan("Lost")
            Tag.objects.count()
            kill(connections["platform"].connection.info.backend_pid)

        assert names_in(acme) == []

    def test_a_connection_that_is_closed_inside_a_block_does_not_come_back_unbound(
        self, acme: Tenant
    ) -> None:
        fan_in(acme)

        with pytest.raises(DatabaseError), bind(acme, writes="users"):
            add_fan("Lost")
            connections["users"].close()
            Profile.objects.count()

        assert names_in(acme) == ["Ada"]
