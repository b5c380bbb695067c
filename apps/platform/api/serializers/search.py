"""Replies of the search API."""

from typing import cast

from rest_framework import serializers
from rest_framework.request import Request

from apps.kernel.api.shaping import Expansion, Row, RowSerializer
from apps.platform.models import SearchDocument
from apps.platform.models.search import Kind
from apps.tenancy.api.requests import TenantRequest
from apps.tenancy.reads import note_read

# The table that a look at somebody's profile is noted under, and what a document shows of it.
PROFILES = "profiles"
SHOWN_OF_PROFILES = {"title": "display_name", "keywords": "title", "body": "bio"}


class FoundRowSerializer(RowSerializer):
    """Something that was found: what it is, and under which id its own address knows it."""

    expansions = {"tags": Expansion(target="platform.Tag", source="tag_ids", many=True)}
    needed = ("is_public", "kind", "entity_id")

    kind = serializers.ChoiceField(choices=Kind.choices)
    entity_id = serializers.UUIDField(help_text="The id of the profile, tag, group or item.")
    keywords = serializers.CharField()
    body = serializers.CharField()
    tag_ids = serializers.ListField(child=serializers.UUIDField())

    class Meta:
        model = SearchDocument
        fields = ("id", "kind", "entity_id", "title", "keywords", "body", "tag_ids", "updated_at")

    @classmethod
    def finish(cls, rows: list[Row], *, request: Request) -> None:
        """Note what staff see of profiles that not everybody does."""
        for row in rows:
            if row["kind"] == Kind.PROFILE and not row["is_public"]:
                note_read(
                    cast(TenantRequest, request),
                    alias="users",
                    entity_type=PROFILES,
                    id=row["entity_id"],
                    fields=[of for name, of in SHOWN_OF_PROFILES.items() if row.get(name)],
                )
