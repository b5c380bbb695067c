"""Who is looking, and whether a profile is theirs to change."""

from uuid import UUID

from django.utils import timezone

from apps.kernel.errors import Forbidden
from apps.tenancy.api.permissions import Rank, caller_id, has_rank, rank_of
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.reads import note_read
from apps.users import operations, queries
from apps.users.models import Profile


def viewer_of(request: TenantRequest | None) -> queries.Viewer:
    """Return who looks."""
    user = getattr(request, "user", None)
    if request is None or not user:
        return queries.Viewer()
    return queries.Viewer(keycloak_id=user.id, is_staff=rank_of(request) is not None)


def open_profile(request: TenantRequest, *, profile_id: UUID, shows: str) -> Profile:
    """Return one profile, something of which is shown; noted if it is not for everybody to see.

    :param shows: what is shown of it, as the log will call it.
    :raises NotFound: there is none, or it is not for this viewer to see.
    """
    profile = queries.open_profile(profile_id=profile_id, viewer=viewer_of(request))
    if not profile.is_public:
        _note_look(request, profile, shows=shows)
    return profile


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


def check_may_look_inside(request: TenantRequest, *, profile_id: UUID, shows: str) -> Profile:
    """Return a profile whose own business the caller may see: their own, or any as staff.

    :param shows: what is shown of it, as the log will call it; one's own is not logged.
    :raises NotFound: there is none that they can see.
    :raises Forbidden: it is somebody else's.
    """
    viewer = viewer_of(request)
    profile = queries.open_profile(profile_id=profile_id, viewer=viewer)
    is_own = _note_look(request, profile, shows=shows)
    if not viewer.is_staff and not is_own:
        raise Forbidden("Only the person and the tenant's staff see this.")
    return profile


def _note_look(request: TenantRequest, profile: Profile, *, shows: str) -> bool:
    """Note a look at somebody else's profile; return whether it is the caller's own."""
    is_own = bool(request.user) and queries.is_own(profile=profile, keycloak_id=caller_id(request))
    if not is_own:
        table = Profile._meta.db_table
        note_read(request, alias="users", entity_type=table, id=profile.id, fields=[shows])
    return is_own


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
