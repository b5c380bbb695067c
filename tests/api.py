"""Calling the API in tests as somebody."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from rest_framework.test import APIClient

from apps.kernel.ids import uuid7
from apps.tenancy.models import Tenant


@dataclass(frozen=True)
class Caller:
    """Who calls: an id of the identity provider, and a role for staff."""

    name: str = ""
    role: str | None = None
    id: UUID = field(default_factory=uuid7)
    is_authenticated: bool = True


def client_of(tenant: Tenant, caller: Caller | None = None) -> APIClient:
    """Return a client of the tenant's host; tokens are tested where they are verified."""
    client = APIClient(HTTP_HOST=tenant.domains.get(is_primary=True).domain)
    if caller is not None:
        client.force_authenticate(user=caller)
    return client


def errors_of(response: Any) -> set[str]:
    """Return the names of the fields that a problem document names."""
    assert response["Content-Type"] == "application/problem+json", response.content
    return {error["field"] for error in response.json().get("errors", [])}
