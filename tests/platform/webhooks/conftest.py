"""Endpoints on this machine, messages to tell them of, and senders."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from apps.kernel import messages
from apps.kernel.ids import uuid7
from apps.platform.contracts import WebhookPaused
from apps.platform.models import WebhookDelivery, WebhookEndpoint, WebhookProgress
from apps.platform.operations import webhooks
from apps.tenancy import binding
from apps.tenancy.models import Tenant
from apps.tenancy.relay import relay
from tests.api import Caller, client_of
from tests.platform.webhooks import receiver as receivers
from tests.platform.webhooks.receiver import Receiver

KIND = "platform.WebhookPaused"


@pytest.fixture
def inside(settings: Any) -> None:
    """Endpoints may be on this machine, and without TLS."""
    settings.WEBHOOKS_ALLOW_HTTP = settings.WEBHOOKS_ALLOW_PRIVATE = True


@pytest.fixture
def receiver(inside: None) -> Iterator[Receiver]:
    with receivers.running() as running:
        yield running


@pytest.fixture
def as_admin(tenant: Tenant) -> Any:
    return client_of(tenant, Caller(role="admin"))


class Hooks:
    """Webhooks of one tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant

    def add(self, url: str, **values: Any) -> tuple[WebhookEndpoint, str]:
        with binding.bind(self.tenant, writes="platform"):
            return webhooks.add_endpoint(url=url, added_at=timezone.now(), **values)

    def do(self, operation: Callable[..., Any], **values: Any) -> Any:
        with binding.bind(self.tenant, writes="platform"):
            return operation(**values)

    def record(self, count: int = 1) -> list[UUID]:
        """Record messages, and have them relayed; return their ids."""
        ids = self.record_only(count)
        self.relay()
        return ids

    def record_only(self, count: int = 1) -> list[UUID]:
        with binding.bind(self.tenant, writes="platform"):
            return [messages.record(WebhookPaused(endpoint_id=uuid7())) for _ in range(count)]

    def relay(self) -> None:
        relay(tenant=self.tenant, context="platform", handlers=["platform.webhooks"])

    def send(self) -> int:
        return webhooks.send_due(tenant=self.tenant)

    def make_due(self) -> None:
        """Let the time pass until everything that waits is due."""
        past = timezone.now() - timedelta(seconds=1)
        with binding.bind(self.tenant, writes="platform"):
            WebhookDelivery.objects.filter(state="PENDING").update(due_at=past, leased_until=None)
            WebhookProgress.objects.update(held_until=None)

    def deliveries(self, **lookup: Any) -> list[WebhookDelivery]:
        with binding.bind(self.tenant):
            return list(WebhookDelivery.objects.filter(**lookup).order_by("endpoint", "sequence"))

    def endpoint(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        with binding.bind(self.tenant):
            return WebhookEndpoint.objects.get(id=endpoint.id)

    def progress(self, endpoint: WebhookEndpoint) -> WebhookProgress:
        with binding.bind(self.tenant):
            return WebhookProgress.objects.get(endpoint=endpoint)


@pytest.fixture
def hooks(tenant: Tenant) -> Hooks:
    return Hooks(tenant)
