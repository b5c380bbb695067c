"""What replies about the log look like."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request

from apps.audit import queries
from apps.audit.models import AuditEntry, AuditSeal
from apps.audit.statements import members_of
from apps.kernel.api.fields import JSONObjectField
from apps.kernel.api.shaping import Row, RowSerializer, Stitch


def _made_of_the_row(ids: Collection[UUID]) -> Mapping[UUID, Any]:
    """Find nothing: the field is made of other columns when the row is finished."""
    return {}


class AuditEntryRowSerializer(RowSerializer):
    """A row that was written, or looked at: who, what, from what to what, when, and whence.

    What is personal is `{"commitment": …}` in the values: a salted hash, not the value.
    """

    changed_fields = serializers.ListField(child=serializers.CharField(), allow_null=True)
    old_values = JSONObjectField(allow_null=True)
    new_values = JSONObjectField(allow_null=True)
    details = JSONObjectField(allow_null=True)

    class Meta:
        model = AuditEntry
        fields = queries.COLUMNS


class AuditChangeSerializer(serializers.Serializer):
    """One column of a row: from what to what."""

    field = serializers.CharField()
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)


class AuditHistoryRowSerializer(AuditEntryRowSerializer):
    """Something that happened to one row: who changed it, from what to what."""

    stitches = {"changes": Stitch(load=_made_of_the_row)}
    needed = ("changed_fields", "old_values", "new_values")

    changes = AuditChangeSerializer(many=True)

    class Meta:
        model = AuditEntry
        fields = (*queries.COLUMNS, "changes")

    @classmethod
    def finish(cls, rows: list[Row], *, request: Request) -> None:
        """Set each column's old value beside its new one."""
        for row in rows:
            if "changes" in row:
                row["changes"] = queries.changes(row)


class AuditSealRowSerializer(RowSerializer):
    """A signed Merkle root over a run of the log."""

    stitches = {"root": Stitch(load=_made_of_the_row, empty=str)}
    needed = ("statement",)

    root = serializers.CharField(  # type: ignore[assignment]
        help_text="The Merkle root, in hexadecimal."
    )

    class Meta:
        model = AuditSeal
        fields = ("id", "number", "entries", "sealed_at", "key_id", "root")

    @classmethod
    def finish(cls, rows: list[Row], *, request: Request) -> None:
        """Read the root out of what was signed; what is no statement has none."""
        for row in rows:
            if "root" in row:
                row["root"] = (members_of(row["statement"]) or {}).get("root", "")


class AuditReceiptSerializer(serializers.Serializer):
    """The proof that an entry is under a seal; verify it with a public key that came another way."""

    format = serializers.CharField()
    entry = serializers.DictField(
        child=serializers.CharField(allow_null=True), help_text="The entry, each column as text."
    )
    leaf_index = serializers.IntegerField()
    tree_size = serializers.IntegerField()
    audit_path = serializers.ListField(
        child=serializers.CharField(), help_text="Hashes from the leaf to the root, in hexadecimal."
    )
    statement = serializers.CharField(help_text="What was signed, as it was signed.")
    signature = serializers.CharField(help_text="Ed25519, in base64.")
    key_id = serializers.CharField()
    public_key = serializers.CharField()
