"""Seals: signed Merkle roots over runs of the log; and anchors, their copies in another database."""

from django.db import models
from django.utils import timezone

from apps.tenancy.fields import TransactionId
from apps.tenancy.models import TenantModel
from apps.tenancy.models.base import TenantQuerySet
from apps.tenancy.models.constraints import AppendOnly


class AuditSealQuerySet(TenantQuerySet):
    """Filters over seals."""

    def in_order(self) -> "AuditSealQuerySet":
        """Order by number, which has no gaps."""
        return self.order_by("number")


class AuditSeal(TenantModel):
    """A seal over the entries that were written by transactions from `from_xid` up to `to_xid`.

    `statement` is what is signed: canonical JSON with the root, the seal before it and all of the
    other columns but the last three. `entry_ids` and `leaf_hashes` hold 16 and 32 bytes per entry, in
    the order of the tree's leaves.
    """

    unaudited = (
        "It is append-only, signed and anchored: it proves the log, not the other way round."
    )

    number = models.BigIntegerField()
    from_xid = TransactionId()
    to_xid = TransactionId()
    entries = models.IntegerField()
    sealed_at = models.DateTimeField(default=timezone.now)
    key_id = models.TextField()
    statement = models.TextField()
    signature = models.BinaryField()
    entry_ids = models.BinaryField()
    leaf_hashes = models.BinaryField()

    objects = AuditSealQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        db_table = "audit_seals"
        constraints = [
            models.UniqueConstraint(fields=["number"], name="audit_seals_number"),
            AppendOnly(name="audit_seals_guard"),
        ]

    def __str__(self) -> str:
        return f"seal {self.number}"


class AuditAnchor(TenantModel):
    """A copy of a seal's statement and signature, kept in another database than the seal."""

    unaudited = "It is append-only and signed, as the seal is that it copies."

    database = models.TextField()
    number = models.BigIntegerField()
    statement = models.TextField()
    signature = models.BinaryField()
    anchored_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "audit_anchors"
        constraints = [
            models.UniqueConstraint(fields=["database", "number"], name="audit_anchors_number"),
            AppendOnly(name="audit_anchors_guard"),
        ]

    def __str__(self) -> str:
        return f"anchor of {self.database} {self.number}"
