"""Comments and likes, on whatever the contexts offer."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited


class TargetType(models.TextChoices):
    """What can be commented on and liked: a table of a context."""

    GROUP_MESSAGE = "GROUP_MESSAGE", "message of a group"
    COMMENT = "COMMENT", "comment"
    PROFILE = "PROFILE", "profile"


class Comment(TenantModel):
    """A remark on something. Taken back, it stays as an empty place, since others may answer it."""

    target_type = models.CharField(max_length=50, choices=TargetType.choices)
    target_id = models.UUIDField()
    author_id = ReferenceField("users.Profile")
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "comments"
        indexes = [
            models.Index(
                fields=["tenant_id", "target_type", "target_id", "-created_at", "-id"],
                name="comments_in_order",
            ),
            models.Index(fields=["tenant_id", "author_id", "-id"], name="comments_by_author"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(target_type__in=TargetType.values), name="comments_target_type"
            ),
            models.CheckConstraint(
                condition=(Q(deleted_at=None) & ~Q(body="")) | Q(deleted_at__isnull=False, body=""),
                name="comments_body",
            ),
            Audited(name="comments_audit", subject="author_id", personal=["body"]),
        ]

    def __str__(self) -> str:
        return f"comment of {self.author_id}"


class Like(TenantModel):
    """A profile likes something, once."""

    target_type = models.CharField(max_length=50, choices=TargetType.choices)
    target_id = models.UUIDField()
    user_id = ReferenceField("users.Profile")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "likes"
        indexes = [models.Index(fields=["tenant_id", "user_id", "-id"], name="likes_by_user")]
        constraints = [
            models.UniqueConstraint(
                fields=["target_type", "target_id", "user_id"], name="likes_once"
            ),
            models.CheckConstraint(
                condition=Q(target_type__in=TargetType.values), name="likes_target_type"
            ),
            Audited(name="likes_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.target_id}"
