"""Two admin sites: the control plane on the platform's host, a tenant's on the tenant's host.

The tenant's site is bound like any request: the view runs and is rendered inside one block, which
writes in the context whose rows the page shows. No page can show two tenants.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable
from functools import wraps
from typing import Any, ClassVar, cast
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from rest_framework.permissions import SAFE_METHODS
from unfold.admin import ModelAdmin, TabularInline
from unfold.sites import UnfoldAdminSite

from apps.kernel.errors import Problem
from apps.tenancy import binding, origin, reads
from apps.tenancy.api.permissions import Rank
from apps.tenancy.models import Membership
from apps.tenancy.origin import Actor
from config.databases import ALIAS_OF_LABEL, HOME_ALIASES


class StaffForm(AdminAuthenticationForm):
    """Signs in with email and password; who may come in is the site's question, not the form's."""

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse an account that is switched off.

        :raises ValidationError: it is.
        """
        if not user.is_active:
            raise ValidationError("This account is switched off.", code="inactive")


class TenantSite(UnfoldAdminSite):
    """The admin of one tenant: whoever's host it is."""

    site_header = "Quintet"
    site_title = "Quintet"
    index_title = "Your platform"
    login_form = StaffForm

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether the account is of this tenant's staff."""
        return rank_in_tenant(request) is not None

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return the context of every page, headed by the tenant's name."""
        tenant = request.tenant  # type: ignore[attr-defined]
        return {
            **super().each_context(request),
            "site_header": tenant.name,
            "site_title": tenant.name,
        }

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Wrap a view in the tenant's binding, rendered inside."""
        inner = super().admin_view(view, cacheable)

        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            alias = _context_shown(request)
            writes = alias if alias and request.method not in SAFE_METHODS else None
            tenant = request.tenant  # type: ignore[attr-defined]
            say_who(request, tenant_id=tenant.id)
            with binding.bind(tenant, writes=writes) as bound:
                response = inner(request, *args, **kwargs)
                if writes and response.status_code < 400:
                    bound.check_constraints()
                if hasattr(response, "render"):
                    response.render()
                if response.status_code >= 400:
                    bound.rollback()
            reads.write_noted(request, response, tenant=tenant)
            return response

        @wraps(inner)
        def bound_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return answer(request, *args, **kwargs)
            except Problem as problem:
                if request.method in SAFE_METHODS:
                    raise
                # An operation refused, and everything is rolled back: say so on the same page.
                texts = [text for several in problem.fields.values() for text in several]
                messages.error(request, " ".join([problem.detail, *texts]))
                return HttpResponseRedirect(request.get_full_path())

        return bound_view


class PlatformSite(UnfoldAdminSite):
    """The admin of the control plane: tenants, homes, domains."""

    site_header = "Quintet control plane"
    site_title = "Quintet control plane"
    index_title = "Tenants and homes"
    login_form = StaffForm

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether the account is an operator of the platform."""
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        """Have what a page changes logged as the operator's."""
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def logged_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            say_who(request, tenant_id=None)
            return inner(request, *args, **kwargs)

        return logged_view


tenant_site = TenantSite(name="admin")
platform_site = PlatformSite(name="admin")


