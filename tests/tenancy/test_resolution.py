"""Which tenant a request is for, and what is said when it is for none."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.tenancy import resolution
from apps.tenancy.models import Domain, Tenant
from apps.tenancy.operations import tenants

PLATFORM = "quintet.test"
PATH = "/api/v1/profiles"


def get(host: str, **headers: str) -> Any:
    return Client(HTTP_HOST=host).get(PATH, headers=headers)


def kind_of(response: Any) -> str:
    assert response["Content-Type"] == "application/problem+json"
    return str(response.json()["type"])


@pytest.fixture
def host(tenant: Tenant) -> str:
    return str(tenant.domains.get().domain)


class TestHost:
    def test_leads_to_the_tenant(self, host: str) -> None:
        assert get(host).status_code == 200

    @pytest.mark.parametrize("spelling", ["{}:8000", "{}.", "{}.:8000"])
    def test_is_read_without_port_and_dot(self, host: str, spelling: str) -> None:
        assert get(spelling.format(host)).status_code == 200

    def test_is_read_in_any_case(self, host: str) -> None:
        assert get(host.upper()).status_code == 200

    @pytest.mark.parametrize(
        "unknown",
        ["nobody.test", "", "a b", "[::1]", "x" * 300, "../etc", "quintet.test.evil.test"],
    )
    def test_that_nobody_has_is_answered_404(self, unknown: str) -> None:
        response = get(unknown)

        assert response.status_code == 404
        assert kind_of(response) == "/problems/unknown-host"

    def test_of_a_suspended_tenant_is_answered_403(self, tenant: Tenant, host: str) -> None:
        tenants.suspend_tenant(slug=tenant.slug, suspended_at=timezone.now())

        response = get(host)

        assert response.status_code == 403
        assert kind_of(response) == "/problems/tenant-suspended"

    def test_of_a_tenant_being_set_up_is_not_served(
        self, make_tenant: Callable[..., Tenant]
    ) -> None:
        unfinished = make_tenant(status=Tenant.Status.PROVISIONING)

        assert get(unfinished.domains.get().domain).status_code == 403

    def test_may_be_one_of_several(self, tenant: Tenant) -> None:
        second = f"fans-of-{tenant.slug}.example"
        Domain.objects.create(tenant=tenant, domain=second)

        assert get(second).status_code == 200


class TestHeader:
    def test_names_the_tenant_on_the_platforms_host(self, tenant: Tenant) -> None:
        assert get(PLATFORM, **{"X-Tenant": tenant.slug}).status_code == 200

    @pytest.mark.parametrize("slug", ["nobody", "UPPER", "", "a' OR 1=1", "x" * 500])
    def test_that_names_nobody_is_answered_404(self, slug: str) -> None:
        response = get(PLATFORM, **{"X-Tenant": slug})

        assert response.status_code == 404
        assert kind_of(response) == "/problems/unknown-tenant"

    def test_is_not_read_on_a_tenants_own_host(self, host: str, rival: Tenant) -> None:
        response = get(host, **{"X-Tenant": rival.slug})

        assert response.status_code == 400
        assert kind_of(response) == "/problems/tenant-header-not-allowed"

    def test_missing_on_the_platforms_host_is_asked_for(self) -> None:
        response = get(PLATFORM)

        assert response.status_code == 400
        assert kind_of(response) == "/problems/tenant-required"


class TestEveryReply:
    def test_carries_the_callers_request_id(self, host: str) -> None:
        given = "018f2e6a-0000-7000-8000-000000000001"

        assert get(host, **{"X-Request-ID": given})["X-Request-ID"] == given

    @pytest.mark.parametrize("given", ["", "not-a-uuid", "'; DROP TABLE x --", "x" * 1000])
    def test_gets_an_id_of_ours_otherwise(self, host: str, given: str) -> None:
        answered = get(host, **{"X-Request-ID": given})["X-Request-ID"]

        assert answered != given
        assert len(answered) == 36

    @pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
    def test_probes_answer_on_any_host(self, path: str) -> None:
        assert Client(HTTP_HOST="10.1.2.3:8000").get(path).status_code == 200

    def test_an_address_that_is_not_there_is_a_problem_too(self, host: str) -> None:
        response = Client(HTTP_HOST=host).get("/api/v1/nothing")

        assert response.status_code == 404
        assert kind_of(response) == "/problems/not-found"

    def test_says_the_same_of_an_unknown_address_and_an_unknown_id(self, host: str) -> None:
        client = Client(HTTP_HOST=host)

        address = client.get("/api/v1/nothing")
        row = client.get("/api/v1/profiles/018f2e6a-0000-7000-8000-000000000001")

        assert address.content == row.content


class TestMemory:
    def test_does_not_outlive_a_change_made_here(self, tenant: Tenant, host: str) -> None:
        assert get(host).status_code == 200

        tenants.suspend_tenant(slug=tenant.slug, suspended_at=timezone.now())

        assert get(host).status_code == 403

    def test_of_a_change_made_elsewhere_lasts_two_seconds(
        self, tenant: Tenant, host: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert get(host).status_code == 200
        Tenant.objects.filter(id=tenant.id).update(
            status=Tenant.Status.SUSPENDED, suspended_at=timezone.now()
        )
        clock = resolution.time.monotonic() + resolution.REMEMBERED_FOR + 0.01
        monkeypatch.setattr(resolution.time, "monotonic", lambda: clock)

        assert get(host).status_code == 403
