"""The one mapping of databases: which there are, what lives in each, and where they are.

`DATABASES`, the router and the migration plan are all built from `PLAN`. A server is named by
`QUINTET_DATABASE_URL`; `QUINTET_DATABASE_URL_<ALIAS>` moves one database to its own server and
`QUINTET_DATABASE_REPLICA_URL[_<ALIAS>]` adds a read replica. With none set, the embedded server runs.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

ENGINE = "apps.tenancy.postgresql"
REPLICA_SUFFIX = "_replica"

OWNER = "quintet_owner"
APP = "quintet_app"
LEDGER = "quintet_ledger"
AUDITOR = "quintet_auditor"


@dataclass(frozen=True)
class Database:
    """One logical database: its alias, and the app labels whose models live in it."""

    alias: str
    labels: frozenset[str]
    has_homes: bool


CONTROL_LABELS = frozenset(
    {
        "account",
        "admin",
        "allauth_idp_oidc",
        "auth",
        "contenttypes",
        "headless",
        "mfa",
        "sessions",
        "sites",
        "socialaccount",
        "tenancy",
        "usersessions",
    }
)

# Apps whose tables are in every database: code that reaches for them says in which, by `using`.
SHARED_LABELS = frozenset({"audit"})

PLAN: dict[str, Database] = {
    "default": Database("default", CONTROL_LABELS | SHARED_LABELS, has_homes=False),
    **{
        alias: Database(alias, frozenset({alias}) | SHARED_LABELS, has_homes=True)
        for alias in ("users", "media", "commerce", "events", "platform", "vault")
    },
}
CONTEXTS = ("users", "media", "commerce", "events", "platform")
HOME_ALIASES = tuple(alias for alias, database in PLAN.items() if database.has_homes)
ALIAS_OF_LABEL = {
    label: alias for alias, plan in PLAN.items() for label in plan.labels - SHARED_LABELS
}


def context_of(alias: str) -> str:
    """Return the alias of the primary that `alias` is, or is a replica of."""
    return alias.removesuffix(REPLICA_SUFFIX)


def database_name(*, prefix: str, alias: str) -> str:
    """Return the name of a database on its server: quintet_control, quintet_users, …"""
    return f"{prefix}_control" if alias == "default" else f"{prefix}_{alias}"


@dataclass(frozen=True)
class Server:
    """Where a PostgreSQL server answers, and the user its URL names."""

    host: str
    port: str = ""
    user: str = ""
    password: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_url(cls, url: str) -> "Server":
        """Parse `postgresql://user:password@host:port/?sslmode=…`.

        A socket directory goes percent-encoded in the place of the host. A database name is refused:
        Quintet derives the names.

        :raises ValueError: the scheme is not PostgreSQL's, or the URL names a database.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"postgres", "postgresql"}:
            raise ValueError(f"{parts.scheme}:// is not a PostgreSQL URL; use postgresql://…")
        if parts.path.strip("/"):
            raise ValueError(
                f"the URL names the database {parts.path.strip('/')!r}; leave it out: "
                "Quintet derives the names of its databases (see QUINTET_DATABASE_PREFIX)"
            )
        # urlsplit lowercases `hostname`, which would break a socket directory.
        location = parts.netloc.rpartition("@")[2]
        host = re.sub(r":\d+$", "", location)
        return cls(
            host=unquote(host.strip("[]")),
            port=str(parts.port or ""),
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            options=dict(parse_qsl(parts.query)),
        )


def role_password(*, role: str, explicit: str, secret_key: str) -> str:
    """Return the password of a role: the one configured, or one derived from the secret key."""
    if explicit:
        return explicit
    return hmac.new(secret_key.encode(), f"role:{role}".encode(), hashlib.sha256).hexdigest()


def build_databases(
    *,
    servers: Mapping[str, Server],
    replicas: Mapping[str, Server],
    prefix: str,
    app_password: str,
    conn_max_age: int | None,
) -> dict[str, dict[str, Any]]:
    """Return Django's `DATABASES`: every database and replica, as the run-time role."""
    databases = {}
    for alias in PLAN:
        name = database_name(prefix=prefix, alias=alias)
        databases[alias] = _entry(servers[alias], name, app_password, conn_max_age)
        if alias in replicas:
            replica = _entry(replicas[alias], name, app_password, conn_max_age)
            replica["TEST"] = {"MIRROR": alias}
            databases[alias + REPLICA_SUFFIX] = replica
    return databases


def _entry(
    server: Server, name: str, app_password: str, conn_max_age: int | None
) -> dict[str, Any]:
    return {
        "ENGINE": ENGINE,
        "NAME": name,
        "HOST": server.host,
        "PORT": server.port,
        "USER": APP,
        "PASSWORD": app_password,
        "CONN_MAX_AGE": conn_max_age,
        "CONN_HEALTH_CHECKS": conn_max_age != 0,
        "DISABLE_SERVER_SIDE_CURSORS": False,
        "OPTIONS": {"application_name": "quintet", **server.options},
    }
