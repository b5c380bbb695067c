"""Who may do what: declared on each view, action by action; what is not declared is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, cast
from uuid import UUID

from rest_framework.permissions import BasePermission
from rest_framework.request import Request


class Rank(IntEnum):
    """Roles of a tenant's staff, each with everything the ones before it may do."""

    VIEWER = 1
    SUPPORT = 2
    EDITOR = 3
    ADMIN = 4
    OWNER = 5


@dataclass(frozen=True)
class Access:
    """What a caller needs: nothing, a token, or a token and a role of at least `rank`."""

    signed_in: bool = True
    rank: Rank | None = None


PUBLIC = Access(signed_in=False)
SIGNED_IN = Access()
VIEWER = Access(rank=Rank.VIEWER)
SUPPORT = Access(rank=Rank.SUPPORT)
EDITOR = Access(rank=Rank.EDITOR)
ADMIN = Access(rank=Rank.ADMIN)
OWNER = Access(rank=Rank.OWNER)


def rank_of(request: Request) -> Rank | None:
    """Return the caller's rank in this tenant, or None for somebody who is not of its staff."""
    role = getattr(request.user, "role", None)
    return Rank[role.upper()] if role else None


def caller_id(request: Request) -> UUID:
    """Return the id of the caller, for actions whose access says that there is one."""
    return cast(UUID, request.user.id)


def has_rank(request: Request, rank: Rank) -> bool:
    """Return whether the caller is of the tenant's staff with at least this rank."""
    held = rank_of(request)
    return held is not None and held >= rank


class Denied(BasePermission):
    """Lets nobody in: the answer of a view that declares nothing."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return False."""
        return False


class Declared(BasePermission):
    """Reads the view's `access`: action name to `Access`."""

    message = "Your role here does not allow this. An admin of the tenant can change your role."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return whether the caller has what the action asks for."""
        declared: Mapping[str, Access] = view.access
        access = declared.get(view.action)
        if access is None:
            # An unknown method is answered with 405, not with 403.
            return view.action is None
        if not access.signed_in:
            return True
        if not request.user:
            return False
        return access.rank is None or has_rank(request, access.rank)
