"""The control plane's tables are logged under the tenant they are of, or the platform's own id."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.models import AuditEntry
from apps.kernel.ids import uuid7
from apps.tenancy.models import (
    Account,
    Domain,
    Home,
    Invitation,
    Issuer,
    Membership,
    SigningKey,
    Tenant,
)
from apps.tenancy.models.audited import PLATFORM_ID


def account() -> Account:
    return Account.objects.create_user(f"{uuid7().hex}@people.example", name="Ada")


OF_A_TENANT: dict[type, Callable[[Tenant], Any]] = {
    Domain: lambda tenant: Domain(tenant=tenant, domain=f"d{uuid7().hex}.example"),
    Membership: lambda tenant: Membership(tenant=tenant, account=account(), role="viewer"),
    Issuer: lambda tenant: Issuer(tenant=tenant, url=f"https://{uuid7().hex}.test", audience="x"),
    Invitation: lambda tenant: Invitation(
        tenant=tenant,
        email="somebody@people.example",
        role="viewer",
        invited_by=account(),
        token_hash=uuid7().hex * 2,
        expires_at=timezone.now(),
    ),
}
OF_THE_PLATFORM: dict[type, Callable[[], Any]] = {
    Account: lambda: Account(email=f"{uuid7().hex}@people.example"),
    SigningKey: lambda: SigningKey(
        kid=uuid7().hex, sealed_private_key="x", created_at=timezone.now()
    ),
    Home: lambda: Home(name=f"t_{uuid7().hex}", kind="OWN"),
}
CHANGES: dict[type, dict[str, Any]] = {
    Domain: {"domain": f"{uuid7().hex}.example"},
    Membership: {"role": "editor"},
    Issuer: {"algorithms": ["EdDSA"]},
    Invitation: {"role": "editor"},
    Account: {"is_active": False},
    SigningKey: {"retires_at": timezone.now()},
    Home: {"state": "FULL"},
}


def story_of(row: Any, *, pk: Any) -> list[AuditEntry]:
    found = AuditEntry.objects.using("default").filter(
        entity_type=row._meta.db_table, entity_id=str(pk)
    )
    return list(found.order_by("xid", "id"))


def live(row: Any) -> list[AuditEntry]:
    """Add the row, change it, delete it; return what was logged."""
    row.save(force_insert=True)
    pk = row.pk
    type(row).objects.filter(pk=pk).update(**CHANGES[type(row)])
    row.delete()
    return story_of(row, pk=pk)


class TestControlPlane:
    @pytest.mark.parametrize("model", OF_A_TENANT, ids=lambda model: model.__name__)
    def test_logs_what_is_a_tenants_under_the_tenant(self, model: Any, tenant: Tenant) -> None:
        story = live(OF_A_TENANT[model](tenant))

        assert {entry.tenant_id for entry in story} == {tenant.id}
        assert [entry.action for entry in story] == ["INSERT", "UPDATE", "DELETE"]
        assert story[1].changed_fields == list(CHANGES[model])

    @pytest.mark.parametrize("model", OF_THE_PLATFORM, ids=lambda model: model.__name__)
    def test_logs_what_is_the_platforms_under_its_own_id(self, model: Any) -> None:
        story = live(OF_THE_PLATFORM[model]())

        assert {str(entry.tenant_id) for entry in story} == {PLATFORM_ID}
        assert [entry.action for entry in story] == ["INSERT", "UPDATE", "DELETE"]

    def test_logs_a_tenant_and_what_goes_with_it_when_it_is_deleted(
        self, make_tenant: Callable[..., Tenant]
    ) -> None:
        tenant = make_tenant()
        tenant_id = tenant.id
        rows = [make(tenant) for make in OF_A_TENANT.values()]
        for row in rows:
            row.save()
        Tenant.objects.filter(id=tenant_id).update(name="Renamed")

        tenant.delete()

        entries = AuditEntry.objects.using("default").filter(tenant_id=tenant_id)
        deleted = set(entries.filter(action="DELETE").values_list("entity_type", "entity_id"))
        assert deleted >= {
            ("tenancy_tenant", str(tenant_id)),
            *(
                (row._meta.db_table, entry.entity_id)
                for row in rows
                for entry in entries.filter(entity_type=row._meta.db_table, action="INSERT")
            ),
        }
        (renamed,) = entries.filter(entity_type="tenancy_tenant", action="UPDATE")
        assert renamed.new_values == {"name": "Renamed"}
