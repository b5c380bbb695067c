"""A table of effects, and subscriptions that end with the test."""

from collections.abc import Iterator

import pytest
from django.db import connections

from apps.kernel import messages
from apps.tenancy import kicks
from tests.conftest import OWN_HOME
from tests.tenancy.messages import world


@pytest.fixture(scope="package")
def effects_table(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest
) -> Iterator[None]:
    # The command that replays for every tenant also comes to the one in a home of its own.
    with django_db_blocker.unblock(), world.tables("pool_1"), world.tables(OWN_HOME):
        yield


@pytest.fixture(autouse=True)
def own_subscriptions(
    effects_table: None, database_access: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """No handler but those of the test, and no worker but those it starts."""
    for name in ("_kinds", "_contexts", "_subscriptions"):
        monkeypatch.setattr(messages, name, dict(getattr(messages, name)))
    messages._subscriptions.clear()
    monkeypatch.setattr(kicks, "_publish", lambda **_: None)
    yield
    connections.close_all()
