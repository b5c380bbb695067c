"""What the views of groups, comments and likes have in common."""

from functools import cached_property
from typing import cast
from uuid import UUID

from apps.platform import queries
from apps.platform.api.viewers import viewer_of
from apps.platform.models import IdempotencyKey
from apps.tenancy.api.views import ContextView


class PlatformContextView(ContextView):
    """A view of the platform context."""

    context = "platform"
    idempotency_model = IdempotencyKey

    @cached_property
    def viewer(self) -> queries.Viewer:
        """Who is calling."""
        return viewer_of(getattr(self, "request", None))

    @property
    def named_group_id(self) -> UUID:
        """The group that the address names."""
        return cast(UUID, self.kwargs.get("group_id"))
