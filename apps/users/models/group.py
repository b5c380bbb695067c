"""Celebrities in groups."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.users.models.profile import Profile


class GroupCelebrity(TenantModel):
    """A celebrity belongs to a group."""

    group = models.ForeignKey(Profile, models.PROTECT, related_name="group_celebrities")
    celebrity = models.ForeignKey(Profile, models.PROTECT, related_name="memberships")
    joined_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "group_celebrities"
        verbose_name_plural = "group celebrities"
        constraints = [
            models.UniqueConstraint(fields=["group", "celebrity"], name="group_celebrities_once"),
            models.CheckConstraint(
                condition=~Q(group=F("celebrity")), name="group_celebrities_not_self"
            ),
            Audited(name="group_celebrities_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.celebrity_id} in {self.group_id}"
