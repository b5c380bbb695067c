"""What the views of the commerce context have in common."""

from datetime import datetime
from functools import cached_property
from typing import Any

from apps.commerce import queries
from apps.commerce.models import IdempotencyKey
from apps.tenancy.api.permissions import Rank, caller_id, has_rank, rank_of
from apps.tenancy.api.views import ContextView


class CommerceView(ContextView):
    """A view of the commerce context."""

    context = "commerce"
    idempotency_model = IdempotencyKey

    @cached_property
    def viewer(self) -> queries.Viewer:
        """Who is calling."""
        return viewer_of(getattr(self, "request", None))

    @cached_property
    def now(self) -> datetime:
        """What time it is for the tenant: its test clock's, if it has one. One query, the first time."""
        return queries.clock.now()


def viewer_of(request: Any) -> queries.Viewer:
    """Return who looks or acts; nobody, where no request is."""
    if request is None or not getattr(request, "user", None):
        return queries.Viewer()
    return queries.viewer_of_person(
        keycloak_id=caller_id(request),
        is_staff=rank_of(request) is not None,
        is_support=has_rank(request, Rank.SUPPORT),
        is_editor=has_rank(request, Rank.EDITOR),
        is_admin=has_rank(request, Rank.ADMIN),
    )
