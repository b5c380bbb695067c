"""Who is looking, and whether a profile is theirs to change."""

from uuid import UUID

from django.utils import timezone

from apps.kernel.errors import Forbidden
from apps.tenancy.api.permissions import Rank, caller_id, has_rank, rank_of
from apps.tenancy.api.requests import TenantRequest
from apps.users import operations, queries
from apps.users.models import Profile


def viewer_of(request: TenantRequest | None) -> queries.Viewer:
    """Return who looks."""
    user = getattr(request, "user", None)
    if request is None or not user:
        return queries.Viewer()
    return queries.Viewer(keycloak_id=user.id, is_staff=rank_of(request) is not None)


def check_may_change(request: TenantRequest, *, profile_id: UUID) -> Profile:
    """Return a profile that the caller may change: their own, a group they own, or any as an editor.

    :raises NotFound: there is none that they can see.
    :raises Forbidden: it is somebody else's.
    """
    profile = queries.open_profile(profile_id=profile_id, viewer=viewer_of(request))
    if not has_rank(request, Rank.EDITOR) and not queries.is_own(
        profile=profile, keycloak_id=caller_id(request)
    ):
        raise Forbidden("This profile is somebody else's. An editor of the tenant can change it.")
    return profile


def check_may_look_inside(request: TenantRequest, *, profile_id: UUID) -> Profile:
    """Return a profile whose own business the caller may see: their own, or any as staff.

    :raises NotFound: there is none that they can see.
    :raises Forbidden: it is somebody else's.
    """
    viewer = viewer_of(request)
    profile = queries.open_profile(profile_id=profile_id, viewer=viewer)
    if not viewer.is_staff and not queries.is_own(profile=profile, keycloak_id=caller_id(request)):
        raise Forbidden("Only the person and the tenant's staff see this.")
    return profile


def fan_of(request: TenantRequest) -> Profile:
    """Return the caller's fan profile; their first write in a tenant makes it.

    :raises ProfileDeleted: it was deleted.
    """
    return operations.ensure_fan_profile(
        keycloak_id=caller_id(request), display_name=name_of(request), created_on=timezone.now()
    )


def name_of(request: TenantRequest) -> str:
    """Return the name the caller's token gives, or the empty string."""
    return str(getattr(request.user, "name", "") or "")