class TenantModelAdmin(ModelAdmin):
    """The base of every tenant admin page: permissions by role; the audit log instead of LogEntry."""

    show_full_result_count = False
    list_per_page = 50
    needs: ClassVar[dict[str, Rank]] = {
        "view": Rank.VIEWER,
        "add": Rank.EDITOR,
        "change": Rank.EDITOR,
        "delete": Rank.ADMIN,
    }

    def _may(self, request: HttpRequest, action: str) -> bool:
        rank = rank_in_tenant(request)
        return rank is not None and rank >= self.needs[action]

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the context is listed."""
        return self._may(request, "view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether rows may be read."""
        return self._may(request, "view")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether rows may be added."""
        return self._may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether rows may be changed."""
        return self._may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether rows may be deleted."""
        return self._may(request, "delete")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete what was chosen, each as it is deleted alone."""
        for each in queryset:
            self.delete_model(request, each)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list, its rows noted as looked at if a personal column is among what it shows."""
        shown = super().get_changelist_instance(request)
        columns = set(reads.personal_columns(self.model)) & set(self.get_list_display(request))
        note_shown(request, shown.result_list, columns=columns)
        return shown

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Render a row's page, the row and what hangs on it noted as looked at."""
        rows = [context["original"]] if context.get("original") else []
        for inline in context.get("inline_admin_formsets", ()):
            rows += [form.instance for form in inline.formset.initial_forms]
        for row in rows:
            note_shown(request, [row], columns=reads.personal_columns(type(row)))
        return super().render_change_form(request, context, *args, **kwargs)

    def log_addition(self, *args: Any, **kwargs: Any) -> None:
        """Write no LogEntry: it would tell the control plane what a tenant's rows are called."""

    log_change = log_addition
    log_deletions = log_addition

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a row's page, with the way to its history for whoever may read the audit log."""
        has_history = self.opts.app_label in ALIAS_OF_LABEL and _may_read_log(request)
        context = {**(extra_context or {}), "show_history": has_history}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to what the audit log has about a row, also about one that is gone.

        :raises PermissionDenied: the account may not read the log.
        """
        if not _may_read_log(request):
            raise PermissionDenied
        row = {
            "database": ALIAS_OF_LABEL[self.opts.app_label],
            "entity_type": self.opts.db_table,
            "entity_id": unquote(object_id),
        }
        log = reverse("admin:audit_auditentry_changelist", current_app=self.admin_site.name)
        return HttpResponseRedirect(f"{log}?{urlencode(row)}")


class TenantInline(TabularInline):
    """Rows on the page of what they belong to: seen by all staff, changed by editors."""

    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether rows may be read."""
        return rank_in_tenant(request) is not None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether rows may be changed, added and removed."""
        rank = rank_in_tenant(request)
        return rank is not None and rank >= Rank.EDITOR

    has_add_permission = has_delete_permission = has_change_permission


class ReadOnlyInline(TenantInline):
    """Rows on the page of what they belong to, on which nothing can be changed."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    has_add_permission = has_delete_permission = has_change_permission


class ReadOnlyAdmin(TenantModelAdmin):
    """Rows that are looked at and never touched: append-only tables and counters."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False


class DeletedByOperation(TenantModelAdmin):
    """Rows that an operation deletes or hides: it sees to what goes along, and says what is against it."""

    def get_deleted_objects(
        self, objs: Iterable[Model], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Return what is listed before deleting: what was chosen, and nothing that hangs on it."""
        named = [str(each) for each in objs]
        return named, {str(self.opts.verbose_name_plural): len(named)}, set(), []


def note_shown(request: HttpRequest, rows: Iterable[Any], *, columns: Collection[str]) -> None:
    """Note that a page shows personal columns of a context's rows."""
    for row in rows if columns else ():
        reads.note_read(
            request,
            alias=ALIAS_OF_LABEL[row._meta.app_label],
            entity_type=row._meta.db_table,
            id=row.pk,
            fields=columns,
        )


def _may_read_log(request: HttpRequest) -> bool:
    rank = rank_in_tenant(request)
    return rank is not None and rank >= Rank.ADMIN


def say_who(request: HttpRequest, *, tenant_id: UUID | None) -> None:
    """Have what a page changes logged as the account's that is signed in."""
    account_id = getattr(request.user, "id", None)
    actor = Actor("person", account_id, tenant_id) if account_id else origin.ANONYMOUS
    origin.refine(actor=actor, source="admin", session_id=_session_id(request))


def _session_id(request: HttpRequest) -> str:
    """Return a name for the session that nobody can come in with."""
    key = request.session.session_key or ""
    return hashlib.sha256(key.encode()).hexdigest()[:32] if key else ""


def rank_in_tenant(request: HttpRequest) -> Rank | None:
    """Return the account's rank in the tenant of the request, looked up once per request."""
    tenant = getattr(request, "tenant", None)
    if tenant is None or not request.user.is_authenticated:
        return None
    if not hasattr(request, "_rank_in_tenant"):
        role = (
            Membership.objects.filter(tenant_id=tenant.id, account_id=request.user.pk)
            .values_list("role", flat=True)
            .first()
        )
        request._rank_in_tenant = Rank[role.upper()] if role else None  # type: ignore[attr-defined]
    return cast(Rank | None, request._rank_in_tenant)  # type: ignore[attr-defined]


def _context_shown(request: HttpRequest) -> str | None:
    """Return the alias of the context whose page this is: /admin/<app label>/…"""
    parts = request.path.strip("/").split("/")
    alias = ALIAS_OF_LABEL.get(parts[1]) if len(parts) > 1 else None
    return alias if alias in HOME_ALIASES else None
