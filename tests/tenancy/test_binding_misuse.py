"""Binding: whatever reaches for tenant rows in another way is refused."""

import contextvars
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connections, transaction

from apps.kernel.ids import uuid7
from apps.tenancy import binding
from apps.tenancy.binding import bind
from apps.tenancy.errors import (
    BindingClosed,
    BindingElsewhere,
    TenantMismatch,
    Unbound,
    WritesElsewhere,
)
from apps.tenancy.models import Tenant
from apps.users.models import Profile
from tests.tenancy.bound import add_fan, ask, fan_in, names_in


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
        ids=[
            "list",
            "count",
            "iterator",
            "raw",
            "update",
            "cursor",
            "named cursor",
            "introspection",
            "create",
        ],
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
        both = threading.Barrier(2, timeout=60)
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
