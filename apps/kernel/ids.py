"""Identifiers: time-ordered UUIDs for rows, random codes for anything that works like a key."""

import secrets
from uuid import UUID

import uuid_utils.compat

# Crockford's base 32 without I, L, O and U: safe to read aloud and to print on a ticket.
CODE_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def uuid7() -> UUID:
    """Return a UUIDv7 (RFC 9562): its order is the order of making, to the millisecond."""
    return uuid_utils.compat.uuid7()


def random_code(*, length: int = 10) -> str:
    """Return `length` random characters of 5 bits each, for codes that grant something to whoever holds them."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(length))
