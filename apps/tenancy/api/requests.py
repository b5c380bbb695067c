"""The request as our views see it."""

from typing import TYPE_CHECKING

from rest_framework.request import Request

if TYPE_CHECKING:
    from uuid import UUID

    from apps.tenancy.identity.people import Person
    from apps.tenancy.resolution import ResolvedTenant


class TenantRequest(Request):
    """A DRF request after middleware and authentication.

    `tenant` is None only where a view says `requires_tenant = False`, and `user` only where an
    action is PUBLIC; both have been refused before a handler runs otherwise.
    """

    if TYPE_CHECKING:
        tenant: ResolvedTenant
        request_id: UUID
        user: Person  # type: ignore[assignment]
