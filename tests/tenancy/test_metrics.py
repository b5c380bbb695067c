"""/metrics: for who has the token, and about no tenant."""

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from apps.kernel import messages
from apps.kernel.ids import uuid7
from apps.tenancy import binding, metrics, waiting
from apps.users.contracts import ProfileChanged
from tests.api import Caller, client_of

TOKEN = "metrics-token"


@pytest.fixture
def collector(settings):
    """Whoever collects: at an address that is no tenant's."""
    settings.METRICS_TOKEN = TOKEN
    metrics.MESSAGES._counted_at = float("-inf")
    return Client(HTTP_HOST="10.1.2.3", HTTP_AUTHORIZATION=f"Bearer {TOKEN}")


def value_of(text: str, line: str) -> float:
    (found,) = [each for each in text.splitlines() if each.startswith(f"{line} ")]
    return float(found.rpartition(" ")[2])


class TestAccess:
    def test_is_given_with_the_token_and_on_any_host(self, collector):
        response = collector.get("/metrics")

        assert response.status_code == 200
        assert response["Content-Type"].startswith("text/plain")

    @pytest.mark.parametrize(
        "headers", [{}, {"HTTP_AUTHORIZATION": "Bearer wrong"}, {"HTTP_AUTHORIZATION": TOKEN}]
    )
    def test_is_refused_without_it(self, collector, headers):
        response = Client(HTTP_HOST="10.1.2.3", **headers).get("/metrics")

        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"
        assert b"quintet_requests" not in response.content

    @pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", f"Bearer {TOKEN}"])
    def test_is_refused_to_everybody_where_no_token_is_set(self, settings, given):
        settings.METRICS_TOKEN = ""

        assert Client(HTTP_AUTHORIZATION=given).get("/metrics").status_code == 404


class TestRequests:
    def test_are_counted_by_route_and_never_by_address(self, collector, tenant):
        client = client_of(tenant, Caller(name="Edith", role="editor"))
        missing = uuid7()
        labels = {"method": "GET", "status": "404"}

        assert client.get(f"/api/v1/profiles/{missing}").status_code == 404

        text = collector.get("/metrics").content.decode()
        counted = [
            line
            for line in text.splitlines()
            if line.startswith("quintet_requests_total") and "profiles/" in line
        ]
        assert any('method="GET"' in line and 'status="404"' in line for line in counted), labels
        assert "quintet_request_seconds_bucket" in text
        assert str(missing) not in text and tenant.slug not in text

    def test_of_a_made_up_method_share_one_label(self, collector):
        Client().generic("BREW", "/nowhere")

        text = collector.get("/metrics").content.decode()
        assert 'method="(other)"' in text and "BREW" not in text


class TestMessages:
    def test_are_counted_by_context_and_not_at_every_look(self, collector, tenant, monkeypatch):
        monkeypatch.setattr(messages, "_subscriptions", {})
        messages.subscribe(name="users.note", context="users", handle=lambda *given: None)
        before = value_of(
            collector.get("/metrics").content.decode(), 'quintet_messages_waiting{context="users"}'
        )
        with binding.bind(tenant, writes="users"):
            messages.record(
                ProfileChanged(
                    profile_id=uuid7(), profile_type="FAN", change="CREATED", status="ACTIVE",
                    is_deleted=False,
                )
            )  # fmt: skip

        again = collector.get("/metrics").content.decode()
        metrics.MESSAGES._counted_at = float("-inf")
        later = collector.get("/metrics").content.decode()

        name = 'quintet_messages_waiting{context="users"}'
        assert value_of(again, name) == before
        assert value_of(later, name) == before + 1
        assert value_of(later, 'quintet_messages_oldest_seconds{context="users"}') > 0
        assert value_of(later, 'quintet_messages_dead{context="events"}') == 0

    def test_are_not_counted_by_being_registered(self, monkeypatch):
        monkeypatch.setattr(waiting, "everything_waiting", lambda: 1 / 0)
        REGISTRY.unregister(metrics.MESSAGES)

        REGISTRY.register(metrics.MESSAGES)
