"""Referral codes, and who came by them."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.users.models.profile import Profile

CODE_PATTERN = r"^[A-Z0-9]{4,32}$"


class ReferralCode(TenantModel):
    """A code that a profile hands out. `use_count` is guarded by a CHECK, so it can't be overrun."""

    profile = models.ForeignKey(Profile, models.PROTECT, related_name="referral_codes")
    code = models.CharField(max_length=32)
    note = models.CharField(max_length=255, blank=True, default="")
    max_uses = models.PositiveIntegerField(null=True, blank=True)
    """None: unlimited."""
    use_count = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "referral_codes"
        constraints = [
            models.UniqueConstraint(fields=["code"], name="referral_codes_code"),
            models.CheckConstraint(
                condition=Q(code__regex=CODE_PATTERN), name="referral_codes_form"
            ),
            models.CheckConstraint(
                condition=Q(max_uses=None) | Q(use_count__lte=F("max_uses")),
                name="referral_codes_not_overrun",
            ),
            Audited(name="referral_codes_audit", subject="profile_id", personal=["code", "note"]),
        ]

    def __str__(self) -> str:
        return self.code


class ReferralUse(TenantModel):
    """A fan came by a code. A fan comes once."""

    referral_code = models.ForeignKey(ReferralCode, models.PROTECT, related_name="uses")
    profile = models.OneToOneField(Profile, models.PROTECT, related_name="referral_use")
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "referral_uses"
        constraints = [Audited(name="referral_uses_audit")]

    def __str__(self) -> str:
        return f"{self.profile_id} by {self.referral_code_id}"
