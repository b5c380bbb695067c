"""What is kept outside PostgreSQL is kept by tenant: cache keys begin with the tenant's UUID."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.core.files.storage import storages
from django.db.models import FileField

from apps.tenancy.models import Tenant
from tests.isolation import world as worlds
from tests.isolation.document import operations
from tests.isolation.test_operations import call, own_ids
from tests.isolation.world import World, models_of_homes
from tests.tenancy.people import forget_everything

# Django puts its prefix and a version before every key.
PREFIX = re.compile(r"^quintet:\d+:")
# What the library of the rate limits writes before the tenant, which is then the first thing said.
LIBRARY = re.compile(r"^(\{|rate:\{LIMITER/(tenant|account)/)")
# What belongs to the platform and to no tenant.
OF_THE_PLATFORM = re.compile(r"^(platform|allauth|issuer|jwks|oidc)[:.]")


@pytest.fixture
def world(make_tenant: Callable[..., Tenant], home: str) -> Iterator[World]:
    forget_everything()
    yield worlds.build(tenant=make_tenant(home=home), caller=worlds.new_account("keeper"))
    forget_everything()


def keys_in_cache() -> list[str]:
    client = redis.Redis.from_url(settings.VALKEY_URL)
    return [key.decode() for key in client.scan_iter(count=1000)]


class TestCache:
    def test_every_key_that_requests_leave_begins_with_the_tenant(self, world: World) -> None:
        cache.clear()

        for op in operations():
            if op.method == "get":
                call(world, op, own_ids(op, world))
        keys = [PREFIX.sub("", key) for key in keys_in_cache()]

        assert keys, "requests leave nothing in the cache: is the rate limit counted elsewhere?"
        strays = [
            key
            for key in keys
            if not LIBRARY.sub("", key).startswith(str(world.tenant.id))
            and not OF_THE_PLATFORM.match(key)
        ]
        assert strays == []


class TestFiles:
    def test_no_file_of_a_context_is_kept_under_a_name_without_its_tenant(self) -> None:
        fields: list[Any] = [
            field
            for _, model in models_of_homes()
            for field in model._meta.local_fields
            if isinstance(field, FileField)
        ]

        # With the first one, its names are to be checked here: they begin with the tenant's UUID.
        assert fields == []
        assert storages.backends
