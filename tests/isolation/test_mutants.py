"""Each guard taken away in turn: the sweep must name the hole, and find none without it.

A mutant lives in one transaction of the server's privileged user, on the databases of this test run,
and is rolled back: nobody else ever sees it.
"""

from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings

from apps.tenancy import verification
from apps.tenancy.models import Home
from apps.tenancy.verification.sweep import examine
from config.databases import database_name
from tests.conftest import admin
from tests.isolation.mutants import CONTROL_PLANE_MUTANTS, MUTANTS

ALIAS = "users"


class Laboratory:
    """One transaction on the users database, in which the wall may be damaged."""

    def __init__(self, connection: psycopg.Connection, home: str) -> None:
        self.connection = connection
        self.home = home
        self.states = dict(Home.objects.values_list("name", "state"))

    def damage(self, statement: str, **names: str) -> None:
        values = {"home": self.home, "database": database_of_users(), **names}
        for name, value in values.items():
            statement = statement.replace("{" + name + "}", value)
        self.connection.execute(statement)

    def rules(self, *, home: str | None = None) -> set[str]:
        """The rules that the sweep finds broken."""
        with self.connection.cursor() as cursor:
            report = examine(cursor=cursor, alias=ALIAS, states=self.states, home=home)
        return {fault.rule for fault in report.faults}


def database_of_users() -> str:
    return database_name(prefix=settings.DATABASE_PREFIX, alias=ALIAS)


@pytest.fixture
def laboratory(home: str) -> Iterator[Laboratory]:
    with admin(database=database_of_users()) as connection:
        with connection.transaction(force_rollback=True):
            # Rows that other tests left would keep some mutants from being made at all.
            connection.execute("SET LOCAL session_replication_role = replica")
            for table in ("profile_short_links", "profile_tags", "profiles"):
                connection.execute(f"DELETE FROM {home}.{table}")
            connection.execute("SET LOCAL session_replication_role = origin")
            yield Laboratory(connection, home)


class TestSweepSeesEveryMutant:
    def test_nothing_is_found_without_one(self, laboratory: Laboratory) -> None:
        assert laboratory.rules() == set()

    @pytest.mark.parametrize("name", MUTANTS)
    def test_names_it(self, laboratory: Laboratory, name: str) -> None:
        rule, statement = MUTANTS[name]

        laboratory.damage(statement)

        assert rule in laboratory.rules()

    @pytest.mark.parametrize("name", CONTROL_PLANE_MUTANTS)
    def test_names_it_in_the_control_plane(self, name: str) -> None:
        rule, statement = CONTROL_PLANE_MUTANTS[name]
        database = database_name(prefix=settings.DATABASE_PREFIX, alias="default")
        with admin(database=database) as connection, connection.transaction(force_rollback=True):
            connection.execute(statement)
            with connection.cursor() as cursor:
                report = examine(cursor=cursor, alias="default", states={})

        assert {fault.rule for fault in report.faults} == {rule}
        assert verification.sweep(aliases=["default"]).is_clean
