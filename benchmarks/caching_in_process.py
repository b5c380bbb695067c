"""Called in a worker with Quintet's settings: replies that are kept, and those that are made."""

from time import perf_counter

from django.conf import settings
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.tenancy import caching
from apps.tenancy.models import Tenant
from benchmarks.quintet import SLUG

BATCH = 20
LIST = "/api/v1/profiles?profile_type=CELEBRITY"


def measure(*, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Return seconds per request, kept and made anew, alternating.

    :raises AssertionError: the two differ, or a kept reply asks the database.
    """
    tenant = Tenant.objects.get(slug=SLUG)
    client = Client(HTTP_HOST=settings.PLATFORM_HOST, HTTP_X_TENANT=SLUG)
    first = client.get(LIST).json()["results"][0]["id"]
    paths = {"a profile": f"/api/v1/profiles/{first}", "a page of 50": LIST}
    return {what: _sides(client, tenant, path, rounds) for what, path in paths.items()}


def _sides(client: Client, tenant: Tenant, path: str, rounds: int) -> dict[str, list[float]]:
    made = client.get(path).content
    with CaptureQueriesContext(connections["users"]) as captured:
        assert client.get(path).content == made, "a kept reply differs"
    assert not captured, "a kept reply asks the database"
    sides: dict[str, list[float]] = {"kept": [], "made": []}
    for _ in range(rounds):
        sides["kept"].append(_seconds(client, path))
        sides["made"].append(_seconds(client, path, forgetting=tenant))
    return sides


def _seconds(client: Client, path: str, *, forgetting: Tenant | None = None) -> float:
    taken = 0.0
    for _ in range(BATCH):
        if forgetting is not None:
            caching.forget(tenant_id=forgetting.id, kinds=["users.profile"])
        begun = perf_counter()
        assert client.get(path).status_code == 200
        taken += perf_counter() - begun
    return taken / BATCH
