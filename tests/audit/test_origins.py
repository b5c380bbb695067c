"""Who did it and whence: what the log says of the api, the admin, commands, tasks and raw SQL."""

from collections.abc import Callable
from io import StringIO
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import IntegrityError, connections, transaction
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEntry
from apps.kernel.ids import uuid7
from apps.tenancy import binding, origin
from apps.tenancy.models import Account, Home, Membership, Tenant
from apps.tenancy.models.audited import PLATFORM_ID
from apps.tenancy.origin import Actor, Origin
from tests.api import Caller, client_of
from tests.factories import CelebrityFactory
from tests.tasks import rename_profiles

LogOf = Callable[..., list[AuditEntry]]
AGENT = "Mozilla/5.0 (X11) Test/1.0"
NASTY = {
    "quotes": "a 'b' \"c\" `d` $$e$$ E'\\x41'",
    "braces and percents": '{"source": "sql"} {} {0} %s %(x)s %%',
    "backslashes": "\\ \\' \\u0000 \\n",
    "newlines": "a\tb",
    "other scripts": "Агент 代理 👩🏽‍🚀",
}


@pytest.fixture
def editor() -> Caller:
    return Caller(name="Edith Editor", role="editor")


def add_celebrity(client: Any, **headers: Any) -> Any:
    body = {
        "profile_type": "CELEBRITY",
        "keycloak_id": str(uuid7()),
        "display_name": "Star",
    }
    response = client.post("/api/v1/profiles", body, format="json", **headers)
    assert response.status_code == 201, response.content
    return response


def said(entry: AuditEntry) -> tuple[Any, ...]:
    return entry.actor_type, entry.actor_id, entry.actor_tenant_id, entry.source


class TestApi:
    def test_names_person_tenant_session_and_request(
        self, tenant_in_home: Tenant, editor: Caller, log_of: LogOf
    ) -> None:
        request_id = uuid7()
        response = add_celebrity(
            client_of(tenant_in_home, editor),
            HTTP_USER_AGENT=AGENT,
            HTTP_X_REQUEST_ID=str(request_id),
            REMOTE_ADDR="2001:db8::7",
        )

        (entry,) = log_of(tenant_in_home, entity_type="profiles", action="INSERT")
        assert entry.entity_id == response.json()["id"]
        assert said(entry) == ("person", str(editor.id), tenant_in_home.id, "api")
        assert str(entry.request_id) == response["X-Request-ID"] == str(request_id)
        assert (entry.ip_address, entry.user_agent) == ("2001:db8::7", AGENT)
        assert entry.session_id

    def test_names_whoever_writes_in_the_control_plane(self, tenant: Tenant, log_of: LogOf) -> None:
        owner = Caller(name="Olga Owner", role="owner")
        response = client_of(tenant, owner).post(
            "/api/v1/issuers",
            {"url": "https://issuer.test", "audience": "x", "jwks_uri": "https://issuer.test/k"},
            format="json",
            HTTP_USER_AGENT=AGENT,
        )
        assert response.status_code == 201, response.content

        (entry,) = log_of(tenant, alias="default", entity_type="tenancy_issuer")
        assert said(entry) == ("person", str(owner.id), tenant.id, "api")
        assert entry.user_agent == AGENT
        assert nothing_is_left()

    @pytest.mark.parametrize("agent", NASTY.values(), ids=NASTY)
    def test_keeps_any_user_agent_as_it_came(
        self, tenant: Tenant, editor: Caller, log_of: LogOf, agent: str
    ) -> None:
        add_celebrity(client_of(tenant, editor), HTTP_USER_AGENT=agent)

        (entry,) = log_of(tenant, entity_type="profiles", action="INSERT")
        assert entry.user_agent == agent
        assert entry.source == "api"

    @pytest.mark.parametrize(
        ("agent", "kept"),
        [
            ("nul\x00 and \x00more", "nul and more"),
            ("surrogate \ud800 and \udfff", "surrogate  and "),
            ("x" * 10_000, "x" * origin.USER_AGENT_LENGTH),
            ("", None),
        ],
        ids=["NUL", "lone surrogates", "10,000 characters", "empty"],
    )
    def test_keeps_what_can_be_kept_of_the_rest(
        self, tenant: Tenant, editor: Caller, log_of: LogOf, agent: str, kept: str | None
    ) -> None:
        add_celebrity(client_of(tenant, editor), HTTP_USER_AGENT=agent)

        (entry,) = log_of(tenant, entity_type="profiles", action="INSERT")
        assert entry.user_agent == kept

    @pytest.mark.parametrize(
        "address",
        ["", "nonsense", "1.2.3", "'; DROP TABLE profiles; --", "/run/socket", "1.2.3.4/8"],
    )
    def test_keeps_no_address_that_is_none(
        self, tenant: Tenant, editor: Caller, log_of: LogOf, address: str
    ) -> None:
        add_celebrity(client_of(tenant, editor), REMOTE_ADDR=address)

        (entry,) = log_of(tenant, entity_type="profiles", action="INSERT")
        assert entry.ip_address is None

    @pytest.mark.parametrize(
        ("header", "kept"),
        [
            ("203.0.113.9", "203.0.113.9"),
            ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
            ("203.0.113.9, nonsense", None),
            ("fe80::1%eth0", "fe80::1"),
            ("", None),
        ],
    )
    def test_takes_the_address_from_the_proxys_header_where_one_is_named(
        self,
        tenant: Tenant,
        editor: Caller,
        log_of: LogOf,
        monkeypatch: pytest.MonkeyPatch,
        header: str,
        kept: str | None,
    ) -> None:
        monkeypatch.setattr(settings, "CLIENT_ADDRESS_HEADER", "X-Forwarded-For")

        add_celebrity(client_of(tenant, editor), HTTP_X_FORWARDED_FOR=header)

        (entry,) = log_of(tenant, entity_type="profiles", action="INSERT")
        assert entry.ip_address == kept

    def test_believes_no_header_unless_one_is_named(
        self, tenant: Tenant, editor: Caller, log_of: LogOf
    ) -> None:
        add_celebrity(client_of(tenant, editor), HTTP_X_FORWARDED_FOR="203.0.113.9")

        (entry,) = log_of(tenant, entity_type="profiles", action="INSERT")
        assert entry.ip_address == "127.0.0.1"

    def test_names_nobody_who_did_not_say_who_they_are(self, tenant: Tenant) -> None:
        mail = f"{uuid7().hex}@people.example"
        client = client_of(tenant)
        client.defaults["HTTP_HOST"] = settings.PLATFORM_HOST
        response = client.post(
            "/_allauth/app/v1/auth/signup",
            {"email": mail, "password": "a rather long passphrase"},
            format="json",
            HTTP_USER_AGENT=AGENT,
        )

        account = Account.objects.get(email=mail)
        (entry,) = AuditEntry.objects.using("default").filter(
            entity_type="tenancy_account", entity_id=str(account.id), action="INSERT"
        )
        assert response.status_code in {200, 401}
        assert said(entry) == ("anonymous", None, None, "api")
        assert entry.user_agent == AGENT


