"""The life of tenants, as an operator lives it: on the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, ManagementUtility, call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.tenancy import homes, partitions, resolution
from apps.tenancy.models import Domain, Home, Tenant
from apps.tenancy.operations import tenants
from apps.tenancy.roles import as_owner
from config.databases import HOME_ALIASES
from tests.environment import ROOT


def run(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


def drop_home(name: str) -> None:
    Tenant.objects.filter(home_id=name).delete()
    Home.objects.filter(name=name).delete()
    homes.drop_schemas(name)


def schemas_named(name: str) -> set[str]:
    found = set()
    with as_owner():
        for alias in HOME_ALIASES:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [name])
                if cursor.fetchone():
                    found.add(alias)
    return found


def tables_of(name: str, alias: str) -> set[str]:
    with as_owner(aliases=[alias]), connections[alias].cursor() as cursor:
        cursor.execute("SELECT tablename::text FROM pg_tables WHERE schemaname = %s", [name])
        return {table for (table,) in cursor.fetchall()}


@pytest.fixture
def own_home() -> Iterator[str]:
    """A slug for a tenant with its own home, cleaned up afterwards."""
    slug = f"own{os.getpid()}x{time.monotonic_ns() % 10**9}"
    yield slug
    drop_home(tenants.own_home_name(slug=slug))


class TestCreateTenant:
    def test_serves_the_tenant_on_its_host_at_once(self, tenant: Tenant) -> None:
        slug = f"{tenant.slug}-new"

        said = run("create_tenant", slug, "--name", "New", "--format", "json")

        answer = json.loads(said)
        resolved = resolution.resolve_host(answer["domain"])
        assert resolved is not None and resolved.is_served
        assert resolved.id == Tenant.objects.get(slug=slug).id
        assert answer["home"] == "pool_1"

    def test_refuses_a_taken_slug_in_one_line(self, tenant: Tenant) -> None:
        with pytest.raises(CommandError, match="is taken by") as refusal:
            run("create_tenant", tenant.slug)

        assert "\n" not in str(refusal.value)

    @pytest.mark.parametrize(
        ("slug", "reason"),
        [
            ("Upper", "lower-case"),
            ("-front", "lower-case|No such option"),
            ("back-", "lower-case"),
            ("1digit", "beginning with a letter"),
            ("a" * 61, "1 to 60"),
            ("ümlaut", "lower-case"),
            ("with space", "lower-case"),
            ("x; DROP SCHEMA pool_1", "lower-case"),
            ("admin", "reserved"),
            ("www", "reserved"),
        ],
    )
    def test_refuses_a_slug_that_cant_be_a_host(self, slug: str, reason: str) -> None:
        before = Tenant.objects.count()

        with pytest.raises((CommandError, SystemExit), match=reason if slug[0] != "-" else None):
            run("create_tenant", slug)

        assert Tenant.objects.count() == before

    @pytest.mark.parametrize(
        "domain", ["no dots", "nodots", "-a.example", "a..b", "x" * 64 + ".example"]
    )
    def test_refuses_a_domain_that_is_no_host(self, tenant: Tenant, domain: str) -> None:
        with pytest.raises(CommandError, match="host name"):
            run("create_tenant", f"{tenant.slug}-d", domain=domain)

        assert not Tenant.objects.filter(slug=f"{tenant.slug}-d").exists()

    def test_refuses_another_tenants_domain_and_the_platforms_own(self, tenant: Tenant) -> None:
        theirs = tenant.domains.get().domain

        with pytest.raises(CommandError, match="leads to"):
            run("create_tenant", f"{tenant.slug}-e", domain=theirs)
        with pytest.raises(CommandError, match="platform's own"):
            run("create_tenant", f"{tenant.slug}-e", domain="quintet.test")

    def test_refuses_a_pool_that_does_not_exist(self, tenant: Tenant) -> None:
        with pytest.raises(CommandError, match="no pool that takes tenants; these do: pool_1"):
            run("create_tenant", f"{tenant.slug}-f", pool="pool_99")

    def test_a_dry_run_writes_nothing(self, tenant: Tenant) -> None:
        said = run("create_tenant", f"{tenant.slug}-g", dry_run=True)

        assert "Would create" in said
        assert not Tenant.objects.filter(slug=f"{tenant.slug}-g").exists()

    def test_gives_a_tenant_a_home_of_its_own_in_every_database(self, own_home: str) -> None:
        begun = timezone.now()
        run("create_tenant", own_home, own_home=True)

        name = tenants.own_home_name(slug=own_home)
        assert schemas_named(name) == set(HOME_ALIASES)
        for alias in HOME_ALIASES:
            assert partitions.partition_names(alias, now=begun) <= tables_of(name, alias)
        assert Tenant.objects.get(slug=own_home).status == Tenant.Status.ACTIVE
        assert homes.outstanding() == []

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ([], "Missing parameter: slug"),
            (["a", "--nope"], "No such option: --nope"),
            (["a", "b"], "unexpected extra argument(s) (b)"),
            (["a", "--format", "yaml"], "--format: 'yaml' is not one of 'text', 'json'."),
        ],
    )
    def test_says_in_one_line_what_was_given_wrongly(
        self, capsys: pytest.CaptureFixture[str], given: list[str], said: str
    ) -> None:
        with pytest.raises(SystemExit) as refusal:
            ManagementUtility(["manage.py", "create_tenant", *given]).execute()

        assert said in str(refusal.value.code) and "\n" not in str(refusal.value.code)
        assert "create_tenant --help" in str(refusal.value.code)
        assert capsys.readouterr() == ("", "")

    @pytest.mark.slow
    def test_killed_half_way_it_serves_nobody_and_carries_on(self, own_home: str) -> None:
        name = tenants.own_home_name(slug=own_home)
        command = [sys.executable, "manage.py", "create_tenant", own_home, "--own-home"]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while not schemas_named(name) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()

        half_made = Tenant.objects.get(slug=own_home)
        assert half_made.status == Tenant.Status.PROVISIONING
        host = Domain.objects.get(tenant=half_made).domain
        resolved = resolution.resolve_host(host)
        assert resolved is not None and not resolved.is_served

        run("create_tenant", own_home, own_home=True)

        resolution.forget()
        assert Tenant.objects.get(slug=own_home).status == Tenant.Status.ACTIVE
        assert schemas_named(name) == set(HOME_ALIASES)
        assert homes.outstanding() == []


class TestSuspendTenant:
    def test_refuses_requests_and_keeps_everything(self, tenant: Tenant) -> None:
        run("suspend_tenant", tenant.slug)

        resolved = resolution.resolve_slug(tenant.slug)
        assert resolved is not None and not resolved.is_served
        tenant.refresh_from_db()
        assert tenant.suspended_at is not None

    def test_said_twice_changes_nothing(self, tenant: Tenant) -> None:
        run("suspend_tenant", tenant.slug)
        tenant.refresh_from_db()
        since = tenant.suspended_at

        answer = json.loads(run("suspend_tenant", tenant.slug, "--format", "json"))

        tenant.refresh_from_db()
        assert answer["changed"] is False
        assert tenant.suspended_at == since

    def test_resuming_serves_it_again(self, tenant: Tenant) -> None:
        run("suspend_tenant", tenant.slug)

        run("resume_tenant", tenant.slug)

        resolved = resolution.resolve_slug(tenant.slug)
        assert resolved is not None and resolved.is_served

    def test_names_near_misses(self, tenant: Tenant) -> None:
        with pytest.raises(CommandError, match=f"Did you mean .*{tenant.slug[:3]}"):
            run("suspend_tenant", f"{tenant.slug[:4]}zzz")

    def test_a_dry_run_changes_nothing(self, tenant: Tenant) -> None:
        run("suspend_tenant", tenant.slug, dry_run=True)

        tenant.refresh_from_db()
        assert tenant.status == Tenant.Status.ACTIVE


class TestPoolsAndMigrate:
    def test_a_pool_is_made_in_every_database_and_takes_tenants(self) -> None:
        name = tenants.next_pool_name()
        try:
            run("create_pool")

            assert schemas_named(name) == set(HOME_ALIASES)
            assert Home.objects.get(name=name).state == Home.State.READY
        finally:
            drop_home(name)

    @pytest.mark.parametrize("name", ["public", "pool_x", "t_acme", 'pool_1"; DROP'])
    def test_refuses_a_name_that_is_no_pools(self, name: str) -> None:
        with pytest.raises(CommandError, match="can't be a pool's name"):
            run("create_pool", name)

    def test_finds_nothing_to_do_when_there_is_nothing(self) -> None:
        assert "Nothing to migrate." in run("migrate")

    def test_carries_on_with_a_home_that_a_crash_left_behind(self) -> None:
        name = tenants.next_pool_name()
        Home.objects.create(name=name, kind=Home.Kind.POOL)
        try:
            homes.run_step(homes.HomeStep("users", name))
            assert len(homes.outstanding()) == len(HOME_ALIASES) - 1

            run("migrate")

            assert homes.outstanding() == []
            assert schemas_named(name) == set(HOME_ALIASES)
        finally:
            drop_home(name)

    def test_notes_a_migration_in_the_transaction_that_makes_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = tenants.next_pool_name()
        Home.objects.create(name=name, kind=Home.Kind.POOL)
        try:
            with monkeypatch.context() as dying:
                dying.setattr(MigrationExecutor, "record_migration", lambda *_: 1 / 0)
                with pytest.raises(ZeroDivisionError):
                    homes.run_step(homes.HomeStep("users", name))

            # Made and not noted, its tables would be in the way of making it again.
            assert homes.run_step(homes.HomeStep("users", name)) > 0
        finally:
            drop_home(name)

    def test_looks_at_no_tenant_when_there_is_nothing_to_do(
        self, make_tenant: Callable[..., Tenant]
    ) -> None:
        make_tenant()

        with CaptureQueriesContext(connections["default"]) as queries:
            run("migrate")

        assert not [query for query in queries if "tenancy_tenant" in query["sql"]]

    def test_check_reports_a_home_that_is_behind(self) -> None:
        name = tenants.next_pool_name()
        Home.objects.create(name=name, kind=Home.Kind.POOL)
        try:
            with pytest.raises(CommandError, match="homes are behind"):
                run("migrate", check=True)
        finally:
            drop_home(name)


class TestListTenants:
    def test_lists_them_for_scripts(self, tenant: Tenant) -> None:
        rows = json.loads(run("list_tenants", "--format", "json"))

        mine = next(row for row in rows if row["slug"] == tenant.slug)
        assert mine["lives_in"] == "pool_1"
        assert mine["status"] == "ACTIVE"

    def test_narrows_by_status(self, tenant: Tenant) -> None:
        run("suspend_tenant", tenant.slug)

        rows = json.loads(run("list_tenants", "--format", "json", status="suspended"))

        assert tenant.slug in {row["slug"] for row in rows}
        assert {row["status"] for row in rows} == {"SUSPENDED"}


class TestAppointOwner:
    def test_gives_a_tenant_an_owner_once(self, tenant: Tenant) -> None:
        email = f"owner@{tenant.slug}.example"

        for _ in range(2):
            run("appoint_owner", tenant.slug, email)

        assert [member.role for member in tenant.memberships.all()] == ["owner"]

    @pytest.mark.parametrize(
        ("slug", "email"), [("nobody-here", "a@b.example"), (None, "nonsense")]
    )
    def test_refuses_in_one_line(self, tenant: Tenant, slug: str | None, email: str) -> None:
        with pytest.raises(CommandError) as refusal:
            run("appoint_owner", slug or tenant.slug, email)

        assert "\n" not in str(refusal.value)
        assert not tenant.memberships.exists()
