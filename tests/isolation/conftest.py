"""What the suite takes away to see its own tests fail."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.db import connections

from apps.tenancy.roles import as_owner

ALIASES = ("users", "platform")


@contextmanager
def wall_down(home: str) -> Iterator[None]:
    """Switch row-level security off in a home of this test run, as no migration would."""
    tables = {alias: _tables(alias, home) for alias in ALIASES}
    try:
        _switch(tables, home, "DISABLE")
        yield
    finally:
        _switch(tables, home, "ENABLE")


def _tables(alias: str, home: str) -> list[str]:
    with as_owner(aliases=[alias], home=home), connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(relname) FROM pg_class WHERE relrowsecurity "
            "AND relnamespace = to_regnamespace(%s)",
            [home],
        )
        return [name for (name,) in cursor.fetchall()]


def _switch(tables: dict[str, list[str]], home: str, how: str) -> None:
    for alias, names in tables.items():
        with as_owner(aliases=[alias], home=home), connections[alias].cursor() as cursor:
            cursor.execute(
                "; ".join(f"ALTER TABLE {name} {how} ROW LEVEL SECURITY" for name in names)
            )


@pytest.fixture
def without_wall() -> Callable[[str], AbstractContextManager[None]]:
    """A block in which a home has no row-level security."""
    return wall_down
