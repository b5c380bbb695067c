"""Letting somebody in: the same checks as for any request of the API, and then a place.

Everything here is synchronous and runs in a thread, inside the API's own middleware.
"""

import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import MethodNotAllowed, NotAcceptable

from apps.kernel.api.problems import NotAuthenticated
from apps.kernel.errors import NotFound
from apps.platform.ports import tickets
from apps.platform.stream.problems import StreamsFull, TooManyStreams
from apps.platform.stream.reading import Listener
from apps.tenancy.identity.authentication import REALM, TokenAuthentication
from apps.tenancy.identity.trust import embedded_issuer
from apps.tenancy.middleware import TenantRequired, TenantSuspended, tenant_of
from apps.tenancy.models.tenant import SLUG_PATTERN
from apps.tenancy.resolution import ResolvedTenant, resolve_slug

PATH = "/api/v1/stream"
MEDIA_TYPE = "text/event-stream"
# A position is a bigint. What can't be one was never given out.
POSITION = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Admission:
    """Who listens to what, from where, and until when.

    `after` is None for somebody who begins, and -1 for a position that was never given out.
    """

    tenant: ResolvedTenant
    listener: Listener
    expires_at: float
    after: int | None


def admit(request: HttpRequest) -> Admission:
    """Return who may listen.

    :raises Problem: why nobody may.
    :raises rest_framework.exceptions.APIException: it is asked for in another way.
    """
    if request.path != PATH:
        raise NotFound
    if request.method != "GET":
        raise MethodNotAllowed(str(request.method))
    if not request.accepts(MEDIA_TYPE):
        raise NotAcceptable(f"The stream is sent as {MEDIA_TYPE}.")
    tenant = tenant_of(request)
    ticket = request.GET.get("ticket")
    if ticket is not None and "Authorization" not in request.headers:
        tenant, holder = _by_ticket(ticket, tenant)
    else:
        tenant, holder = _by_token(request, tenant)
    listener = Listener(
        person_id=holder.person_id,
        account_id=holder.account_id,
        issuer=holder.issuer,
        is_embedded=holder.issuer == embedded_issuer().url,
    )
    return Admission(tenant, listener, holder.expires_at, _position(request))


def _by_token(
    request: HttpRequest, tenant: ResolvedTenant | None
) -> tuple[ResolvedTenant, tickets.Holder]:
    if tenant is None:
        raise TenantRequired
    request.tenant = tenant  # type: ignore[attr-defined]
    found = TokenAuthentication().authenticate(cast(Any, request))
    if found is None:
        raise NotAuthenticated(
            f"Send `Authorization: Bearer …`, or `?ticket=` from {PATH}/tickets.",
            headers={"WWW-Authenticate": f'Bearer realm="{REALM}"'},
        )
    return tenant, holder_of(*found)


def holder_of(person: Any, claims: Any) -> tickets.Holder:
    """Return whom a verified token lets listen."""
    return tickets.Holder(
        person_id=person.id,
        account_id=person.account_id,
        issuer=person.issuer,
        expires_at=float(claims["exp"]),
    )


def _by_ticket(ticket: str, tenant: ResolvedTenant | None) -> tuple[ResolvedTenant, tickets.Holder]:
    slug = tickets.slug_of(ticket)
    if tenant is None:
        # A browser can't send X-Tenant either: on the platform's host the ticket says whose it is.
        tenant = resolve_slug(slug) if re.match(SLUG_PATTERN, slug) else None
    if tenant is None or tenant.slug != slug:
        raise tickets.TicketRefused
    if not tenant.is_served:
        raise TenantSuspended("It is not served at present. Its owner can ask the operator why.")
    return tenant, tickets.redeem(tenant_id=tenant.id, ticket=ticket)


def _position(request: HttpRequest) -> int | None:
    given = request.headers.get("Last-Event-ID") or request.GET.get("last_event_id")
    if given is None or given == "":
        return None
    return int(given) if POSITION.fullmatch(given) else -1


class Places:
    """How many streams are open in this process, and whose."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: Counter[tuple[UUID, UUID]] = Counter()
        self._in_all = 0

    def take(self, admission: Admission) -> None:
        """Take a place for a stream; give it back with `leave`.

        :raises StreamsFull: this process has no more.
        :raises TooManyStreams: this person has no more.
        """
        key = (admission.tenant.id, admission.listener.person_id)
        with self._lock:
            if self._in_all >= settings.STREAM_LIMIT:
                raise StreamsFull
            if self._taken[key] >= settings.STREAM_LIMIT_PER_PERSON:
                raise TooManyStreams(settings.STREAM_LIMIT_PER_PERSON)
            self._taken[key] += 1
            self._in_all += 1

    def leave(self, admission: Admission) -> None:
        """Give a place back."""
        key = (admission.tenant.id, admission.listener.person_id)
        with self._lock:
            self._in_all -= 1
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]
