"""Who is let in, and what the others are told before a stream begins."""

from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from apps.tenancy.models import Tenant
from tests.api import Caller, client_of, token_of
from tests.platform.stream.conftest import host_of
from tests.platform.stream.reader import Reader

TICKETS = "/api/v1/stream/tickets"


@pytest.fixture
def ada() -> Caller:
    return Caller(name="Ada")


@pytest.fixture
def knock(stream_port: int) -> Any:
    """Return a function that opens a connection and gives what came back."""
    opened: list[Reader] = []

    def call(host: str, **kwargs: Any) -> Reader:
        opened.append(Reader(stream_port, host=host, **kwargs))
        return opened[-1]

    yield call
    for reader in opened:
        reader.close()


def bearer(tenant: Tenant, caller: Caller) -> dict[str, str]:
    return {"Authorization": f"Bearer {token_of(tenant, caller)}"}


class TestDoor:
    def test_refuses_who_is_not_signed_in(self, tenant: Tenant, knock: Any) -> None:
        refused = knock(host_of(tenant))

        assert refused.status == 401
        assert refused.problem()["type"] == "/problems/not-authenticated"
        assert refused.headers["www-authenticate"].startswith("Bearer")

    def test_reads_no_token_out_of_the_address(
        self, tenant: Tenant, knock: Any, ada: Caller
    ) -> None:
        token = token_of(tenant, ada)

        for name in ("access_token", "token", "authorization", "ticket"):
            assert knock(host_of(tenant), path=f"/api/v1/stream?{name}={token}").status == 401

    def test_refuses_a_token_that_is_none(self, tenant: Tenant, knock: Any) -> None:
        refused = knock(host_of(tenant), headers={"Authorization": "Bearer nonsense"})

        assert refused.status == 401
        assert refused.problem()["type"] == "/problems/invalid-token"

    def test_takes_the_tenant_from_the_header_on_the_platform_s_host(
        self, tenant: Tenant, rival: Tenant, knock: Any, ada: Caller
    ) -> None:
        host, own = settings.PLATFORM_HOST, bearer(tenant, ada)

        assert knock(host, headers={**own, "X-Tenant": tenant.slug}).take().kind == "ready"
        assert knock(host, headers=own).problem()["type"] == "/problems/tenant-required"
        assert knock(host, headers={**own, "X-Tenant": rival.slug}).status == 401
        assert knock(host_of(tenant), headers={**own, "X-Tenant": rival.slug}).status == 400
        assert knock("nobody.example", headers=own).status == 404

    def test_refuses_a_suspended_tenant(self, make_tenant: Any, knock: Any, ada: Caller) -> None:
        tenant = make_tenant(status=Tenant.Status.SUSPENDED, suspended_at=timezone.now())

        refused = knock(host_of(tenant), headers=bearer(tenant, ada))

        assert refused.status == 403
        assert refused.problem()["type"] == "/problems/tenant-suspended"

    @pytest.mark.parametrize("path", ["/", "/api/v1/stream/", "/api/v1/tags", "/api/v1/stream/x"])
    def test_leads_nowhere_else(self, tenant: Tenant, knock: Any, ada: Caller, path: str) -> None:
        refused = knock(host_of(tenant), path=path, headers=bearer(tenant, ada))

        assert refused.status == 404
        assert refused.problem()["type"] == "/problems/not-found"

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
    def test_is_only_for_reading(
        self, tenant: Tenant, knock: Any, ada: Caller, method: str
    ) -> None:
        refused = knock(host_of(tenant), method=method, headers=bearer(tenant, ada))

        assert refused.status == 405
        assert refused.headers["allow"] == "GET, OPTIONS"

    def test_answers_the_probes(self, knock: Any) -> None:
        assert knock("10.0.0.1", path="/health/live").status == 200
        assert knock("10.0.0.1", path="/health/ready").status == 200

    def test_lets_pages_of_other_origins_in_as_the_api_does(
        self, tenant: Tenant, knock: Any, ada: Caller
    ) -> None:
        asked = {
            "Origin": "https://fans.example",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization,last-event-id",
        }
        allowed = knock(host_of(tenant), method="OPTIONS", headers=asked)
        given = knock(
            host_of(tenant), headers={**bearer(tenant, ada), "Origin": "https://fans.example"}
        )

        assert allowed.status == 200
        assert "last-event-id" in allowed.headers["access-control-allow-headers"]
        assert given.headers["access-control-allow-origin"] == "*"


class TestTicket:
    def test_is_good_once(self, tenant: Tenant, knock: Any, ada: Caller) -> None:
        reply = client_of(tenant, ada).post(TICKETS)
        path = f"/api/v1/stream?ticket={reply.json()['ticket']}"

        assert reply.status_code == 201
        assert reply["Cache-Control"] == "no-store"
        assert knock(host_of(tenant), path=path).take().kind == "ready"
        refused = knock(host_of(tenant), path=path)
        assert refused.status == 401
        assert refused.problem()["type"] == "/problems/ticket-refused"

    def test_says_whose_it_is_on_the_platform_s_host(
        self, tenant: Tenant, knock: Any, ada: Caller
    ) -> None:
        ticket = client_of(tenant, ada).post(TICKETS).json()["ticket"]

        reader = knock(settings.PLATFORM_HOST, path=f"/api/v1/stream?ticket={ticket}")

        assert reader.take().kind == "ready"

    def test_is_kept_for_seconds_and_not_in_clear(self, tenant: Tenant, ada: Caller) -> None:
        from apps.platform.ports import tickets

        ticket = client_of(tenant, ada).post(TICKETS).json()["ticket"]
        [key] = tickets._client().keys(f"{tenant.id}:stream-ticket:*")

        assert ticket.partition(".")[2] not in key.decode()
        assert 0 < tickets._client().ttl(key) <= 30

    def test_is_for_those_who_are_signed_in(self, tenant: Tenant) -> None:
        assert client_of(tenant).post(TICKETS).status_code == 401

    @pytest.mark.parametrize("ticket", ["", ".", "x", "%00.%00", "demo.x", "../x"])
    def test_that_is_made_up_is_refused(self, tenant: Tenant, knock: Any, ticket: str) -> None:
        assert knock(host_of(tenant), path=f"/api/v1/stream?ticket={ticket}").status == 401
        assert knock(settings.PLATFORM_HOST, path=f"/api/v1/stream?ticket={ticket}").status == 401
