"""People with a fan profile, clients that speak for them, and their groups."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections
from rest_framework.test import APIClient

from apps.kernel.ids import uuid7
from apps.platform.models import StreamEvent
from apps.tenancy import binding
from apps.tenancy.models import Tenant
from tests.api import Caller, client_of
from tests.factories import FanFactory, GroupMemberFactory, RealtimeGroupFactory

GROUPS = "/api/v1/groups"


@dataclass(frozen=True)
class Person:
    """Somebody with a profile. `say` and the like send their requests."""

    id: UUID
    keycloak_id: UUID
    client: APIClient

    def join(self, group: Any) -> Any:
        return self.client.post(f"{GROUPS}/{group.id}/join")

    def leave(self, group: Any) -> Any:
        return self.client.post(f"{GROUPS}/{group.id}/leave")

    def say(self, group: Any, text: str = "Hello", **values: Any) -> Any:
        body = {"message_content": text, **values}
        return self.client.post(f"{GROUPS}/{group.id}/messages", body)

    def hears(self, group: Any) -> list[str]:
        """The texts this person sees in a group, the oldest first."""
        reply = self.client.get(f"{GROUPS}/{group.id}/messages?ordering=created_at")
        assert reply.status_code == 200, reply.content
        return [row["message_content"] for row in reply.json()["results"]]

    def like(self, address: str) -> Any:
        return self.client.put(f"/api/v1/{address}/like")

    def unlike(self, address: str) -> Any:
        return self.client.delete(f"/api/v1/{address}/like")

    def comment(self, address: str, body: str = "Well said") -> Any:
        return self.client.post(f"/api/v1/{address}/comments", {"body": body})


def person(tenant: Tenant, *, role: str | None = None, name: str = "") -> Person:
    """Make somebody with a fan profile."""
    caller = Caller(role=role, id=uuid7())
    with binding.bind(tenant, writes="users"):
        values = {"display_name": name} if name else {}
        fan = FanFactory(keycloak_id=caller.id, **values)
    return Person(id=fan.id, keycloak_id=caller.id, client=client_of(tenant, caller))


def group_of(tenant: Tenant, creator: Person, *others: Person, **values: Any) -> Any:
    """Make a group with some people in it."""
    with binding.bind(tenant, writes="platform"):
        group = RealtimeGroupFactory(created_by_id=creator.id, **values)
        for other in others:
            put_into(group, other)
    return group


def put_into(group: Any, somebody: Person, *, at: datetime | None = None) -> None:
    """Put somebody into a group, inside a binding."""
    GroupMemberFactory(
        group=group, user_id=somebody.id, **({"added_on": at} if at is not None else {})
    )


def message_at(group: Any, reply: Any) -> str:
    """The address of a message that was posted."""
    assert reply.status_code == 201, reply.content
    return f"groups/{group.id}/messages/{reply.json()['id']}"


def told(tenant: Tenant) -> list[tuple[str, Any]]:
    """What the tenant's stream has told: kinds and payloads."""
    with binding.bind(tenant):
        rows = StreamEvent.objects.order_by("position")
        return [(event.kind, event.payload) for event in rows]


def wait_until_somebody_waits() -> None:
    """Return once another backend waits for a lock of this thread's."""
    for _ in range(1_000):
        with connections["platform"].cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks "
                "WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.02)")
    raise AssertionError("nobody waits")
