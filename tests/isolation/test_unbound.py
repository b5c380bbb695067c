"""Whatever runs without a tenant is refused, and never told that there are no rows."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import RequestFactory

from apps.audit.models import AuditEntry
from apps.tenancy.admin_site import tenant_site
from apps.tenancy.errors import Unbound
from apps.tenancy.fields import bound_tenant_id
from apps.tenancy.models import Tenant
from apps.tenancy.router import EverywhereApp
from config.databases import HOME_ALIASES
from tests.isolation.world import models_of_homes

TABLES = sorted(models_of_homes(), key=lambda table: (table[0], table[1]._meta.label))
MODELS = {model for _, model in TABLES}


class TestModels:
    @pytest.mark.parametrize(
        ("alias", "model"), TABLES, ids=[f"{alias}-{model.__name__}" for alias, model in TABLES]
    )
    def test_no_model_of_a_context_can_be_read(self, alias: str, model: Any) -> None:
        for manager in {model._base_manager, model._default_manager}:
            with pytest.raises(Unbound):
                manager.using(alias).exists()

    def test_what_is_in_every_database_is_never_looked_for_in_one_by_guess(self) -> None:
        with pytest.raises(EverywhereApp, match="say which"):
            AuditEntry.objects.exists()

    def test_a_new_row_belongs_to_nobody(self) -> None:
        with pytest.raises(Unbound):
            bound_tenant_id()

    @pytest.mark.parametrize("alias", HOME_ALIASES)
    def test_no_cursor_is_given_out(self, alias: str) -> None:
        with pytest.raises(Unbound), connections[alias].cursor():
            pass


class TestShellAndCommands:
    def test_the_shell(self) -> None:
        with pytest.raises(Unbound):
            call_command(
                "shell",
                command="from apps.users.models import Profile; list(Profile.objects.all())",
                verbosity=0,
            )

    @pytest.mark.parametrize("alias", HOME_ALIASES)
    def test_dumpdata(self, alias: str) -> None:
        label = alias if alias in {model._meta.app_label for _, model in TABLES} else "audit"
        with pytest.raises((Unbound, CommandError), match="no tenant is bound"):
            call_command("dumpdata", label, database=alias, stdout=StringIO())

    def test_flush(self) -> None:
        with pytest.raises((Unbound, CommandError)):
            call_command("flush", database="users", interactive=False, stdout=StringIO())

    def test_commands_of_the_platform_need_no_tenant(self, tenant: Tenant) -> None:
        out = StringIO()

        call_command("list_tenants", stdout=out)

        assert tenant.slug in out.getvalue()


class TestAdmin:
    def test_no_list_choice_or_autocomplete_of_the_tenant_s_site_works_unbound(
        self, tenant: Tenant
    ) -> None:
        request = RequestFactory().get("/admin/")
        request.tenant = tenant
        walled = [
            (model, admin) for model, admin in tenant_site._registry.items() if model in MODELS
        ]
        if not walled:
            pytest.skip("no model of a context is registered yet")

        for model, admin in walled:
            with pytest.raises(Unbound):
                list(admin.get_queryset(request)[:1])
            for field in model._meta.fields:
                if field.remote_field is not None:
                    # What fills a select and an autocomplete.
                    with pytest.raises(Unbound):
                        list(field.formfield().queryset[:1])
