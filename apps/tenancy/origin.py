"""Origins: who does the work and where it comes from, as the audit log will say.

Middleware, commands and tasks enter an origin; binding takes it from there, and the control plane's
connection sends it with each of its transactions. Work without one is logged as the database role's.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from psycopg import sql

# A browser says who it is in about 120 characters; what is longer is somebody trying something.
USER_AGENT_LENGTH = 300
SESSION_ID_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does the work.

    `kind` is one of person, anonymous, system, command, task. `id` is the identity provider's id of a
    person, or the name of a command or a task. `tenant_id` is the tenant whose member or guest a
    person is; None for the platform's own people and programs.
    """

    kind: str = "system"
    id: UUID | str | None = None
    tenant_id: UUID | None = None


SYSTEM = Actor()
ANONYMOUS = Actor("anonymous")


@dataclass(frozen=True, slots=True)
class Origin:
    """An actor, and the way they came: `source` is one of api, admin, command and task."""

    actor: Actor = SYSTEM
    source: str = "system"
    request_id: UUID | None = None
    session_id: str = ""
    ip_address: str = ""
    user_agent: str = ""

    def settings(self) -> dict[str, str]:
        """Return what is set in the database: app.actor_id for triggers, the rest as one JSON text."""
        rest: dict[str, Any] = {
            "actor_type": self.actor.kind,
            "actor_tenant_id": self.actor.tenant_id,
            "source": self.source,
            "request_id": self.request_id,
            "session_id": storable(self.session_id, length=SESSION_ID_LENGTH),
            "ip_address": checked_address(self.ip_address),
            "user_agent": storable(self.user_agent, length=USER_AGENT_LENGTH),
        }
        known = {name: str(value) for name, value in rest.items() if value}
        return {"app.actor_id": str(self.actor.id or ""), "app.origin": json.dumps(known)}

    def statement(self, *, local: bool) -> str:
        """Return the SQL that sets it: for the transaction, or for a session of one's own."""
        scope = sql.SQL("SET LOCAL" if local else "SET")
        return (
            sql.SQL("; ")
            .join(
                sql.SQL("{} {} = {}").format(scope, sql.SQL(name), sql.Literal(value))
                for name, value in self.settings().items()
            )
            .as_string(None)
        )


_current: ContextVar[Origin | None] = ContextVar("quintet_origin", default=None)


def current() -> Origin | None:
    """Return the origin this code works under, or None."""
    return _current.get()


@contextmanager
def acting(origin: Origin) -> Iterator[None]:
    """Have the block's work logged as this origin's; the one around it comes back afterwards."""
    token = _current.set(origin)
    try:
        yield
    finally:
        _current.reset(token)


def refine(**changes: Any) -> None:
    """Say more of the origin, as it becomes known: until the surrounding `acting` ends."""
    _current.set(replace(_current.get() or Origin(), **changes))


def storable(text: str, *, length: int) -> str:
    """Return a text from outside as PostgreSQL can keep it, cut to a length."""
    return text.replace("\x00", "").encode(errors="ignore").decode()[:length]


def checked_address(address: str) -> str:
    """Return an IP address, or the empty string for what is none, such as a socket's path.

    The zone of a link-local address is left out: it names an interface of ours, and no inet holds it.
    """
    try:
        return str(ip_address(address.strip())).partition("%")[0]
    except ValueError:
        return ""
