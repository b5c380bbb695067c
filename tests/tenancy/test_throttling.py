"""Rate limits, counted in a real Valkey."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings

from apps.tenancy.api import throttling
from apps.tenancy.models import Tenant
from tests.api import Caller, client_of

PATH = "/api/v1/profiles"


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A pause of a busy machine is not a Valkey that is gone."""
    monkeypatch.setattr(throttling, "VALKEY_SECONDS", 30.0)
    throttling._limiter.cache_clear()
    yield
    throttling._limiter.cache_clear()


@pytest.fixture
def ada() -> Caller:
    return Caller(name="Ada")


@pytest.fixture
def bob() -> Caller:
    return Caller(name="Bob")


class TestRateLimit:
    @override_settings(RATE_LIMIT_PER_ACCOUNT=3)
    def test_refuses_an_account_that_has_used_up_its_minute(
        self, tenant: Tenant, ada: Caller, bob: Caller
    ) -> None:
        client = client_of(tenant, ada)
        answers = [client.get(PATH) for _ in range(4)]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        refusal = answers[-1]
        assert refusal["Content-Type"] == "application/problem+json"
        assert refusal.json()["type"] == "/problems/too-many-requests"
        assert 1 <= int(refusal["Retry-After"]) <= 61
        assert client_of(tenant, bob).get(PATH).status_code == 200

    @override_settings(RATE_LIMIT_PER_ACCOUNT=3)
    def test_says_what_is_left(self, tenant: Tenant, ada: Caller) -> None:
        response = client_of(tenant, ada).get(PATH)

        assert response["RateLimit-Policy"] == '"account";q=3;w=60'
        assert response["RateLimit"].startswith('"account";r=2;t=')

    @override_settings(RATE_LIMIT_PER_ACCOUNT=3)
    def test_counts_an_account_for_each_tenant_apart(
        self, tenant: Tenant, rival: Tenant, ada: Caller
    ) -> None:
        for _ in range(4):
            client_of(tenant, ada).get(PATH)

        assert client_of(rival, ada).get(PATH).status_code == 200

    @override_settings(RATE_LIMIT_PER_TENANT=3)
    def test_refuses_a_tenant_whoever_asks(
        self, tenant: Tenant, rival: Tenant, ada: Caller, bob: Caller
    ) -> None:
        clients = [client_of(tenant, ada), client_of(tenant, bob)] * 2
        statuses = [client.get(PATH).status_code for client in clients]

        assert statuses == [200, 200, 200, 429]
        assert client_of(rival, ada).get(PATH).status_code == 200

    @override_settings(VALKEY_URL="redis://127.0.0.1:1/0")
    def test_lets_requests_pass_while_valkey_is_away(
        self, tenant: Tenant, ada: Caller, caplog: Any
    ) -> None:
        throttling._limiter.cache_clear()
        try:
            assert client_of(tenant, ada).get(PATH).status_code == 200
        finally:
            throttling._limiter.cache_clear()

        assert "not counted" in caplog.text
