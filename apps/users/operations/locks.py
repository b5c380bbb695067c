"""Locks on what has no row of its own yet: held until the unit of work ends."""

from hashlib import sha256
from uuid import UUID

from django.db import connections

from apps.tenancy import binding


def hold(*parts: object) -> None:
    """Wait for, and hold, the bound tenant's lock that `parts` name."""
    name = ":".join(str(part) for part in (binding.require().tenant_id, *parts))
    number = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
    with connections["users"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def keep_present(*profile_ids: UUID) -> bool:
    """Keep profiles from being deleted or erased meanwhile; return whether all are still present.

    FOR KEY SHARE, so that a thousand fans may follow one celebrity at the same time.
    """
    with connections["users"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM profiles WHERE id = ANY(%s) AND NOT is_deleted "
            "FOR KEY SHARE) AS kept",
            [list(profile_ids)],
        )
        (found,) = cursor.fetchone()
    return int(found) == len(set(profile_ids))