class TestAdmin:
    def test_names_the_staff_of_a_tenant(self, tenant: Tenant, log_of: LogOf) -> None:
        account = Account.objects.create_user(f"{uuid7().hex}@people.example", "long password")
        Membership.objects.create(tenant=tenant, account=account, role="admin")
        with binding.bind(tenant, writes="users"):
            star = CelebrityFactory()
        client = Client(HTTP_HOST=tenant.domains.get(is_primary=True).domain)
        client.force_login(account)

        client.post(
            "/admin/users/profile/",
            {"action": "delete_selected", "post": "yes", "_selected_action": str(star.id)},
            HTTP_USER_AGENT=AGENT,
        )

        (entry,) = log_of(tenant, entity_type="profiles", action="UPDATE")
        assert said(entry) == ("person", str(account.id), tenant.id, "admin")
        assert entry.user_agent == AGENT
        # It names the session, and nobody can come in with the name.
        key = client.session.session_key
        assert entry.session_id
        assert entry.session_id not in key
        assert key not in entry.session_id

    def test_names_the_operator_of_the_platform(self) -> None:
        operator = Account.objects.create_superuser(f"{uuid7().hex}@people.example", "long one")
        name = f"t_{uuid7().hex}"
        Home.objects.create(name=name, kind="OWN")
        client = Client(HTTP_HOST=settings.PLATFORM_HOST)
        client.force_login(operator)

        response = client.post(f"/admin/tenancy/home/{name}/change/", {"state": "FULL"})

        Home.objects.filter(name=name).delete()
        assert response.status_code == 302, response.content[-2000:]
        (entry,) = AuditEntry.objects.using("default").filter(
            tenant_id=PLATFORM_ID, entity_id=name, action="UPDATE"
        )
        assert said(entry) == ("person", str(operator.id), None, "admin")


