"""Calling the API in tests as somebody."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.test import Client
from rest_framework.test import APIClient

from apps.kernel.ids import uuid7
from apps.tenancy.identity import issuing, people
from apps.tenancy.models import Account, Membership, Tenant


@dataclass(frozen=True)
class Caller:
    """Who calls: an account of the embedded issuer, made at the first call, and a role for staff."""

    name: str = ""
    role: str | None = None
    id: UUID = field(default_factory=uuid7)


def client_of(tenant: Tenant, caller: Caller | None = None) -> APIClient:
    """Return a client of the tenant's host that sends the caller's own, real token."""
    client = APIClient(HTTP_HOST=tenant.domains.get(is_primary=True).domain)
    if caller is not None:
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(tenant, caller)}")
    return client


def token_of(tenant: Tenant, caller: Caller) -> str:
    """Return an access token of the caller for a tenant, whose staff they join if they have a role."""
    account, is_new = Account.objects.get_or_create(
        id=caller.id, defaults={"email": f"{caller.id}@people.example", "name": caller.name}
    )
    if is_new:
        account.emailaddress_set.create(email=account.email, verified=True, primary=True)
    if caller.role:
        Membership.objects.update_or_create(
            tenant=tenant, account=account, defaults={"role": caller.role}
        )
        people.forget()
    return issuing.access_token(account=account, tenant_id=tenant.id, seconds=7_200)


class Staff(Client):
    """A browser in which somebody of a tenant's staff is signed in."""

    account: Account


def signed_in(tenant: Tenant, role: str) -> Staff:
    """Return a browser on the tenant's host in which new staff of a role is signed in."""
    # Without a password, which would take long to hash.
    account = Account.objects.create_user(f"{role}-{uuid7().hex}@people.example")
    Membership.objects.create(tenant=tenant, account=account, role=role)
    client = Staff(HTTP_HOST=tenant.domains.get(is_primary=True).domain)
    client.force_login(account)
    client.account = account
    return client


def errors_of(response: Any) -> set[str]:
    """Return the names of the fields that a problem document names."""
    assert response["Content-Type"] == "application/problem+json", response.content
    return {error["field"] for error in response.json().get("errors", [])}
