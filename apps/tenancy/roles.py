"""Working as the owner of the objects, for migrations and the life of tenants; never to serve."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from apps.tenancy.postgresql.base import DatabaseWrapper
from config.databases import LEDGER, OWNER, PLAN


def _owner_connection(*, alias: str, home: str | None) -> DatabaseWrapper:
    server = settings.OWNER_SERVERS[alias]
    base = connections[alias].settings_dict
    wrapper = DatabaseWrapper(
        {
            **base,
            "HOST": server.host,
            "PORT": server.port,
            "USER": OWNER,
            "PASSWORD": settings.OWNER_PASSWORD,
            "CONN_MAX_AGE": 0,
            "OPTIONS": {**base["OPTIONS"], "application_name": "quintet-owner"},
        },
        alias,
    )
    wrapper.home = home
    return wrapper


@contextmanager
def as_owner(*, aliases: Iterable[str] = tuple(PLAN), home: str | None = None) -> Iterator[None]:
    """Have this thread's connections be the owner's, on the server itself, in one home.

    The owner sees every tenant of the home: code in this block must say which tenant it means.
    Other threads are not affected.
    """
    before = {}
    for alias in aliases:
        before[alias] = connections[alias]
        connections[alias] = _owner_connection(alias=alias, home=home)
    try:
        yield
    finally:
        for alias, connection in before.items():
            connections[alias].close()
            connections[alias] = connection


def owner_connection(alias: str) -> DatabaseWrapper:
    """Return this thread's connection, which must be the owner's.

    :raises ImproperlyConfigured: outside `as_owner`.
    """
    connection = cast(DatabaseWrapper, connections[alias])
    if connection.settings_dict["USER"] != OWNER:
        raise ImproperlyConfigured(f"{alias!r} is not the owner's connection: use as_owner().")
    return connection


class UnsafeRole(ImproperlyConfigured):
    """The role to serve as could step over row-level security."""


def check_serving_role(*, alias: str) -> None:
    """Refuse to serve as a role that row-level security would not bind.

    :raises UnsafeRole: the role is a superuser, may bypass row-level security, or is or can become
        the owner or the ledger role.
    """
    connection = cast(DatabaseWrapper, connections[alias])
    walled, connection.is_walled = connection.is_walled, False
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_user, rolsuper, rolbypassrls, "
                "  pg_has_role(current_user, %s, 'MEMBER'), pg_has_role(current_user, %s, 'MEMBER') "
                "FROM pg_roles WHERE rolname = current_user",
                [OWNER, LEDGER],
            )
            role, is_super, bypasses, is_owner, is_ledger = cursor.fetchone()
    finally:
        connection.is_walled = walled
    faults = [
        fault
        for fault, present in (
            ("is a superuser", is_super),
            ("may bypass row-level security", bypasses),
            (f"is or can become {OWNER}", is_owner),
            (f"is or can become {LEDGER}", is_ledger),
        )
        if present
    ]
    if faults:
        raise UnsafeRole(
            f"The role {role!r} on the database {alias!r} {' and '.join(faults)}. "
            f"Serve as quintet_app; `manage.py bootstrap` makes it."
        )


def check_serving_roles() -> None:
    """Refuse to serve with an unsafe role on any database; every process that serves calls it first.

    :raises UnsafeRole: names role and database.
    """
    for alias in connections:
        check_serving_role(alias=alias)
