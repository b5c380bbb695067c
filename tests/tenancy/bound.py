"""Rows made and asked for, each in one block, for the tests of binding."""

from typing import Any
from uuid import uuid4

from django.db import connections

from apps.platform.models import Tag
from apps.tenancy.binding import bind
from apps.tenancy.models import Tenant
from apps.users.models import Profile
from tests.conftest import admin


def add_fan(name: str = "Ada") -> Profile:
    return Profile.objects.create(profile_type="FAN", keycloak_id=uuid4(), display_name=name)


def add_tag(name: str = "running") -> Tag:
    return Tag.objects.create(name=name, tag_type="TOPIC")


def fan_in(tenant: Tenant, name: str = "Ada") -> Profile:
    with bind(tenant, writes="users"):
        return add_fan(name)


def names_in(tenant: Tenant) -> list[str]:
    with bind(tenant):
        return list(Profile.objects.order_by("display_name").values_list("display_name", flat=True))


def ask(alias: str, statement: str, parameters: list[Any] | None = None) -> Any:
    """The first value of a statement, asked as Django's own code would."""
    with connections[alias].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0] if cursor.description else None


def ask_beneath(alias: str, statement: str) -> Any:
    """The same, on the driver's connection: what a binding left on it."""
    return connections[alias].connection.execute(statement).fetchone()[0]


def kill(backend: int) -> None:
    with admin() as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])
