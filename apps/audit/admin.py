"""The audit log in the admin: a tenant's on its own host, the control plane's on the platform's."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from rest_framework.permissions import SAFE_METHODS
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

from apps.audit import queries
from apps.audit.models import AuditEntry
from apps.kernel.api.renderers import to_json
from apps.tenancy import reads
from apps.tenancy.admin_site import ReadOnlyAdmin, platform_site, tenant_site
from apps.tenancy.api.permissions import Rank
from apps.tenancy.platform import Platform
from config.databases import context_of

DATABASE = "database"
# Where the tenants' people are, and most of what is asked for.
FIRST_SHOWN = "users"
ROW = "<tr><th>{}</th><td><code>{}</code></td><td>→</td><td><code>{}</code></td></tr>"


class DatabaseFilter(SimpleListFilter):
    """Which database's log is shown: one at a time, since a query is in one database."""

    title = "database"
    parameter_name = DATABASE

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return every database."""
        return [(word, word) for word in queries.DATABASES]

    def choices(self, changelist: Any) -> Any:
        """Yield the databases; there is no such thing as all of them."""
        shown = self.value() or FIRST_SHOWN
        for word, title in self.lookup_choices:
            yield {
                "selected": word == shown,
                "query_string": changelist.get_query_string({DATABASE: word}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Return all rows: the page reads from the chosen database to begin with."""
        return queryset


class SourceFilter(SimpleListFilter):
    """Where the work came from."""

    title = parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the sources there are."""
        return [(source, source) for source in queries.SOURCES]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        """Keep what came from there."""
        return queryset.filter(source=self.value()) if self.value() else queryset


class EntryList(ChangeList):
    """A list whose rows lead to addresses that say the database."""

    def url_for_result(self, result: AuditEntry) -> str:
        """Return the address of an entry's page."""
        word = queries.WORDS[context_of(str(result._state.db))]
        return f"{super().url_for_result(result)}?{urlencode({DATABASE: word})}"


class EntryAdmin(ReadOnlyAdmin):
    """Entries, to be looked at."""

    needs = dict.fromkeys(ReadOnlyAdmin.needs, Rank.ADMIN)
    list_display = ["occurred_at", "action", "entity_type", "entity_id", "columns", "who", "source"]
    list_filter: Sequence[Any] = ["action", SourceFilter, "occurred_at"]
    search_fields = ["entity_id", "actor_id"]
    search_help_text = "The id of what was changed or of who changed it, in full."
    ordering = ["-occurred_at", "-id"]
    # Other orders go by no index, and counting a log takes as long as reading it.
    sortable_by: Sequence[str] = ()
    paginator = InfinitePaginator
    fieldsets = [
        (None, {"fields": ["occurred_at", "action", "entity_type", "entity_id", "changes"]}),
        ("Who", {"fields": ["actor_type", "actor_id", "actor_tenant_id"]}),
        (
            "Whence",
            {"fields": ["source", "request_id", "session_id", "ip_address", "user_agent"]},
        ),
    ]
    readonly_fields = [
        *(name for name in queries.COLUMNS if not name.endswith(("_values", "_fields"))),
        "changes",
    ]

    @admin.display(description="columns")
    def columns(self, entry: AuditEntry) -> str:
        """Return what was changed."""
        return ", ".join(entry.changed_fields or ())

    @admin.display(description="who")
    def who(self, entry: AuditEntry) -> str:
        """Return who did it."""
        return f"{entry.actor_type} {entry.actor_id or ''}".strip()

    @admin.display(description="what")
    def changes(self, entry: AuditEntry) -> SafeString:
        """Return from what to what each column went; of a look, what it showed."""
        if entry.details:
            return format_html("<code>{}</code>", to_json(entry.details).decode())
        found = queries.changes(vars(entry))
        rows = [(each["field"], _shown(each["old"]), _shown(each["new"])) for each in found]
        return format_html("<table>{}</table>", format_html_join("", ROW, rows))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list."""
        return EntryList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Keep entries of one object or of one actor; by whole ids, which are indexed."""
        term = search_term.strip()
        return queryset.filter(_named(term)) if term else queryset, False

    def get_urls(self) -> list[URLPattern]:
        """Return the addresses of list and entry: the others would write."""
        kept = ("_changelist", "_change")
        return [url for url in super().get_urls() if str(url.name).endswith(kept)]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show an entry. That somebody looked is recorded, before the page is sent.

        :raises PermissionDenied: somebody tries to change it.
        :raises Http404: there is no such entry.
        """
        if request.method not in SAFE_METHODS:
            raise PermissionDenied
        entry = self.get_object(request, object_id or "")
        if entry is None or not self.has_view_permission(request, entry):
            raise Http404
        response: HttpResponse = super().changeform_view(
            request, object_id, form_url, extra_context
        )
        self.record_look(request, entry)
        return response

    def record_look(self, request: HttpRequest, entry: AuditEntry) -> None:
        """Write a READ entry into the log that was looked at."""
        raise NotImplementedError


@admin.register(AuditEntry, site=tenant_site)
class TenantEntryAdmin(EntryAdmin):
    """A tenant's log, in the database that the address says."""

    list_filter = [DatabaseFilter, *EntryAdmin.list_filter]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """Return the tenant's entries in one database.

        :raises NotFound: the address names none that there is.
        """
        alias = queries.alias_of(request.GET.get(DATABASE) or FIRST_SHOWN)
        tenant_id = request.tenant.id  # type: ignore[attr-defined]
        found = queries.entries(tenant_id=tenant_id, alias=alias)
        return found.order_by(*self.ordering)

    def record_look(self, request: HttpRequest, entry: AuditEntry) -> None:
        """Note it; the site writes it once the page's block, which only reads, has ended."""
        reads.note_read(
            request,
            alias=queries.alias_of(request.GET.get(DATABASE) or FIRST_SHOWN),
            entity_type=AuditEntry._meta.db_table,
            id=entry.pk,
            fields=queries.COLUMNS,
        )


@admin.register(AuditEntry, site=platform_site)
class PlatformEntryAdmin(EntryAdmin):
    """The control plane's log: all tenants', and the platform's own."""

    list_display = ["occurred_at", "tenant_id", *EntryAdmin.list_display[1:]]
    search_help_text = "The id of a tenant, of what was changed, or of who changed it, in full."

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        """Return all entries of the control plane."""
        found: QuerySet[AuditEntry] = AuditEntry.objects.using("default").order_by(*self.ordering)
        return found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        """Keep entries of one tenant, object or actor."""
        term = search_term.strip()
        condition = _named(term)
        if tenant_id := _uuid(term):
            condition |= Q(tenant_id=tenant_id)
        return queryset.filter(condition) if term else queryset, False

    def _may(self, request: HttpRequest, action: str) -> bool:
        """Return whether operators may do it: this site lets in nobody else."""
        return action == "view"

    def record_look(self, request: HttpRequest, entry: AuditEntry) -> None:
        """Write it into the log of the tenant whose entry it is."""
        reads.record_reads(
            tenant=Platform(id=entry.tenant_id),
            alias="default",
            entity_type=AuditEntry._meta.db_table,
            ids=[entry.pk],
            fields=queries.COLUMNS,
        )


def _named(term: str) -> Q:
    return Q(entity_id=term) | Q(actor_id=term)


def _uuid(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None


def _shown(value: Any) -> str:
    """Return a value as the page shows it."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else to_json(value).decode()
