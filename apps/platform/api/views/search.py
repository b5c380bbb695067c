"""The search API: one address for everything that can be found."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.response import Response

from apps.platform import interface, queries
from apps.platform.api.serializers.search import FoundRowSerializer
from apps.platform.models import SearchDocument
from apps.platform.models.search import Kind
from apps.tenancy.api.permissions import PUBLIC, rank_of
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.api.views import ContextView


class SearchFilter(filters.FilterSet):
    """What is looked for. The view looks for it: nothing of it narrows a listing."""

    q = filters.CharFilter(
        method="as_it_is", help_text="Words, or their beginnings. At most 200 characters."
    )
    kind = filters.ChoiceFilter(choices=Kind.choices, method="as_it_is")
    tag = filters.UUIDFilter(
        method="as_it_is",
        help_text="The id of a tag, a merged one too. Without `q`, all that has it.",
    )

    class Meta:
        model = SearchDocument
        fields: list[str] = []

    def as_it_is(self, rows: QuerySet, name: str, value: Any) -> QuerySet:
        """Return the rows."""
        return rows


@extend_schema_view(
    list=extend_schema(
        summary="Search everything",
        description=(
            "Profiles, tags and what is for sale, and to those who have signed in groups that they can "
            "join. Titles are ahead of keywords, those ahead of other texts; whole words ahead of beginnings, and "
            "what is only spelled alike comes last. At most 200 are found."
        ),
        responses=FoundRowSerializer(many=True),
    )
)
class SearchViewSet(ContextView):
    """What can be found of every context."""

    context = "platform"
    row_serializer = serializer_class = FoundRowSerializer
    filterset_class = SearchFilter
    orderings = {"relevance": ("-rank", "-weight", "-id")}
    default_ordering = "relevance"
    access = {"list": PUBLIC}
    found: QuerySet[SearchDocument] | None = None

    def get_queryset(self) -> QuerySet[SearchDocument]:
        """Return what was found: nothing, before it is looked for."""
        return self.found if self.found is not None else SearchDocument.objects.none()

    def list(self, request: TenantRequest) -> Response:
        """Answer with a page of what is found, best first."""
        queries.check_text(request.query_params.get("q", ""))
        self.filter_queryset(self.get_queryset())
        self.found = queries.documents(_ranks(request))
        return self.list_rows(request)


def _ranks(request: TenantRequest) -> dict[UUID, int]:
    asked = request.query_params
    kinds: list[str] | None = None if request.user else [*queries.KINDS_FOR_ANYBODY]
    if kind := asked.get("kind"):
        kinds = [kind] if kinds is None or kind in kinds else []
    tag_ids = None
    if tag := asked.get("tag", "").strip():
        tag_ids = interface.with_aliases(ids={UUID(tag)})
    return queries.find(
        text=asked.get("q", ""),
        tag_ids=tag_ids,
        kinds=kinds,
        public_only=rank_of(request) is None,
        with_alike=queries.is_on(key="platform.similar_search"),
    )
