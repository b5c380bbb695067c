"""The platform context's tables."""

from apps.platform.models.idempotency import IdempotencyKey
from apps.platform.models.tag import Tag, TagAssociation, TagType

__all__ = ["IdempotencyKey", "Tag", "TagAssociation", "TagType"]
