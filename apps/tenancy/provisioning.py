"""Setting up servers: the four roles, the databases, their extensions and privileges.

Everything here is safe to run again, and is the only place where a privileged user is used.
"""

from collections.abc import Callable
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql

from config.databases import APP, AUDITOR, LEDGER, OWNER, PLAN, Server, database_name
from config.embedded import ensure_postgres

MINIMUM_VERSION = 150_000
EXTENSIONS = ("pg_trgm", "btree_gist", "unaccent")

# PostgreSQL 18 has uuidv7(); for 15 to 17 this makes one (RFC 9562: 48 bits of milliseconds, the version, 12
# bits of what is over, by its method 3, 62 random bits). Rows that triggers write take their id from
# here, on every version, and are listed in its order: two statements within a millisecond must not
# change places.
UUID7_NATIVE = "SELECT uuidv7()"
UUID7_BUILT = """
    SELECT encode(
        overlay(
            uuid_send(gen_random_uuid())
            placing substring(int8send(microseconds / 1000) from 3)
                || int2send((x'7000'::int + microseconds % 1000 * 4096 / 1000)::int2)
            from 1 for 8
        ),
        'hex'
    )::uuid
    FROM (SELECT floor(extract(epoch from clock_timestamp()) * 1000000)::bigint) AS now (microseconds)
"""


class Unprovisionable(RuntimeError):
    """A server can't be set up; the message says what to do about it."""


def _connect(server: Server, *, database: str) -> psycopg.Connection:
    return psycopg.connect(
        host=server.host,
        port=server.port or None,
        user=server.user or None,
        password=server.password or None,
        dbname=database,
        autocommit=True,
        application_name="quintet-bootstrap",
        **dict[str, Any](server.options),
    )


def provision(*, prefix: str, report: Callable[[str], object] = lambda _: None) -> None:
    """Make roles, databases, schemas `extensions` and privileges on every configured server.

    :param report: called with one line for each server and database that was looked after.
    :raises Unprovisionable: the server is too old, or the user may not create roles or databases.
    """
    if settings.EMBEDDED_POSTGRES:
        ensure_postgres(var=settings.VAR)
    by_server: dict[tuple[str, str], list[str]] = {}
    for alias, server in settings.DATABASE_SERVERS.items():
        by_server.setdefault((server.host, server.port), []).append(alias)
    for aliases in by_server.values():
        server = settings.OWNER_SERVERS[aliases[0]]
        try:
            with _connect(server, database="postgres") as connection:
                _check_version(connection)
                make_roles(connection)
                for alias in aliases:
                    _make_database(connection, database_name(prefix=prefix, alias=alias))
        except psycopg.errors.InsufficientPrivilege as error:
            raise Unprovisionable(
                f"{server.user or 'the default user'} may not set up {server.host}: {error}. "
                f"Name a user that may create roles and databases in QUINTET_DATABASE_URL."
            ) from error
        except psycopg.OperationalError as error:
            raise Unprovisionable(
                f"{server.host}:{server.port} does not answer: {error}"
            ) from error
        report(f"roles on {server.host}:{server.port or 5432}")
        for alias in aliases:
            with _connect(server, database=database_name(prefix=prefix, alias=alias)) as connection:
                _prepare_database(connection, has_homes=PLAN[alias].has_homes)
            report(f"database {database_name(prefix=prefix, alias=alias)}")


def _check_version(connection: psycopg.Connection) -> None:
    if connection.info.server_version < MINIMUM_VERSION:
        raise Unprovisionable(
            f"PostgreSQL {connection.info.server_version // 10_000} is too old: 15 to 18 are supported."
        )


def make_roles(connection: psycopg.Connection) -> None:
    """Make the four roles, or bring their attributes and passwords back to what they must be."""
    roles = {
        OWNER: ("LOGIN BYPASSRLS", settings.OWNER_PASSWORD),
        APP: ("LOGIN NOBYPASSRLS", settings.APP_PASSWORD),
        LEDGER: ("NOLOGIN NOBYPASSRLS", None),
        AUDITOR: ("NOLOGIN NOBYPASSRLS", None),
    }
    with connection.transaction():
        # Two bootstraps of one server would race for the same catalog rows.
        connection.execute("SELECT pg_advisory_xact_lock(7105000001)")
        existing = {
            name
            for (name,) in connection.execute(
                "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", [list(roles)]
            )
        }
        for role, (attributes, password) in roles.items():
            statement = sql.SQL("{} ROLE {} {} NOCREATEDB NOCREATEROLE NOINHERIT").format(
                sql.SQL("ALTER" if role in existing else "CREATE"),
                sql.Identifier(role),
                sql.SQL(attributes),
            )
            if password:
                statement += sql.SQL(" PASSWORD {}").format(sql.Literal(password))
            connection.execute(statement)
        app = sql.Identifier(APP)
        # Unbound, the run-time role finds no table at all.
        connection.execute(sql.SQL("ALTER ROLE {} SET search_path = ''").format(app))
        connection.execute(sql.SQL("ALTER ROLE {} SET lock_timeout = '3s'").format(app))
        connection.execute(
            sql.SQL("ALTER ROLE {} SET idle_in_transaction_session_timeout = '60s'").format(app)
        )
        # The ledger's functions are given to the role that may write the ledger, by their maker.
        connection.execute(
            sql.SQL("GRANT {} TO {}").format(sql.Identifier(LEDGER), sql.Identifier(OWNER))
        )
        if connection.info.parameter_status("is_superuser") != "on":
            # A managed server's administrator must be a member to give databases to the owner.
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(OWNER)))


def _make_database(connection: psycopg.Connection, name: str) -> None:
    database, owner = sql.Identifier(name), sql.Identifier(OWNER)
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                database, owner
            )
        )
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    connection.execute(
        sql.SQL("GRANT CONNECT ON DATABASE {} TO {}, {}").format(
            database, sql.Identifier(APP), sql.Identifier(AUDITOR)
        )
    )


def _prepare_database(connection: psycopg.Connection, *, has_homes: bool) -> None:
    owner, app, auditor = (sql.Identifier(role) for role in (OWNER, APP, AUDITOR))
    with connection.transaction():
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        connection.execute(
            sql.SQL("CREATE SCHEMA IF NOT EXISTS extensions AUTHORIZATION {}").format(owner)
        )
        connection.execute(
            sql.SQL("GRANT USAGE ON SCHEMA extensions TO {}, {}, {}").format(
                app, auditor, sql.Identifier(LEDGER)
            )
        )
        for extension in EXTENSIONS:
            connection.execute(
                sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA extensions").format(
                    sql.Identifier(extension)
                )
            )
        body = UUID7_NATIVE if connection.info.server_version >= 180_000 else UUID7_BUILT
        connection.execute(
            sql.SQL(
                "CREATE OR REPLACE FUNCTION extensions.uuid7() RETURNS uuid "
                "LANGUAGE sql VOLATILE PARALLEL SAFE AS {}"
            ).format(sql.Literal(body))
        )
        if not has_homes:
            connection.execute(
                sql.SQL("ALTER ROLE {} IN DATABASE {} SET search_path = public").format(
                    app, sql.Identifier(connection.info.dbname)
                )
            )
            connection.execute(sql.SQL("GRANT ALL ON SCHEMA public TO {}").format(owner))
            connection.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(app))
            connection.execute(
                sql.SQL(
                    "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public "
                    "GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}"
                ).format(owner, app)
            )
            connection.execute(
                sql.SQL(
                    "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA public "
                    "GRANT USAGE ON SEQUENCES TO {}"
                ).format(owner, app)
            )
