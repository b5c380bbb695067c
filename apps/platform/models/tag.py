"""Tags: the taxonomy that all contexts refer to."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.base import TenantQuerySet

COLOR_PATTERN = r"^#[0-9a-f]{6}$"
HTTPS_PATTERN = r"^https://[^\s]+$"


class TagType(models.TextChoices):
    """What kind of thing a tag names."""

    CATEGORY = "CATEGORY", "category"
    SKILL = "SKILL", "skill"
    SPORT = "SPORT", "sport"
    TOPIC = "TOPIC", "topic"


class TagQuerySet(TenantQuerySet):
    """Filters over tags."""

    def current(self) -> TagQuerySet:
        """Leave out the tags that were merged into others."""
        return self.filter(merged_into=None)


class Tag(TenantModel):
    """A tag.

    A merged tag stays as an alias: `merged_into` names the tag that stands for it, always in one
    step, so that ids kept in other contexts go on meaning something.
    """

    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    tag_type = models.CharField(max_length=50, choices=TagType.choices)
    color = models.CharField(max_length=7, blank=True, default="")
    thumbnail = models.CharField(max_length=255, blank=True, default="")
    keywords = ArrayField(models.TextField(), default=list, blank=True)
    meta_data = models.JSONField(default=dict, blank=True)
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="aliases"
    )
    created_on = models.DateTimeField(default=timezone.now)
    created_by_id = ReferenceField("users.Profile", null=True, blank=True)
    last_modified_on = models.DateTimeField(null=True, blank=True)
    updated_by_id = ReferenceField("users.Profile", null=True, blank=True)

    objects = TagQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        db_table = "tags"
        indexes = [
            models.Index(fields=["tenant_id", "tag_type", "name", "id"], name="tags_by_type"),
            models.Index(fields=["tenant_id", "name", "id"], name="tags_by_name"),
        ]
        constraints = [
            models.UniqueConstraint(
                F("tenant_id"),
                Lower("name"),
                F("tag_type"),
                condition=Q(merged_into=None),
                name="tags_name",
            ),
            models.CheckConstraint(condition=Q(tag_type__in=TagType.values), name="tags_type"),
            models.CheckConstraint(condition=~Q(name=""), name="tags_named"),
            models.CheckConstraint(
                condition=Q(color="") | Q(color__regex=COLOR_PATTERN), name="tags_color"
            ),
            models.CheckConstraint(
                condition=Q(thumbnail="") | Q(thumbnail__regex=HTTPS_PATTERN),
                name="tags_thumbnail",
            ),
            models.CheckConstraint(
                condition=Q(merged_into=None) | ~Q(merged_into=F("id")), name="tags_not_own_alias"
            ),
            Audited(name="tags_audit"),
        ]

    def __str__(self) -> str:
        return self.name


class TagAssociation(TenantModel):
    """A tag that goes with another; said of `tag`, and not the other way round."""

    tag = models.ForeignKey(Tag, models.PROTECT, related_name="associations")
    associated_tag = models.ForeignKey(Tag, models.PROTECT, related_name="associated_with")

    class Meta:
        db_table = "tag_associations"
        constraints = [
            models.UniqueConstraint(fields=["tag", "associated_tag"], name="tag_associations_once"),
            models.CheckConstraint(
                condition=~Q(tag=F("associated_tag")), name="tag_associations_not_self"
            ),
            Audited(name="tag_associations_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.tag_id} → {self.associated_tag_id}"
