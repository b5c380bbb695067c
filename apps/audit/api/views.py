"""The audit log over HTTP. Whoever looks at it closely is in it afterwards."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.response import Response

from apps.audit import exporting, queries, receipts
from apps.audit.api import rows
from apps.audit.api.filters import EntryFilter, ExportFilter
from apps.audit.logs import Log
from apps.audit.models import AuditEntry
from apps.kernel.api.filters import COMMON
from apps.kernel.api.renderers import JSONRenderer
from apps.kernel.errors import Invalid, NotFound
from apps.tenancy import reads, replicas
from apps.tenancy.api.permissions import ADMIN
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.api.views import RowsView

# What looks at the log are looks at: the table's own name.
LOG = AuditEntry._meta.db_table
# Parameters in which a caller may write anything.
FREE_TEXTS = {"actor_id", "entity_type", "entity_id"}

DATABASE = OpenApiParameter(
    "database",
    OpenApiTypes.STR,
    OpenApiParameter.PATH,
    enum=list(queries.DATABASES),
    description="Whose log: a context's, or `control` for what is done to the tenant itself.",
)


@extend_schema(parameters=[DATABASE])
class AuditView(RowsView):
    """A view of one database's log. Its handlers only read; what they showed is recorded afterwards."""

    context = "audit"
    orderings = {"-occurred_at": ("-occurred_at", "-id")}
    default_ordering = "-occurred_at"

    @property
    def alias(self) -> str:
        """The database that the address names.

        :raises NotFound: there is none of this name.
        """
        return queries.alias_of(self.kwargs["database"])

    @property
    def may_lag(self) -> bool:
        """Whether a replica may answer."""
        request: Any = self.request
        return replicas.may_read(tenant_id=request.tenant.id, actor_id=request.user.id)

    def get_queryset(self) -> QuerySet[Any]:
        """Return the tenant's entries."""
        if getattr(self, "swagger_fake_view", False):
            return AuditEntry.objects.none()
        tenant_id = self.request.tenant.id  # type: ignore[attr-defined]
        return queries.entries(tenant_id=tenant_id, alias=self.alias)

    def perform(self, request: TenantRequest, handler: Callable[..., Response]) -> Response:
        """Read and render in one block; then record the look, before the reply is sent."""
        with queries.reading(tenant=request.tenant, alias=self.alias, replica=self.may_lag):
            response = self.render(request, handler(request, *self.args, **self.kwargs))
        reads.write_noted(request, response, tenant=request.tenant)
        return response

    def note_look(self, what: str | UUID, fields: Iterable[str]) -> None:
        """Note that the log was looked at closely: a READ entry in that same log."""
        reads.note_read(self.request, alias=self.alias, entity_type=LOG, id=what, fields=fields)

    def asked(self) -> list[str]:
        """Return what the caller filters by, as it is recorded: of free texts, ids and nothing else.

        What goes into the log stays in it, and somebody may look for an e-mail address.
        """
        given = self.request.query_params
        names = [name for name in EntryFilter.base_filters if given.get(name)]
        return [
            name if name in FREE_TEXTS and not _is_id(given[name]) else f"{name}={given[name]}"
            for name in names
        ]


class EntryView(AuditView):
    """Entries of the log."""

    row_serializer = serializer_class = rows.AuditEntryRowSerializer
    filterset_class = EntryFilter
    access = {"list": ADMIN, "retrieve": ADMIN}

    @extend_schema(summary="List audit entries", responses=rows.AuditEntryRowSerializer(many=True))
    def list(self, request: TenantRequest, database: str) -> Response:
        """List what was written and looked at, the newest first. That you looked is recorded."""
        self.note_look("list", self.asked() or ["everything"])
        return self.list_rows(request)

    @extend_schema(
        summary="Show an audit entry",
        filters=False,
        responses=rows.AuditEntryRowSerializer,
    )
    def retrieve(self, request: TenantRequest, database: str, entry_id: UUID) -> Response:
        """Show one entry. That you looked is recorded."""
        row = self.row(request, id=entry_id)
        self.note_look(entry_id, row)
        return Response(row)


class ReceiptView(AuditView):
    """Receipts of entries."""

    serializer_class = rows.AuditReceiptSerializer
    access = {"retrieve": ADMIN}

    @extend_schema(
        summary="Give a receipt of an audit entry",
        description=(
            "The proof that an entry is under a seal, to be verified anywhere; 409 until a seal "
            "covers it. That you asked is recorded."
        ),
        responses=rows.AuditReceiptSerializer,
    )
    def retrieve(self, request: TenantRequest, database: str, entry_id: UUID) -> Response:
        """Give the proof that an entry is under a seal, and record that it was given.

        :raises EntryNotFound: there is no such entry.
        :raises NotSealedYet: no seal covers it yet.
        """
        log = Log(database=self.alias, tenant=request.tenant)
        self.note_look(entry_id, ["receipt"])
        return Response(receipts.receipt_of(log=log, entry_id=entry_id))


