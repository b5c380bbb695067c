"""Keeping the documents of search: one for each entity that can be found, and none for others."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from django.db import connections
from django.db.models import Q

from apps.commerce import interface as commerce
from apps.commerce.contracts import ItemChanged
from apps.kernel.messages import Envelope
from apps.platform.contracts import GroupChanged, TagChanged
from apps.platform.models import Joining, RealtimeGroup, SearchDocument, Tag
from apps.platform.models.search import Kind
from apps.tenancy import locks
from apps.users import interface as users
from apps.users.contracts import PersonErased, ProfileChanged

# An older message never has the last word.
WRITE = """
INSERT INTO search_documents
    (id, kind, entity_id, title, keywords, body, tag_ids, weight, is_public, version, updated_at)
VALUES (%(id)s, %(kind)s, %(entity_id)s, %(title)s, %(keywords)s, %(body)s, %(tag_ids)s::uuid[],
    %(weight)s, %(is_public)s, %(version)s, %(updated_at)s)
ON CONFLICT (tenant_id, kind, entity_id) DO UPDATE SET title = EXCLUDED.title,
    keywords = EXCLUDED.keywords, body = EXCLUDED.body, tag_ids = EXCLUDED.tag_ids,
    weight = EXCLUDED.weight, is_public = EXCLUDED.is_public, version = EXCLUDED.version,
    updated_at = EXCLUDED.updated_at
WHERE search_documents.version <= EXCLUDED.version
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an entity can be found by now."""

    title: str
    keywords: str = ""
    body: str = ""
    tag_ids: tuple[UUID, ...] = ()
    weight: int = 0
    is_public: bool = True


def index_message(message: Any, envelope: Envelope) -> None:
    """Bring the document of what a message is about up to date, or take it away."""
    # Whoever reads an entity and writes its document does so alone in the tenant: each then reads a
    # state that is no older than what the one before wrote, and what was erased can't come back.
    locks.hold("search")
    if isinstance(message, PersonErased):
        forget_documents(kind=Kind.PROFILE, entity_ids=message.profile_ids)
    elif isinstance(message, ProfileChanged):
        _keep(Kind.PROFILE, message.profile_id, _profile(message.profile_id), envelope)
    elif isinstance(message, TagChanged):
        _keep(Kind.TAG, message.tag_id, _tag(message.tag_id), envelope)
    elif isinstance(message, GroupChanged):
        _keep(Kind.GROUP, message.group_id, _group(message.group_id), envelope)
    elif isinstance(message, ItemChanged):
        _keep(Kind.ITEM, message.item_id, _item(message.item_id), envelope)


def write_document(
    *, kind: str, entity_id: UUID, found: Found, version: int, updated_at: datetime
) -> None:
    """Write what an entity can be found by, unless a newer version of it is there."""
    with connections["platform"].cursor() as cursor:
        cursor.execute(
            WRITE,
            {
                # Of the entity's own id, so that a document made anew is the same row.
                "id": uuid5(entity_id, kind),
                "kind": str(kind),
                "entity_id": entity_id,
                "title": found.title,
                "keywords": found.keywords,
                "body": found.body,
                "tag_ids": list(found.tag_ids),
                "weight": found.weight,
                "is_public": found.is_public,
                "version": version,
                "updated_at": updated_at,
            },
        )


def forget_documents(*, kind: str, entity_ids: tuple[UUID, ...]) -> None:
    """Take documents away: nothing of them is left."""
    SearchDocument.objects.filter(kind=kind, entity_id__in=entity_ids).delete()


def forget_all_documents() -> None:
    """Empty the read model, before a replay fills it anew."""
    SearchDocument.objects.all().delete()


def _keep(kind: Kind, entity_id: UUID, found: Found | None, envelope: Envelope) -> None:
    if found is None:
        forget_documents(kind=kind, entity_ids=(entity_id,))
    else:
        write_document(
            kind=kind,
            entity_id=entity_id,
            found=found,
            version=envelope.version,
            updated_at=envelope.occurred_at,
        )


def _profile(profile_id: UUID) -> Found | None:
    document = users.get_search_documents(ids={profile_id}).get(profile_id)
    if document is None:
        return None
    return Found(
        title=document.title,
        keywords=document.keywords,
        body=document.body,
        tag_ids=document.tag_ids,
        weight=document.weight,
        is_public=document.is_public,
    )


def _tag(tag_id: UUID) -> Found | None:
    tag = Tag.objects.current().filter(id=tag_id).first()
    if tag is None:
        return None
    same = Tag.objects.filter(Q(id=tag.id) | Q(merged_into=tag)).order_by("id")
    return Found(
        title=tag.name,
        keywords=" ".join(tag.keywords),
        body=tag.description,
        tag_ids=tuple(same.values_list("id", flat=True)),
    )


def _group(group_id: UUID) -> Found | None:
    """Return what a group that everybody may join is found by; by invitation, there is nothing."""
    group = RealtimeGroup.objects.present().filter(id=group_id, joining=Joining.OPEN).first()
    return None if group is None else Found(title=group.name, body=group.description)


def _item(item_id: UUID) -> Found | None:
    """Return what an item is found by: by everybody while it is for sale, by the staff until it is deleted."""
    document = commerce.get_search_documents(ids={item_id}).get(item_id)
    if document is None:
        return None
    return Found(
        title=document.title,
        keywords=document.keywords,
        body=document.body,
        tag_ids=document.tag_ids,
        is_public=document.is_public,
    )
