"""The run's own databases on the embedded server: made, cloned, dropped."""

from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.environment import PREFIX
from config.databases import PLAN, database_name


def connect(*, socket_dir: Path, superuser: str, database: str = "postgres") -> psycopg.Connection:
    """Connect as the superuser of the embedded server."""
    return psycopg.connect(host=str(socket_dir), user=superuser, dbname=database, autocommit=True)


def make(connection: psycopg.Connection, name: str) -> None:
    """Make an empty database."""
    connection.execute(
        sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(
            sql.Identifier(name)
        )
    )


def clone(connection: psycopg.Connection, *, source: str, prefix: str) -> None:
    """Copy all of Quintet's databases, privileges included, to another prefix."""
    for alias in PLAN:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER quintet_owner").format(
                sql.Identifier(database_name(prefix=prefix, alias=alias)),
                sql.Identifier(database_name(prefix=source, alias=alias)),
            )
        )


def drop_all(connection: psycopg.Connection) -> None:
    """Drop what this run, or an earlier one that was killed, made."""
    names = connection.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{PREFIX}_"]
    ).fetchall()
    for (name,) in names:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
