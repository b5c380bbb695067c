"""`manage.py issue_token` and `create_oidc_client`, as scripts use them."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.tenancy.models import Account, Role, Tenant
from tests.tenancy.people import client_with, new_account, new_email, new_member


def issue(tenant: Tenant, email: str, *options: str) -> str:
    out = StringIO()
    call_command("issue_token", "--tenant", tenant.slug, "--email", email, *options, stdout=out)
    return out.getvalue().strip()


class TestIssueToken:
    def test_prints_a_token_that_the_api_accepts(self, tenant: Tenant) -> None:
        owner = new_member(tenant, Role.OWNER)

        token = issue(tenant, owner.account.address)

        assert client_with(tenant, token).get("/api/v1/members").status_code == 200

    def test_prints_a_token_for_one_tenant_only(self, tenant: Tenant, rival: Tenant) -> None:
        token = issue(tenant, new_account("fan").address)

        assert client_with(rival, token).get("/api/v1/members").status_code == 401

    def test_prints_json_for_scripts(self, tenant: Tenant) -> None:
        owner = new_member(tenant, Role.OWNER)

        answer: dict[str, Any] = json.loads(
            issue(tenant, owner.account.address, "--ttl", "60", "--format", "json")
        )

        assert answer["token_type"] == "Bearer"
        assert answer["expires_in"] == 60
        assert answer["role"] == "owner"
        assert answer["access_token"].count(".") == 2

    def test_refuses_an_unknown_account_and_makes_none(self, tenant: Tenant) -> None:
        email = new_email("nobody")

        with pytest.raises(CommandError, match="--create"):
            issue(tenant, email)

        assert not Account.objects.filter(email=email).exists()

    def test_makes_an_account_and_a_membership_when_told_to(self, tenant: Tenant) -> None:
        email = new_email("robot")

        token = issue(tenant, email, "--create", "--role", "editor")

        assert client_with(tenant, token).get("/api/v1/members").status_code == 200
        assert not Account.objects.get(email=email).has_usable_password()

    def test_does_not_give_a_role_without_being_told_to(self, tenant: Tenant) -> None:
        account = new_account("fan")

        with pytest.raises(CommandError, match="--create"):
            issue(tenant, account.address, "--role", "admin")

        assert not account.memberships.exists()

    def test_does_not_change_a_role(self, tenant: Tenant) -> None:
        viewer = new_member(tenant, Role.VIEWER)

        with pytest.raises(CommandError, match="is viewer"):
            issue(tenant, viewer.account.address, "--role", "owner", "--create")

    @pytest.mark.parametrize("ttl", ["0", "-5", "999999999"])
    def test_refuses_a_lifetime_that_no_key_lives(self, tenant: Tenant, ttl: str) -> None:
        with pytest.raises(CommandError, match="Choose 1 to"):
            issue(tenant, new_account("fan").address, "--ttl", ttl)

    def test_refuses_an_unknown_tenant(self) -> None:
        with pytest.raises(CommandError, match="There is no tenant 'nowhere'"):
            call_command("issue_token", "--tenant", "nowhere", "--email", "a@people.example")

    def test_refuses_an_account_that_is_switched_off(self, tenant: Tenant) -> None:
        account = new_account("fan")
        Account.objects.filter(id=account.id).update(is_active=False)

        with pytest.raises(CommandError, match="switched off"):
            issue(tenant, account.address)

    def test_refuses_to_create_what_is_no_address(self, tenant: Tenant) -> None:
        with pytest.raises(CommandError, match="not an email address"):
            issue(tenant, "not-an-address", "--create")


class TestCreateOIDCClient:
    def test_does_not_change_one_that_exists(self) -> None:
        arguments = ("create_oidc_client", new_email("app"), "--redirect-uri", "https://a.example/")
        call_command(*arguments, stdout=StringIO())

        with pytest.raises(CommandError, match="already"):
            call_command(*arguments)