class HistoryView(AuditView):
    """What happened to one row of a table."""

    row_serializer = serializer_class = rows.AuditHistoryRowSerializer
    access = {"list": ADMIN}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the entries of the row that the address names."""
        found = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return found
        return found.filter(
            entity_type=self.kwargs["entity_type"], entity_id=self.kwargs["entity_id"]
        )

    @extend_schema(
        summary="Show what happened to a row",
        operation_id="audit_history",
        description=(
            "Who changed a row, from what to what, the newest first; 404 if nothing is known of it. "
            "That you looked is recorded."
        ),
        parameters=[
            OpenApiParameter(
                "entity_type", str, "path", description="A table, such as `profiles`."
            ),
            OpenApiParameter("entity_id", str, "path", description="The key of a row of it."),
        ],
        responses=rows.AuditHistoryRowSerializer(many=True),
    )
    def list(
        self, request: TenantRequest, database: str, entity_type: str, entity_id: str
    ) -> Response:
        """Show who changed a row, from what to what, and record that somebody looked.

        :raises NotFound: nothing is known of such a row.
        """
        if not self.get_queryset().exists():
            raise NotFound
        self.note_look(entity_id, ["history", f"entity_type={entity_type}"])
        return self.list_rows(request)


class JSONLines(JSONRenderer):
    """Lets callers ask for JSON lines; what is refused is JSON all the same."""

    media_type = "application/jsonl"
    format = "jsonl"


class CSV(JSONRenderer):
    """Lets callers ask for CSV; what is refused is JSON all the same."""

    media_type = "text/csv"
    format = "csv"


class ExportView(AuditView):
    """The log as a file."""

    row_serializer = serializer_class = rows.AuditEntryRowSerializer
    filterset_class = ExportFilter
    renderer_classes = [*AuditView.renderer_classes, JSONLines, CSV]
    shapes_rows = False
    access = {"export": ADMIN}

    def perform(self, request: TenantRequest, handler: Callable[..., Any]) -> Any:
        """Answer outside any block: the file binds for each of its pages, while it is sent."""
        response = handler(request, *self.args, **self.kwargs)
        reads.write_noted(request, response, tenant=request.tenant)
        return self.finalize_response(request, response, *self.args, **self.kwargs)

    @extend_schema(
        summary="Export the audit log",
        operation_id="audit_export",
        filters=True,
        responses={
            (200, "application/jsonl"): OpenApiTypes.BINARY,
            (200, "text/csv"): OpenApiTypes.BINARY,
        },
    )
    def export(self, request: TenantRequest, database: str) -> StreamingHttpResponse:
        """Send the entries as a file, the oldest first. That you exported, and what, is recorded."""
        if refused := COMMON & set(request.query_params):
            raise Invalid(fields={name: ["An export is whole; leave it out."] for name in refused})
        pages = exporting.pages(
            tenant=request.tenant,
            alias=self.alias,
            rows=self.filter_queryset(self.get_queryset()),
            ends_at=timezone.now(),
            replica=self.may_lag,
        )
        # Read before the status is sent, so that what fails can still be answered as a problem.
        first = next(pages, [])
        as_ = request.query_params.get("format") or "jsonl"
        self.note_look("export", [f"format={as_}", *self.asked()])
        return StreamingHttpResponse(
            exporting.written(chain([first], pages), as_=as_),
            content_type=exporting.MEDIA_TYPES[as_],
            headers={
                "Content-Disposition": f'attachment; filename="audit-{database}.{as_}"',
                "Cache-Control": "no-store",
            },
        )


class SealView(AuditView):
    """Seals over the log."""

    row_serializer = serializer_class = rows.AuditSealRowSerializer
    orderings = {"-number": ("-number",)}
    default_ordering = "-number"
    access = {"list": ADMIN}

    def get_queryset(self) -> QuerySet[Any]:
        """Return the tenant's seals."""
        if getattr(self, "swagger_fake_view", False):
            return self.row_serializer.Meta.model._base_manager.none()
        tenant_id = self.request.tenant.id  # type: ignore[attr-defined]
        return queries.seals(tenant_id=tenant_id, alias=self.alias)

    @extend_schema(summary="List seals", responses=rows.AuditSealRowSerializer(many=True))
    def list(self, request: TenantRequest, database: str) -> Response:
        """List the signed Merkle roots over the log, the newest first."""
        return self.list_rows(request)


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
