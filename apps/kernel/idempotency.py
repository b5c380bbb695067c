"""Idempotency keys: a POST that may have been lost can be sent again without doing it twice.

The key is kept in the database of the context that writes, in the same transaction as the write, so
it exists exactly when the write does.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.db import connections, models
from django.utils import timezone

from apps.kernel.errors import Problem

KEY_LENGTH = 255
# RFC 2518's "Processing": the status of what is kept while a request is under way, and is no reply yet.
UNDER_WAY = 102
# Stripe keeps its keys for at least 24 hours; clients are used to it.
KEPT_FOR = timedelta(hours=24)


class KeyReused(Problem):
    """The key was used before, for something else."""

    status = 422
    slug = "idempotency-key-reused"
    title = "This Idempotency-Key was used for another request."


class KeyInFlight(Problem):
    """A request with this key is being worked on right now."""

    status = 409
    slug = "idempotency-key-in-flight"
    title = "A request with this Idempotency-Key is still being worked on."


class BadKey(Problem):
    """The header can't be a key."""

    slug = "bad-idempotency-key"
    title = "The Idempotency-Key can't be used."


class AbstractIdempotencyKey(models.Model):
    """One answered request. Each context has its own table of them.

    `reply` is the body as it was sent; `location` its Location header. Only successes are kept.
    """

    actor_id = models.UUIDField()
    key = models.CharField(max_length=KEY_LENGTH)
    request_hash = models.CharField(max_length=64)
    status_code = models.SmallIntegerField()
    reply = models.BinaryField()
    location = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True
        db_table = "idempotency_keys"
        indexes = [
            models.Index(fields=["tenant_id", "created_at"], name="%(app_label)s_idempotency_age")
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["actor_id", "key"], name="%(app_label)s_idempotency_key"
            )
        ]


def check_key(key: str) -> None:
    """Refuse a key that can't be stored.

    :raises BadKey: it is empty, too long or not printable ASCII.
    """
    if not key.strip() or len(key) > KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise BadKey(f"Send 1 to {KEY_LENGTH} printable ASCII characters; a UUID is a good key.")


def request_hash(*, method: str, path: str, body: bytes) -> str:
    """Return the hash that tells whether two requests are the same."""
    return sha256(b"\n".join((method.encode(), path.encode(), body))).hexdigest()


def claim(*, alias: str, tenant_id: UUID, actor_id: UUID, key: str) -> None:
    """Hold the key for this transaction. It is free again, or stored, when the transaction ends.

    :raises KeyInFlight: another transaction holds it.
    """
    digest = sha256(f"{tenant_id}{actor_id}{key}".encode()).digest()
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s)",
            [int.from_bytes(digest[:8], "big", signed=True)],
        )
        (held,) = cursor.fetchone()
    if not held:
        raise KeyInFlight(
            "Wait a moment and send it again, or ask GET /api/v1/idempotency-keys/{key}.",
            headers={"Retry-After": "1"},
        )


def find(
    model: type[AbstractIdempotencyKey], *, actor_id: UUID, key: str
) -> AbstractIdempotencyKey | None:
    """Return the answered request behind a key of this actor, if it is not older than a day."""
    return model._default_manager.filter(
        actor_id=actor_id, key=key, created_at__gt=timezone.now() - KEPT_FOR
    ).first()


def check_same(kept: AbstractIdempotencyKey, *, hashed: str) -> None:
    """Refuse a key that stands for another request.

    :raises KeyReused: the request differs in method, path or body.
    """
    if kept.request_hash != hashed:
        raise KeyReused("Use a new key for a new request, or send the same request again.")


def forget_old(model: type[AbstractIdempotencyKey], *, now: datetime) -> int:
    """Delete the bound tenant's replies that are older than a day; return how many that were."""
    deleted, _ = model._default_manager.filter(created_at__lte=now - KEPT_FOR).delete()
    return deleted


def forget_replies(*, alias: str, actor_id: UUID | None, showing: Collection[UUID]) -> int:
    """Delete the bound tenant's replies to one actor, if one is named, and those that show some ids.

    :returns: how many that were.
    """
    needles = [str(id_).encode() for id_ in showing]
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "DELETE FROM idempotency_keys WHERE actor_id = %s OR EXISTS "
            "(SELECT FROM unnest(%s::bytea[]) AS shown WHERE position(shown IN reply) > 0)",
            [actor_id, needles],
        )
        return int(cursor.rowcount)
