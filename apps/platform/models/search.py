"""The read model of search: what can be found of every context, kept by messages."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from apps.tenancy.models import TenantModel


class Kind(models.TextChoices):
    """What can be found: "<context>.<Model>"."""

    PROFILE = "users.Profile", "profile"
    TAG = "platform.Tag", "tag"
    GROUP = "platform.RealtimeGroup", "group"
    ITEM = "commerce.InventoryItem", "item"


class SearchDocument(TenantModel):
    """What can be found of one entity. `title` and `keywords` weigh more than `body`.

    `version` is that of the message it was last made of. What it is found by, the database makes of
    its texts: the columns `words` and `names`, which are no business of the code's.
    """

    unaudited = "It is a read model: what it is made of is audited where it lives."

    kind = models.CharField(max_length=100)
    """"<context>.<Model>"."""
    entity_id = models.UUIDField()
    title = models.TextField()
    keywords = models.TextField(blank=True, default="")
    body = models.TextField(blank=True, default="")
    tag_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    weight = models.IntegerField(default=0)
    is_public = models.BooleanField(default=True)
    version = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "search_documents"
        constraints = [
            models.UniqueConstraint(fields=["kind", "entity_id"], name="search_documents_once")
        ]

    def __str__(self) -> str:
        return self.title
