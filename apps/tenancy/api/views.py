"""The base of every view: authenticate unbound, then bind around one operation and render inside."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

from django.db import OperationalError, models
from django.http import HttpRequest
from django.utils.cache import patch_vary_headers
from psycopg import errors as pg
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from apps.kernel import idempotency
from apps.kernel.api import shaping
from apps.kernel.api.conditional import add_etag, check_match
from apps.kernel.api.filters import ordering_of
from apps.kernel.api.pagination import KeysetPagination
from apps.kernel.api.renderers import to_json
from apps.kernel.errors import NotFound
from apps.tenancy import binding, origin, reads, replicas
from apps.tenancy.api.permissions import Access, Declared
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.middleware import TenantRequired
from apps.tenancy.origin import Actor

# A deadlock or a serialization failure rolled everything back: the same request can be run again.
ATTEMPTS = 3


class PlatformView(GenericViewSet):
    """A view on the control plane: authenticated and ranked like all others, bound to nothing."""

    access: ClassVar[Mapping[str, Access]] = {}
    permission_classes = [Declared]
    requires_tenant = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Answer a request: everything that can refuse it comes before the unit of work."""
        self.args, self.kwargs = args, kwargs
        drf_request = cast(TenantRequest, self.initialize_request(request, *args, **kwargs))
        self.request = drf_request
        self.headers = self.default_response_headers
        try:
            if self.requires_tenant and request.tenant is None:  # type: ignore[attr-defined]
                raise TenantRequired
            self.initial(drf_request, *args, **kwargs)
            self.say_who(drf_request)
            handler = self._handler(drf_request)
            response = self.perform(drf_request, handler)
        except Exception as error:  # noqa: BLE001 - the handler answers or re-raises every one
            response = self.handle_exception(error)
            response = self.finalize_response(drf_request, response, *args, **kwargs)
        patch_vary_headers(response, ["Authorization"])
        if limit := getattr(request, "rate_limit", None):
            response["RateLimit-Policy"], response["RateLimit"] = limit
        self.response = response
        return response

    def say_who(self, request: TenantRequest) -> None:
        """Have what the request changes and reads logged as its caller's."""
        person = request.user
        if person:
            actor = Actor("person", person.id, request.tenant.id if request.tenant else None)
            origin.refine(actor=actor, session_id=person.session_id)

    def _handler(self, request: TenantRequest) -> Callable[..., Response]:
        """Return what answers the method of the request.

        :raises MethodNotAllowed: nothing does. `Declared` lets such a request pass, so it ends here,
            before `perform`, which a view may answer without the handler.
        """
        method = (request.method or "").lower()
        handler = getattr(self, method, None) if method in self.http_method_names else None
        if handler is None:
            raise MethodNotAllowed(str(request.method))
        return cast(Callable[..., Response], handler)

    def perform(self, request: TenantRequest, handler: Callable[..., Response]) -> Response:
        """Run the handler, render its reply, and log what it shows of people."""
        response = self.render(request, handler(request, *self.args, **self.kwargs))
        reads.write_noted(request, response, tenant=request.tenant)
        return response

    def render(self, request: TenantRequest, response: Response) -> Response:
        """Render a reply now, so that nothing is left to fail after the unit of work has ended."""
        response = self.finalize_response(request, response, *self.args, **self.kwargs)
        response.render()
        add_etag(request, response)
        return response

    def body(self, serializer_class: type | None = None, **kwargs: Any) -> dict[str, Any]:
        """Return the validated body of the request.

        :raises ValidationError: names the fields that are wrong.
        """
        kind = serializer_class or self.get_serializer_class()
        serializer = kind(data=self.request.data, context=self.get_serializer_context(), **kwargs)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)


class RowsView(PlatformView):
    """A view that answers with rows as its serializer declares them."""

    row_serializer: ClassVar[type[shaping.RowSerializer]]
    orderings: ClassVar[dict[str, Sequence[str]]] = {"-id": ("-id",)}
    default_ordering = "-id"

    def list_rows(self, request: TenantRequest) -> Response:
        """Answer with one page of the view's rows."""
        shape = shaping.shape_of(serializer=self.row_serializer, request=request)
        ordering = ordering_of(request, allowed=self.orderings, default=self.default_ordering)
        queryset = self.filter_queryset(self.get_queryset())
        paginator = self.paginator
        assert isinstance(paginator, KeysetPagination)
        rows = paginator.page_of_values(
            request=request, queryset=queryset, ordering=ordering, columns=shape.columns
        )
        rows = shaping.finish(
            serializer=self.row_serializer, shape=shape, rows=rows, request=request
        )
        return paginator.get_paginated_response(rows)

    def row(self, request: TenantRequest, **lookup: Any) -> shaping.Row:
        """Return one row as the reply shows it.

        :raises NotFound: there is none, or it is another tenant's.
        """
        shape = shaping.shape_of(serializer=self.row_serializer, request=request)
        found = self.get_queryset().filter(**lookup).values(*shape.columns).first()
        if found is None:
            raise NotFound
        return shaping.finish(
            serializer=self.row_serializer, shape=shape, rows=[found], request=request
        )[0]

    def show(self, request: TenantRequest, *, status: int = 200, **lookup: Any) -> Response:
        """Answer with one row; a 201 names where it is."""
        row = self.row(request, **lookup)
        response = Response(row, status=status)
        if status == 201:
            response["Location"] = self.location_of(request, {**lookup, **row})
        return response

    def location_of(self, request: TenantRequest, row: shaping.Row) -> str:
        """Return the address of a new row: this listing's, and its id."""
        return f"{request.path.rstrip('/')}/{row['id']}"


