"""Views whose requests ask a provider: between two units of work, in none.

The first writes what is to be paid, the second records what the provider said and renders the reply.
An Idempotency-Key is kept in both. What the first keeps is no reply yet, but names the payment: a
request that comes again goes on from there, and makes no second one.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import orjson
from django.db import OperationalError
from django.http import HttpResponse
from psycopg import errors as pg
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response

from apps.commerce.api.views.base import CommerceView
from apps.commerce.operations.payments import starting
from apps.kernel import idempotency
from apps.tenancy import reads, replicas, sealing
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.api.views import ATTEMPTS

_KEPT_REPLIES = "quintet kept replies of payments"

T = TypeVar("T")


class PayingView(CommerceView):
    """A view whose handlers may end in a payment.

    A handler that returns None has set `shown_id`, and `payment_id` if a provider is to be asked; the
    reply is then `show_paid`'s. One that returns a response is answered like any other view's.
    """

    payment_id: UUID | None = None
    shown_id: UUID | None = None
    paid_status: ClassVar[int] = 201
    started: starting.Started | None = None

    def perform(self, request: TenantRequest, handler: Callable[..., Any]) -> Response:
        """Bind and run the handler; ask the provider, unbound; bind again and render."""
        if request.method in SAFE_METHODS:
            return super().perform(request, handler)
        response = _again(lambda: self._write(request, handler))
        if response is None:
            assert self.payment_id is not None
            self.started = starting.start_payment(tenant=request.tenant, payment_id=self.payment_id)
            self.__dict__.pop("now", None)
            response = _again(lambda: self._show(request))
        reads.write_noted(request, response, tenant=request.tenant)
        replicas.note_write(tenant_id=request.tenant.id, actor_id=request.user.id)
        return response

    def show_paid(self, request: TenantRequest) -> Response:
        """Answer with the row, and how its payment stands."""
        response = self.show(request, status=self.paid_status, id=self.shown_id)
        response.data = {**response.data, "payment": self.payment_member()}
        return response

    def payment_member(self) -> dict[str, Any] | None:
        """Return the payment as replies show it; None where nobody was asked."""
        return payment_member(self.started)

    # The two units of work ------------------------------------------------------------------------

    def _write(self, request: TenantRequest, handler: Callable[..., Any]) -> Response | None:
        self.payment_id = self.shown_id = None
        with self.bind(request, writes=self.context) as bound:
            kept = self._kept_reply(request)
            if kept is not None and not self._goes_on(kept):
                return self.render(request, kept)
            response = handler(request, *self.args, **self.kwargs) if kept is None else None
            bound.check_constraints()
            if response is None and self.payment_id is None:
                response = self.show_paid(request)
            if response is None:
                self._keep_under_way(request)
                return None
            response = self.render(request, response)
            if response.status_code >= 400:
                bound.rollback()
            else:
                self._keep(request, response)
        return response

    def _show(self, request: TenantRequest) -> Response:
        with self.bind(request, writes=self.context):
            response = self.render(request, self.show_paid(request))
            self._keep(request, response)
        return response

    def _keep(self, request: TenantRequest, response: Response) -> None:
        self._keep_reply(request, response)
        # With the write itself: if the look can't be logged, nothing was changed either.
        reads.write_noted(request, response, tenant=request.tenant, only=self.context)

    # Idempotency ------------------------------------------------------------------------------------

    def _keep_under_way(self, request: TenantRequest) -> None:
        ids = {"payment_id": self.payment_id, "shown_id": self.shown_id}
        self._keep_reply(request, HttpResponse(orjson.dumps(ids), status=idempotency.UNDER_WAY))  # type: ignore[arg-type]

    def _goes_on(self, kept: Response) -> bool:
        """Return whether what is kept is no reply yet; it then says what to go on with."""
        if kept.status_code != idempotency.UNDER_WAY:
            return False
        ids = orjson.loads(kept.data)
        self.payment_id = UUID(ids["payment_id"])
        self.shown_id = UUID(ids["shown_id"]) if ids["shown_id"] else None
        return True

    # A reply may hold what a payment is made with: it is kept sealed. Whoever asks what became of a key is
    # told no more than that it was answered.

    def kept_form(self, content: bytes) -> bytes:
        """Return a reply as it is kept."""
        return sealing.seal(content.decode(), purpose=_KEPT_REPLIES).encode()

    def shown_form(self, kept: bytes) -> bytes:
        """Return a kept reply as it was first given."""
        return sealing.unseal(kept.decode(), purpose=_KEPT_REPLIES).encode()


def payment_member(started: starting.Started | None) -> dict[str, Any] | None:
    """Return a payment as replies show it; None where nobody was asked."""
    if started is None:
        return None
    return {
        "id": started.payment_id,
        "state": started.state,
        "failure": started.failure or None,
        "client_secret": started.client_secret or None,
        "publishable_key": started.publishable_key or None,
        "redirect_url": started.redirect_url or None,
    }


def _again(work: Callable[[], T]) -> T:
    for _ in range(ATTEMPTS - 1):
        try:
            return work()
        except OperationalError as error:
            if not isinstance(error.__cause__, (pg.DeadlockDetected, pg.SerializationFailure)):
                raise
    return work()
