"""Locks on what has no row of its own: a tenant's, held until the unit of work ends."""

from hashlib import sha256

from django.db import connections

from apps.tenancy import binding


def hold(*parts: object) -> None:
    """Wait for, and hold, the bound tenant's lock that `parts` name, in the context the block writes in.

    Later statements see what whoever held it before has committed.
    """
    bound = binding.require()
    name = ":".join(str(part) for part in (bound.tenant_id, *parts))
    number = int.from_bytes(sha256(name.encode()).digest()[:8], "big", signed=True)
    with connections[bound.writes or ""].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
