"""The same suite on another server: on PostgreSQL 15, where one answers on its usual port."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from config.databases import APP, AUDITOR, LEDGER, OWNER
from tests.environment import DATABASE_URL, ROOT

HOST, PORT, USER = "127.0.0.1", 5432, "postgres"
PREFIX = f"other_{os.getpid()}"
# What the server decides: walls, guards, plans, races. What Python decides is the same everywhere.
SUITE = [
    "tests/commerce/guards",
    "tests/commerce/ledger/test_plans.py",
    "tests/commerce/ledger/test_posting.py",
    "tests/commerce/ledger/test_races.py",
    "tests/commerce/ledger/test_walls.py",
    "tests/isolation/test_mutants.py",
    "tests/isolation/test_search_plans.py",
    "tests/isolation/test_storm.py",
    "tests/isolation/test_sweep.py",
    "tests/tenancy/test_binding.py",
    "tests/tenancy/test_binding_misuse.py",
    "tests/tenancy/test_binding_transactions.py",
    "tests/tenancy/test_database_ids.py",
    "tests/tenancy/test_schema_editor.py",
    "tests/tenancy/test_tenant_key.py",
]
ROLES = [OWNER, APP, LEDGER, AUDITOR]


def connect() -> psycopg.Connection:
    return psycopg.connect(
        host=HOST, port=PORT, user=USER, dbname="postgres", autocommit=True, connect_timeout=2
    )


def refusal() -> str:
    """Why the suite can't run there; empty where it can."""
    if DATABASE_URL:
        return "this is the run on another server"
    try:
        with connect() as connection:
            if connection.info.server_version < 150_000:
                return f"{HOST}:{PORT} is older than PostgreSQL 15"
            (privileged,) = connection.execute(
                "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone() or (False,)
            if not privileged:
                return f"{USER} on {HOST}:{PORT} is no superuser"
            if connection.execute(
                "SELECT FROM pg_database WHERE datname = 'quintet_control'"
            ).fetchone():
                # The roles belong to a whole server: their passwords would change under it.
                return f"a Quintet lives on {HOST}:{PORT}"
    except psycopg.OperationalError as error:
        return f"nothing lets us in on {HOST}:{PORT}: {str(error).splitlines()[0]}"
    return ""


@pytest.fixture
def cleaned() -> Iterator[None]:
    """Leave the server as it was: without our databases, and without roles it did not have."""
    if reason := refusal():
        pytest.skip(reason)
    with connect() as connection:
        before = names(connection, "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s)", ROLES)
    yield
    with connect() as connection:
        ours = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        for name in names(connection, ours, f"{PREFIX}_"):
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )
        for role in set(ROLES) - before:
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def names(connection: psycopg.Connection, query: str, parameter: object) -> set[str]:
    return {name for (name,) in connection.execute(query, [parameter])}


@pytest.mark.slow
def test_the_suite_passes_on_the_server_of_this_machine(cleaned: None) -> None:
    environment = {
        **os.environ,
        "QUINTET_TEST_DATABASE_URL": f"postgresql://{USER}@{HOST}:{PORT}",
        "QUINTET_TEST_PREFIX": PREFIX,
        # The server of a machine syncs each commit to its disk; the tests' own does not. The other setting
        # is what docs/operations.md asks for.
        "PGOPTIONS": "-c synchronous_commit=off -c random_page_cost=1.1",
    }

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "2",
            "-p",
            "no:cacheprovider",
            "-m",
            "not slow and not storm",
            *SUITE,
        ],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=800,
        check=False,
    )

    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-4000:]
    passed = re.search(r"\b(\d+) passed", output)
    assert passed and int(passed[1]) > 300, output[-400:]
