"""Wallets: what a person has with the tenant, in one currency each."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited


class CreditReason(models.TextChoices):
    """Why the staff puts money into a wallet."""

    GOODWILL = "GOODWILL", "goodwill"
    PROMOTION = "PROMOTION", "promotion"
    COMPENSATION = "COMPENSATION", "compensation"
    CORRECTION = "CORRECTION", "correction"


class DebitReason(models.TextChoices):
    """Why the staff takes money out of a wallet."""

    CORRECTION = "CORRECTION", "correction"
    FRAUD = "FRAUD", "fraud"
    PAYOUT = "PAYOUT", "paid out by other means"
    UNCLAIMED = "UNCLAIMED", "left behind"


class UserWallet(TenantModel):
    """A person's money of one currency: what is free in one account of the ledger, what is held in another.

    The balance is the ledger's, and is written down nowhere else.
    """

    user_id = ReferenceField("users.Profile")
    currency = models.CharField(max_length=3)
    account_id = models.UUIDField()
    held_account_id = models.UUIDField()
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "user_wallets"
        constraints = [
            models.UniqueConstraint(fields=["user_id", "currency"], name="user_wallets_once"),
            models.UniqueConstraint(fields=["account_id"], name="user_wallets_account"),
            models.UniqueConstraint(fields=["held_account_id"], name="user_wallets_held_account"),
            models.CheckConstraint(
                condition=~Q(held_account_id=F("account_id")), name="user_wallets_accounts"
            ),
            Audited(name="user_wallets_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.currency} of {self.user_id}"
