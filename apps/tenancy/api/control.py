"""Listings of the control plane: rows of the request's tenant, and of no other."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet

from apps.kernel.api.conditional import check_match
from apps.kernel.api.renderers import to_json
from apps.tenancy.api.views import RowsView
from apps.tenancy.resolution import ResolvedTenant


class ControlView(RowsView):
    """A view over rows of the control plane. It binds nothing, so it filters by the tenant itself."""

    orderings: ClassVar[dict[str, Sequence[str]]] = {"id": ("id",)}
    default_ordering = "id"

    @property
    def tenant(self) -> ResolvedTenant:
        """The tenant of the request."""
        tenant: ResolvedTenant = self.request.tenant  # type: ignore[attr-defined]
        return tenant

    def get_queryset(self) -> QuerySet[Any]:
        """Return the tenant's rows."""
        model = self.row_serializer.Meta.model
        if getattr(self, "swagger_fake_view", False):
            return model._base_manager.none()
        return model._base_manager.filter(tenant_id=self.tenant.id)

    def get_serializer_class(self) -> type[Any]:
        """Return what the reply looks like."""
        return self.row_serializer

    def check_match(self, row_id: UUID) -> None:
        """Refuse if the caller has not seen the row's present state.

        :raises NotFound: there is none.
        :raises PreconditionFailed: If-Match does not name it.
        """
        row = self.row(self.request, id=row_id)  # type: ignore[arg-type]
        if "If-Match" in self.request.headers:
            check_match(self.request, to_json(row))