class TestPrograms:
    def test_a_command_is_named(self, tenant: Tenant, log_of: LogOf) -> None:
        call_command("suspend_tenant", tenant.slug, stdout=StringIO())

        (entry,) = log_of(tenant, alias="default", entity_type="tenancy_tenant", action="UPDATE")
        assert said(entry) == ("command", "suspend_tenant", None, "command")
        assert nothing_is_left()

    def test_a_task_is_named(self, tenant_in_home: Tenant, log_of: LogOf) -> None:
        with binding.bind(tenant_in_home, writes="users"):
            CelebrityFactory(display_name="Before")

        rename_profiles.apply(
            kwargs={"name": "After"}, headers={"quintet_tenant": str(tenant_in_home.id)}
        ).get()

        (entry,) = log_of(tenant_in_home, entity_type="profiles", action="UPDATE")
        assert said(entry) == ("task", "tests.rename_profiles", None, "task")

    def test_raw_sql_is_logged_as_the_databases_role(
        self, raw: psycopg.Connection, tenant_in_home: Tenant, log_of: LogOf
    ) -> None:
        with binding.bind(tenant_in_home, writes="users"):
            CelebrityFactory()
        raw.execute("UPDATE profiles SET display_weight = 3")
        raw.commit()

        (entry,) = log_of(tenant_in_home, entity_type="profiles", action="UPDATE")
        assert said(entry) == ("database", "quintet_app", None, "sql")
        assert entry.request_id is entry.session_id is entry.ip_address is entry.user_agent is None


SOMEBODY = Origin(actor=Actor("person", "somebody"), source="admin")


def nothing_is_left() -> bool:
    """Whether the control plane's connection says nothing of an origin any more."""
    found = connections["default"].connection.execute(
        "SELECT current_setting('app.actor_id', true), current_setting('app.origin', true)"
    )
    return not any(found.fetchone())


def actors_of(tenant: Tenant) -> list[str | None]:
    entries = AuditEntry.objects.using("default").filter(
        tenant_id=tenant.id, entity_type="tenancy_tenant", action="UPDATE"
    )
    return list(entries.order_by("xid", "id").values_list("actor_id", flat=True))


def rename(tenant: Tenant, name: str) -> None:
    Tenant.objects.filter(id=tenant.id).update(name=name)


class TestControlPlaneConnection:
    def test_says_it_with_a_lone_write(self, tenant: Tenant) -> None:
        with origin.acting(SOMEBODY):
            rename(tenant, "one")
            assert nothing_is_left()
            tenant.name = "two"
            tenant.save()
        rename(tenant, "three")

        assert actors_of(tenant) == ["somebody", "somebody", "quintet_app"]
        assert nothing_is_left()

    def test_says_it_in_a_transaction_and_after_a_savepoint_rolled_back(
        self, tenant: Tenant
    ) -> None:
        with origin.acting(SOMEBODY), transaction.atomic():
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                rename(tenant, "never")
                raise ZeroDivisionError
            rename(tenant, "one")
            with transaction.atomic():
                rename(tenant, "two")
        assert nothing_is_left()

        rename(tenant, "three")
        assert actors_of(tenant) == ["somebody", "somebody", "quintet_app"]

    @pytest.mark.parametrize("in_transaction", [True, False])
    def test_leaves_nothing_after_an_exception(
        self, tenant: Tenant, rival: Tenant, in_transaction: bool
    ) -> None:
        def break_a_rule() -> None:
            Tenant.objects.filter(id=rival.id).update(slug=tenant.slug)

        with origin.acting(SOMEBODY), pytest.raises(IntegrityError):
            if in_transaction:
                with transaction.atomic():
                    break_a_rule()
            else:
                break_a_rule()

        assert nothing_is_left()
        rename(rival, "after")
        assert actors_of(rival) == ["quintet_app"]

    def test_says_nothing_of_an_origin_that_has_ended(self, tenant: Tenant) -> None:
        with transaction.atomic():
            with origin.acting(SOMEBODY):
                rename(tenant, "one")
        with transaction.atomic():
            rename(tenant, "two")

        assert actors_of(tenant) == ["somebody", "quintet_app"]

    def test_says_it_for_raw_statements_that_write(self, tenant: Tenant) -> None:
        with origin.acting(SOMEBODY), connections["default"].cursor() as cursor:
            cursor.execute(
                "\n  update tenancy_tenant SET name = 'raw' WHERE id = %s",
                [tenant.id],
            )
        assert actors_of(tenant) == ["somebody"]

    def test_the_platforms_own_rows_have_the_platforms_id(self) -> None:
        name = f"t_{uuid7().hex}"
        with origin.acting(SOMEBODY):
            Home.objects.create(name=name, kind="OWN", created_at=timezone.now())
        Home.objects.filter(name=name).delete()

        first, last = (
            AuditEntry.objects.using("default")
            .filter(tenant_id=UUID(PLATFORM_ID), entity_id=name)
            .order_by("xid")
        )
        assert (first.actor_id, last.actor_id) == ("somebody", "quintet_app")
