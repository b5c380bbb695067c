"""Read replicas, played by second connections to the same databases."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from apps.tenancy import binding
from apps.tenancy.models import Tenant
from apps.users.models import Profile
from tests.api import Caller, client_of
from tests.factories import CelebrityFactory

PROFILES = "/api/v1/profiles"


@pytest.fixture
def replica(django_db_setup: None) -> Iterator[str]:
    """A replica of users, for the length of a test."""
    alias = "users_replica"
    connections.databases[alias] = {**connections.databases["users"]}
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.databases[alias]


def queries_of(alias: str, call: Any) -> int:
    connections[alias].ensure_connection()
    with CaptureQueriesContext(connections[alias]) as captured:
        assert call().status_code == 200
    return len(captured)


@pytest.fixture
def editor() -> Caller:
    return Caller(role="editor")


class TestReplica:
    def test_answers_what_only_reads(self, replica: str, tenant: Tenant) -> None:
        with binding.bind(tenant, writes="users"):
            CelebrityFactory()
        client = client_of(tenant, Caller())

        assert queries_of(replica, lambda: client.get(PROFILES)) > 0
        assert queries_of("users", lambda: client.get(PROFILES)) == 0

    def test_is_behind_the_same_wall(self, replica: str, tenant: Tenant, rival: Tenant) -> None:
        with binding.bind(rival, writes="users"):
            CelebrityFactory()

        assert client_of(tenant).get(PROFILES).json()["results"] == []

    def test_makes_nothing_that_is_kept(self, replica: str, tenant: Tenant) -> None:
        assert queries_of(replica, lambda: client_of(tenant).get(PROFILES)) == 0

    def test_takes_no_write(self, replica: str, tenant: Tenant) -> None:
        with pytest.raises(Exception, match="read-only"), binding.bind(tenant, replica=True):
            Profile.objects.using(replica).update(title="x")

    def test_is_passed_over_by_whoever_has_just_written(
        self, replica: str, tenant: Tenant, editor: Caller
    ) -> None:
        client = client_of(tenant, editor)
        body = {"profile_type": "GROUP", "display_name": "The Keepers"}
        assert client.post(PROFILES, body).status_code == 201

        assert queries_of(replica, lambda: client.get(PROFILES)) == 0
        assert queries_of(replica, lambda: client_of(tenant, Caller()).get(PROFILES)) > 0

    def test_is_not_read_in_a_block_that_writes(self, replica: str, tenant: Tenant) -> None:
        with (
            binding.bind(tenant, writes="users", replica=True),
            CaptureQueriesContext(connections["users"]) as captured,
        ):
            Profile.objects.count()

        assert any("profiles" in query["sql"] for query in captured)

    def test_is_never_migrated(self, replica: str) -> None:
        from apps.tenancy.router import Router

        assert not Router().allow_migrate(replica, "users")
