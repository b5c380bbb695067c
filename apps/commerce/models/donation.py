"""Donations: somebody gives money on a board."""

from django.db import models
from django.db.models import Q

from apps.kernel.money import MAX_AMOUNT
from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.constraints import AppendOnly


class Donation(TenantModel):
    """Somebody gave an amount on a board, by a ledger transaction."""

    board_id = ReferenceField("platform.RealtimeGroup")
    user_id = ReferenceField("users.Profile")
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    is_anonymous = models.BooleanField(default=False)
    """Whether the others on the board are not to know: it gives no points."""
    transaction_id = models.UUIDField()
    created_on = models.DateTimeField()

    class Meta:
        db_table = "donations"
        indexes = [
            models.Index(fields=["tenant_id", "board_id", "-id"], name="donations_by_board"),
            models.Index(fields=["tenant_id", "user_id", "-id"], name="donations_by_user"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lte=MAX_AMOUNT), name="donations_amount"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="donations_currency"
            ),
            AppendOnly(name="donations_guard"),
            Audited(name="donations_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} of {self.user_id}"
