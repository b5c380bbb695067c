"""Feature flags: what a tenant has switched on, for everybody or for some."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited


class FeatureFlag(TenantModel):
    """A tenant's setting of a flag that the code knows. Without one, the flag's default holds.

    It is on for the profiles in `user_ids`, and for `percent` of all others: for each the same
    answer every time.
    """

    key = models.CharField(max_length=100)
    is_on = models.BooleanField(default=False)
    percent = models.PositiveSmallIntegerField(default=100)
    user_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "feature_flags"
        constraints = [
            models.UniqueConstraint(fields=["key"], name="feature_flags_once"),
            models.CheckConstraint(condition=Q(percent__lte=100), name="feature_flags_percent"),
            Audited(name="feature_flags_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {'on' if self.is_on else 'off'}"
