"""What the views of this context have in common."""

from typing import cast
from uuid import UUID

from apps.tenancy.api.views import ContextView
from apps.users import queries
from apps.users.api.viewers import viewer_of
from apps.users.models import IdempotencyKey


class UsersView(ContextView):
    """A view of the users context."""

    context = "users"
    idempotency_model = IdempotencyKey

    @property
    def named_profile_id(self) -> UUID:
        """The profile that the address names."""
        return cast(UUID, self.kwargs.get("profile_id"))

    @property
    def viewer(self) -> queries.Viewer:
        """Who is looking."""
        return viewer_of(getattr(self, "request", None))
