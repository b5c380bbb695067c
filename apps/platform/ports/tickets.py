"""Tickets: one-use leave to open the live stream, for browsers, which can send no header with it.

A ticket names its tenant and nothing of its holder; who that is lies in Valkey, for seconds.
"""

import json
import secrets
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from apps.kernel.errors import Problem, Unavailable

LIFETIME_SECONDS = 30
TIMEOUT_SECONDS = 0.5


class TicketRefused(Problem):
    """The ticket was used, is too old, or is another tenant's."""

    status = 401
    slug = "ticket-refused"
    title = "The ticket is not accepted."

    def __init__(self) -> None:
        super().__init__(
            f"A ticket opens one stream of its own tenant within {LIFETIME_SECONDS} seconds. "
            "Get a new one from /api/v1/stream/tickets.",
            headers={"WWW-Authenticate": 'Bearer realm="quintet"'},
        )


@dataclass(frozen=True, slots=True)
class Holder:
    """Who may listen, and until when.

    `person_id` is the identity provider's; `expires_at` the end of their token, in seconds since 1970.
    """

    person_id: UUID
    account_id: UUID
    issuer: str
    expires_at: float


@cache
def _client() -> Redis:
    return Redis.from_url(
        settings.VALKEY_URL,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )


def issue(*, tenant_id: UUID, slug: str, holder: Holder) -> str:
    """Return a new ticket of a tenant.

    :raises Unavailable: Valkey does not answer.
    """
    secret = secrets.token_urlsafe(32)
    kept = json.dumps(
        {
            "person_id": str(holder.person_id),
            "account_id": str(holder.account_id),
            "issuer": holder.issuer,
            "expires_at": holder.expires_at,
        }
    )
    try:
        _client().set(_key(tenant_id, secret), kept, ex=LIFETIME_SECONDS)
    except (RedisError, OSError) as error:
        raise Unavailable("Tickets can't be had at present. Try again in a moment.") from error
    return f"{slug}.{secret}"


def slug_of(ticket: str) -> str:
    """Return the slug of the tenant that a ticket names."""
    return ticket.partition(".")[0]


def redeem(*, tenant_id: UUID, ticket: str) -> Holder:
    """Use a ticket up, and return who holds it.

    :raises TicketRefused: there is no such ticket of this tenant, or not any more.
    :raises Unavailable: Valkey does not answer.
    """
    try:
        kept = _client().getdel(_key(tenant_id, ticket.partition(".")[2]))
    except (RedisError, OSError) as error:
        raise Unavailable("Tickets can't be read at present. Try again in a moment.") from error
    if kept is None:
        raise TicketRefused
    values = json.loads(kept)
    return Holder(
        person_id=UUID(values["person_id"]),
        account_id=UUID(values["account_id"]),
        issuer=values["issuer"],
        expires_at=values["expires_at"],
    )


def _key(tenant_id: UUID, secret: str) -> str:
    # Who reads Valkey can't use what is found there.
    return f"{tenant_id}:stream-ticket:{sha256(secret.encode()).hexdigest()}"
