"""Binding: one tenant, one thread, one transaction per database, and nothing left behind."""

import contextvars
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction

from apps.kernel.ids import uuid7
from apps.platform.models import Tag
from apps.tenancy import binding
from apps.tenancy.binding import bind
from apps.tenancy.errors import (
    BindingClosed,
    BindingElsewhere,
    SwallowedFailure,
    TenantMismatch,
    Unbound,
    UnknownContext,
    WritesElsewhere,
)
from apps.tenancy.models import Tenant
from apps.users.models import Profile, ProfileImage
from tests.conftest import admin


@pytest.fixture
def acme(make_tenant: Callable[..., Tenant], home: str) -> Tenant:
    return make_tenant(home=home)


@pytest.fixture
def other(make_tenant: Callable[..., Tenant], home: str) -> Tenant:
    """A tenant in the same home as acme."""
    return make_tenant(home=home)


def add_fan(name: str = "Ada") -> Profile:
    return Profile.objects.create(profile_type="FAN", keycloak_id=uuid4(), display_name=name)


def add_tag(name: str = "running") -> Tag:
    return Tag.objects.create(name=name, tag_type="TOPIC")


def fan_in(tenant: Tenant, name: str = "Ada") -> Profile:
    with bind(tenant, writes="users"):
        return add_fan(name)


def names_in(tenant: Tenant) -> list[str]:
    with bind(tenant):
        return list(Profile.objects.order_by("display_name").values_list("display_name", flat=True))


def ask(alias: str, statement: str, parameters: list[Any] | None = None) -> Any:
    """The first value of a statement, asked as Django's own code would."""
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0] if cursor.description else None


def ask_beneath(alias: str, statement: str) -> Any:
    """The same, on the driver's connection: what a binding left on it."""
    return connections[alias].connection.execute(statement).fetchone()[0]


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


class TestUnbound:
    @pytest.mark.parametrize(
        "reach",
        [
            lambda: list(Profile.objects.all()),
            lambda: Profile.objects.count(),
            lambda: list(Profile.objects.iterator()),
            lambda: Profile.objects.raw("SELECT * FROM profiles")[0],
            lambda: Profile.objects.filter(id=uuid7()).update(bio=""),
            lambda: ask("users", "SELECT 1"),
            lambda: connections["users"].chunked_cursor(),
            lambda: connections["users"].introspection.table_names(),
            add_fan,
        ],
        ids=["list", "count", "iterator", "raw", "update", "cursor", "named cursor",
             "introspection", "create"],
    )
    def test_every_way_in_raises_in_python(self, reach: Callable[[], Any]) -> None:
        with pytest.raises(Unbound):
            reach()

    def test_atomic_without_a_binding_gives_no_cursor(self) -> None:
        with pytest.raises(Unbound), transaction.atomic(using="users"):
            Profile.objects.count()

    @pytest.mark.parametrize("table", ["profiles", "profile_short_links"])
    def test_postgresql_raises_too_even_on_an_empty_table(self, home: str, table: str) -> None:
        settings = connections["users"].get_connection_params()
        settings.pop("cursor_factory", None)
        settings.pop("context", None)
        with psycopg.connect(**settings) as raw:
            with pytest.raises(psycopg.errors.UndefinedTable):
                raw.execute(f"SELECT * FROM {table}")
            raw.rollback()
            with pytest.raises(psycopg.errors.UndefinedObject, match=r"app\.tenant_id"):
                raw.execute(f"SELECT * FROM {home}.{table}")

    def test_postgresql_raises_on_a_connection_that_was_bound_before(self, acme: Tenant) -> None:
        fan_in(acme)
        raw = connections["users"].connection

        with pytest.raises(psycopg.errors.UndefinedTable):
            raw.execute("SELECT * FROM profiles")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            raw.execute(f"SELECT * FROM {acme.schema_name}.profiles")


