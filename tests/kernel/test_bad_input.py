"""Input that no client sends by mistake: each gets an answer, and none a 500."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.tenancy.models import Tenant
from tests.api import Caller, client_of, errors_of

PROFILES = "/api/v1/profiles"


@pytest.fixture
def client(tenant: Tenant) -> APIClient:
    return client_of(tenant, Caller(name="Edith", role="editor"))


class TestAddresses:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", "/go/%00"),
            ("get", "/api/v1/short-links/%00"),
            ("post", "/api/v1/referral-codes/%00/use"),
        ],
    )
    def test_may_hold_a_nul(self, client: APIClient, method: str, path: str) -> None:
        assert getattr(client, method)(path).status_code == 400

    @pytest.mark.parametrize("size", ["0000000001999", "000000000000000201", "0" * 5000, "²"])
    def test_can_not_ask_for_more_than_the_largest_page(self, client: APIClient, size: str) -> None:
        reply = client.get(f"{PROFILES}?page_size={size}")

        assert reply.status_code == 400
        assert errors_of(reply) == {"page_size"}


class TestBodies:
    @pytest.mark.parametrize("number", [10**26, -(10**26), 2**63, 1.5e300])
    def test_may_hold_numbers_of_any_size(self, client: APIClient, number: Any) -> None:
        body = f'{{"profile_type": "GROUP", "display_name": "Big", "meta_data": {{"n": {number}}}}}'

        made = client.generic("POST", PROFILES, body, content_type="application/json")

        assert made.status_code == 201, made.content
        assert made.json()["meta_data"]["n"] == pytest.approx(number)
        assert client.get(made["Location"]).status_code == 200


class TestHeaders:
    def test_an_if_match_that_is_no_entity_tag_matches_nothing(self, client: APIClient) -> None:
        made = client.post(PROFILES, {"profile_type": "GROUP", "display_name": "Old"})

        reply = client.patch(made["Location"], {"display_name": "New"}, HTTP_IF_MATCH="abc")

        assert reply.status_code == 412

    def test_replies_tell_caches_what_they_depend_on(self, client: APIClient) -> None:
        for reply in (client.get(PROFILES), client.get("/nowhere")):
            assert "X-Tenant" in reply["Vary"]
        assert "Authorization" in client.get(PROFILES)["Vary"]


class TestMe:
    def test_can_be_thinned_out(self, client: APIClient) -> None:
        client.post("/api/v1/me", {"display_name": "Edith"})

        me = client.get("/api/v1/me?fields=display_name").json()

        assert me["fan"] == {"display_name": "Edith"}


class TestSigningIn:
    def test_a_token_that_can_not_be_encoded_is_refused(self, tenant: Tenant) -> None:
        browser = Client(HTTP_HOST=tenant.domains.get(is_primary=True).domain)

        reply = browser.post(
            "/_allauth/app/v1/tokens/refresh",
            '{"refresh_token": "\\ud800"}',
            content_type="application/json",
        )

        assert reply.status_code == 400

    def test_a_nul_in_a_request_for_a_token_is_refused(self, tenant: Tenant) -> None:
        browser = Client(HTTP_HOST=tenant.domains.get(is_primary=True).domain)

        reply = browser.post(
            "/identity/o/api/token", {"grant_type": "authorization_code", "client_id": "\x00"}
        )

        assert reply.status_code == 400