class ContextView(RowsView):
    """A view of one context. Its handlers run inside one binding, which writes in that context."""

    context: ClassVar[str]
    # Where the context keeps answered requests; None for a context that creates nothing.
    idempotency_model: ClassVar[type[idempotency.AbstractIdempotencyKey] | None] = None

    def perform(self, request: TenantRequest, handler: Callable[..., Response]) -> Response:
        """Bind, run the handler, render; a reply of 400 or more leaves nothing written."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = self._perform_bound(request, handler)
                break
            except OperationalError as error:
                again = isinstance(error.__cause__, (pg.DeadlockDetected, pg.SerializationFailure))
                if not again or attempt == ATTEMPTS:
                    raise
        reads.write_noted(request, response, tenant=request.tenant)
        return response

    def _perform_bound(self, request: TenantRequest, handler: Callable[..., Response]) -> Response:
        writes = None if request.method in SAFE_METHODS else self.context
        with self.bind(request, writes=writes) as bound:
            kept = self._kept_reply(request) if writes else None
            if kept is not None:
                return self.render(request, kept)
            response = handler(request, *self.args, **self.kwargs)
            if writes:
                bound.check_constraints()
            response = self.render(request, response)
            if response.status_code >= 400:
                bound.rollback()
            elif writes:
                self._keep_reply(request, response)
                # With the write itself: if the look can't be logged, nothing was changed either.
                reads.write_noted(request, response, tenant=request.tenant, only=writes)
        if writes and request.user:
            replicas.note_write(tenant_id=request.tenant.id, actor_id=request.user.id)
        return response

    def bind(self, request: TenantRequest, *, writes: str | None) -> Any:
        """Bind the request's tenant as its caller."""
        actor_id = request.user.id if request.user else None
        may_lag = writes is None and replicas.may_read(
            tenant_id=request.tenant.id, actor_id=actor_id
        )
        return binding.bind(request.tenant, writes=writes, replica=may_lag)

    # Idempotency ---------------------------------------------------------------------------------

    def _idempotency_key(self, request: TenantRequest) -> str | None:
        if request.method != "POST" or self.idempotency_model is None or not request.user:
            return None
        return request.headers.get("Idempotency-Key")

    def _hash(self, request: TenantRequest) -> str:
        return idempotency.request_hash(
            method=str(request.method), path=request.path, body=to_json(request.data)
        )

    def _kept_reply(self, request: TenantRequest) -> Response | None:
        key = self._idempotency_key(request)
        if key is None or self.idempotency_model is None:
            return None
        idempotency.check_key(key)
        idempotency.claim(
            alias=self.context, tenant_id=request.tenant.id, actor_id=request.user.id, key=key
        )
        kept = idempotency.find(self.idempotency_model, actor_id=request.user.id, key=key)
        if kept is None:
            return None
        idempotency.check_same(kept, hashed=self._hash(request))
        response = KeptReply(self.shown_form(bytes(kept.reply)), status=kept.status_code)
        if kept.location:
            response["Location"] = kept.location
        response["Idempotency-Replayed"] = "true"
        return response

    def _keep_reply(self, request: TenantRequest, response: Response) -> None:
        key = self._idempotency_key(request)
        if key is None or self.idempotency_model is None:
            return
        self.idempotency_model._default_manager.filter(actor_id=request.user.id, key=key).delete()
        self.idempotency_model._default_manager.create(
            actor_id=request.user.id,
            key=key,
            request_hash=self._hash(request),
            status_code=response.status_code,
            reply=self.kept_form(response.content),
            location=response.headers.get("Location", ""),
        )

    def kept_form(self, content: bytes) -> bytes:
        """Return a reply as it is kept; overridden where it holds a secret."""
        return content

    def shown_form(self, kept: bytes) -> bytes:
        """Return a kept reply as it was first given."""
        return kept

    def check_match(self, request: TenantRequest, **lookup: Any) -> None:
        """Hold the row for this transaction, and refuse if the caller has not seen its present state.

        :raises NotFound: there is none.
        :raises PreconditionFailed: If-Match does not name it.
        """
        model: type[models.Model] = self.get_queryset().model
        locked = model._base_manager.filter(**lookup).select_for_update().values("pk").first()
        if locked is None:
            raise NotFound
        if "If-Match" in request.headers:
            check_match(request, to_json(self.row(request, **lookup)))


class KeptReply(Response):
    """A reply that was rendered when it was first given."""

    @property
    def rendered_content(self) -> bytes:  # type: ignore[override]
        """Return the body as it was kept."""
        self["Content-Type"] = "application/json"
        return bytes(self.data)
