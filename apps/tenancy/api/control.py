"""Listings of the control plane: rows of the request's tenant, and of no other."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.response import Response

from apps.kernel.api import shaping
from apps.kernel.api.conditional import check_match
from apps.kernel.api.filters import check_parameters
from apps.kernel.api.renderers import to_json
from apps.kernel.api.shaping import RowSerializer
from apps.kernel.errors import NotFound
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.api.views import PlatformView
from apps.tenancy.resolution import ResolvedTenant


class ControlView(PlatformView):
    """A view over rows of the control plane. It binds nothing, so it filters by the tenant itself."""

    row_serializer: ClassVar[type[RowSerializer]]
    orderings: ClassVar[dict[str, Sequence[str]]] = {"id": ("id",)}
    default_ordering = "id"
    filter_backends = []

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

    def list_rows(self, request: TenantRequest) -> Response:
        """Answer with one page."""
        check_parameters(request, set())
        shape = shaping.shape_of(serializer=self.row_serializer, request=request)
        paginator: Any = self.paginator
        rows = paginator.page_of_values(
            request=request,
            queryset=self.get_queryset(),
            ordering=self.orderings[self.default_ordering],
            columns=shape.columns,
        )
        rows = shaping.finish(
            serializer=self.row_serializer, shape=shape, rows=rows, request=request
        )
        return paginator.get_paginated_response(rows)

    def row(self, row_id: UUID) -> dict[str, Any]:
        """Return one row as the reply shows it.

        :raises NotFound: there is none, or it is another tenant's.
        """
        shape = shaping.shape_of(serializer=self.row_serializer, request=self.request)
        found = self.get_queryset().filter(id=row_id).values(*shape.columns).first()
        if found is None:
            raise NotFound
        return shaping.finish(
            serializer=self.row_serializer, shape=shape, rows=[found], request=self.request
        )[0]

    def show(self, row_id: UUID, *, status: int = 200) -> Response:
        """Answer with one row; a 201 names where it is."""
        response = Response(self.row(row_id), status=status)
        if status == 201:
            response["Location"] = f"{self.request.path.rstrip('/')}/{row_id}"
        return response

    def check_match(self, row_id: UUID) -> None:
        """Refuse if the caller has not seen the row's present state.

        :raises NotFound: there is none.
        :raises PreconditionFailed: If-Match does not name it.
        """
        row = self.row(row_id)
        if "If-Match" in self.request.headers:
            check_match(self.request, to_json(row))