class TestClosed:
    def test_a_copied_context_can_t_read_after_the_block(self, acme: Tenant) -> None:
        fan_in(acme)
        with bind(acme):
            assert Profile.objects.count() == 1
            copied = contextvars.copy_context()

        with pytest.raises(BindingClosed):
            copied.run(Profile.objects.count)
        with pytest.raises(BindingClosed):
            copied.run(binding.require)

    def test_rows_still_to_be_fetched_are_gone_after_the_block(self, acme: Tenant) -> None:
        fan_in(acme)
        with bind(acme):
            lazy = Profile.objects.all()

        with pytest.raises(Unbound):
            list(lazy)

    def test_another_thread_can_t_use_it(self, acme: Tenant) -> None:
        caught: list[BaseException] = []

        def reach() -> None:
            try:
                Profile.objects.count()
            except BaseException as error:
                caught.append(error)
            finally:
                connections.close_all()

        with bind(acme, writes="users"):
            copied = contextvars.copy_context()
            thread = threading.Thread(target=copied.run, args=[reach])
            thread.start()
            thread.join()

        assert [type(error) for error in caught] == [BindingElsewhere]

    def test_another_thread_starts_unbound(self, acme: Tenant) -> None:
        seen: list[Any] = []

        with bind(acme):
            thread = threading.Thread(target=lambda: seen.append(binding.current()))
            thread.start()
            thread.join()

        assert seen == [None]

    def test_two_threads_keep_their_tenants_apart(self, acme: Tenant, other: Tenant) -> None:
        fan_in(acme, "Ada")
        fan_in(other, "Mallory")
        both = threading.Barrier(2, timeout=5)
        seen: dict[str, list[str]] = {}

        def look(tenant: Tenant) -> None:
            try:
                with bind(tenant):
                    both.wait()
                    first = list(Profile.objects.values_list("display_name", flat=True))
                    both.wait()
                    seen[tenant.slug] = first + list(
                        Profile.objects.values_list("display_name", flat=True)
                    )
            finally:
                connections.close_all()

        threads = [threading.Thread(target=look, args=[each]) for each in (acme, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert seen == {acme.slug: ["Ada", "Ada"], other.slug: ["Mallory", "Mallory"]}


class TestNesting:
    def test_the_same_tenant_joins(self, acme: Tenant) -> None:
        with bind(acme, writes="users") as outer:
            with bind(acme) as inner:
                assert inner is outer
                add_fan()
            assert outer.is_open
        assert names_in(acme) == ["Ada"]

    @pytest.mark.parametrize("writes", [None, "users"])
    def test_another_tenant_is_refused(
        self, acme: Tenant, other: Tenant, writes: str | None
    ) -> None:
        fan_in(acme)

        with bind(acme, writes="users"):
            with pytest.raises(TenantMismatch), bind(other, writes=writes):
                pass
            assert Profile.objects.count() == 1

    @pytest.mark.parametrize("outer", [None, "platform"])
    def test_a_write_the_outer_block_did_not_declare_is_refused(
        self, acme: Tenant, outer: str | None
    ) -> None:
        with bind(acme, writes=outer), pytest.raises(WritesElsewhere), bind(acme, writes="users"):
            pass

    def test_one_tenant_after_the_other_on_one_connection(
        self, acme: Tenant, other: Tenant
    ) -> None:
        fan_in(acme, "Ada")
        fan_in(other, "Mallory")
        backend = connections["users"].connection.info.backend_pid

        for _ in range(3):
            assert names_in(acme) == ["Ada"]
            assert names_in(other) == ["Mallory"]
        assert connections["users"].connection.info.backend_pid == backend


class TestTransactionLocal:
    def test_leaves_nothing_on_the_connection(self, acme: Tenant) -> None:
        fan_in(acme)

        for setting in ("app.tenant_id", "app.actor_id", "app.request_id", "app.source"):
            assert ask_beneath("users", f"SELECT current_setting('{setting}', true)") in {None, ""}
        assert ask_beneath("users", "SHOW search_path") == '""'
        assert ask_beneath("users", "SHOW transaction_read_only") == "off"

    def test_only_ever_sends_set_local(
        self, acme: Tenant, other: Tenant, tmp_path: Any
    ) -> None:
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
            text
            for text in settings
            if not text.startswith(("SET LOCAL ", "SET CONSTRAINTS "))
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
            assert ask_beneath(
                "users", "SELECT coalesce(current_setting('app.tenant_id', true), '')"
            ) == ""
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


def kill(backend: int) -> None:
    with admin() as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])


class TestTenantKey:
    def test_fills_itself_in_python(self, acme: Tenant) -> None:
        assert fan_in(acme).tenant_id == acme.id

    def test_fills_itself_in_the_database(self, acme: Tenant) -> None:
        with bind(acme, writes="platform"):
            ask(
                "platform",
                "INSERT INTO tags (id, name, description, tag_type, color, thumbnail, keywords, "
                "meta_data, created_on) VALUES (%s, 'x', '', 'TOPIC', '', '', '{}', '{}', now())",
                [uuid7()],
            )
            assert Tag.objects.get().tenant_id == acme.id

    @pytest.mark.parametrize("bulk", [False, True])
    def test_refuses_a_row_of_another_tenant(
        self, acme: Tenant, other: Tenant, bulk: bool
    ) -> None:
        row = Profile(
            tenant_id=other.id, profile_type="FAN", keycloak_id=uuid4(), display_name="Planted"
        )

        with pytest.raises(DatabaseError, match="row-level security"), bind(acme, writes="users"):
            if bulk:
                Profile.objects.bulk_create([row])
            else:
                row.save(force_insert=True)

        assert names_in(other) == []

    def test_refuses_to_give_a_row_away(self, acme: Tenant, other: Tenant) -> None:
        fan_in(acme)

        with pytest.raises(DatabaseError, match="row-level security"), bind(acme, writes="users"):
            Profile.objects.update(tenant_id=other.id)

        assert names_in(acme) == ["Ada"]

    def test_update_and_delete_do_not_reach_another_tenant(
        self, acme: Tenant, other: Tenant
    ) -> None:
        theirs = fan_in(other, "Mallory")

        with bind(acme, writes="users"):
            assert Profile.objects.filter(id=theirs.id).update(display_name="Owned") == 0
            assert ask("users", "DELETE FROM profiles WHERE id = %s", [theirs.id]) is None

        assert names_in(other) == ["Mallory"]

    def test_a_foreign_key_can_t_point_at_another_tenant(
        self, acme: Tenant, other: Tenant
    ) -> None:
        theirs = fan_in(other, "Mallory")

        with pytest.raises(IntegrityError), bind(acme, writes="users"):
            ProfileImage.objects.create(
                profile_id=theirs.id, url="https://x.test/1", image_type="PROFILE"
            )

    def test_the_same_unique_value_is_free_in_every_tenant(
        self, acme: Tenant, other: Tenant
    ) -> None:
        for tenant in (acme, other):
            with bind(tenant, writes="platform"):
                add_tag("the same")
        with pytest.raises(IntegrityError), bind(acme, writes="platform"):
            add_tag("the same")
