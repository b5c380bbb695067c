"""Keeping profiles present until the unit of work ends."""

from uuid import UUID

from django.db import connections


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
