"""Discount codes and promo codes, and who has used them."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.commerce.models.inventory import InventoryItem
from apps.kernel.money import MAX_AMOUNT
from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited


class CodeKind(models.TextChoices):
    """What a code gives."""

    PERCENT = "PERCENT", "a share of the price off"
    AMOUNT = "AMOUNT", "an amount off"
    CREDIT = "CREDIT", "an amount into the wallet: a promo code"


class DiscountCode(TenantModel):
    """A code that makes a purchase cheaper, or fills a wallet. Written in capitals, found in any case.

    `used` counts its uses, `max_uses` of which there may be; each person has `max_uses_per_user`.
    """

    code = models.CharField(max_length=50)
    kind = models.CharField(max_length=50, choices=CodeKind.choices)
    percent = models.IntegerField(null=True, blank=True)
    """In hundredths of a percent: 1,250 is 12.5 %."""
    amount = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True, default="")
    """What it is in; a share may be off any currency."""
    minimum = models.BigIntegerField(default=0)
    """In minor units: what the lines it applies to must cost at least."""
    max_uses = models.IntegerField(null=True, blank=True)
    max_uses_per_user = models.IntegerField(null=True, blank=True, default=1)
    used = models.IntegerField(default=0)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "discount_codes"
        constraints = [
            models.UniqueConstraint(fields=["code"], name="discount_codes_code"),
            models.CheckConstraint(
                condition=Q(code__regex=r"^[A-Z0-9][A-Z0-9_-]{2,49}$"),
                name="discount_codes_pattern",
            ),
            models.CheckConstraint(
                # NULL is neither more nor less than anything, and passes a CHECK: hence the first.
                condition=Q(
                    kind="PERCENT",
                    percent__isnull=False,
                    percent__gt=0,
                    percent__lte=10_000,
                    amount=None,
                )
                | Q(
                    kind__in=["AMOUNT", "CREDIT"],
                    amount__isnull=False,
                    amount__gt=0,
                    amount__lte=MAX_AMOUNT,
                    percent=None,
                    currency__regex=r"^[A-Z]{3}$",
                ),
                name="discount_codes_value",
            ),
            models.CheckConstraint(
                condition=Q(minimum=0)
                | Q(minimum__gt=0, minimum__lte=MAX_AMOUNT) & ~Q(currency=""),
                name="discount_codes_minimum",
            ),
            models.CheckConstraint(
                condition=Q(currency="") | Q(currency__regex=r"^[A-Z]{3}$"),
                name="discount_codes_currency",
            ),
            models.CheckConstraint(
                condition=(Q(max_uses=None) | Q(max_uses__gt=0))
                & (Q(max_uses_per_user=None) | Q(max_uses_per_user__gt=0)),
                name="discount_codes_limits",
            ),
            models.CheckConstraint(
                condition=Q(used__gte=0) & (Q(max_uses=None) | Q(used__lte=F("max_uses"))),
                name="discount_codes_uses",
            ),
            models.CheckConstraint(
                condition=Q(starts_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="discount_codes_span",
            ),
            Audited(name="discount_codes_audit"),
        ]

    def __str__(self) -> str:
        return self.code


class CodeItem(TenantModel):
    """A code is for this item, and for no other than those it names."""

    code = models.ForeignKey(DiscountCode, models.CASCADE, related_name="items")
    item = models.ForeignKey(InventoryItem, models.PROTECT, related_name="codes")

    class Meta:
        db_table = "discount_code_items"
        constraints = [
            models.UniqueConstraint(fields=["code", "item"], name="discount_code_items_once"),
            Audited(name="discount_code_items_audit"),
        ]

    def __str__(self) -> str:
        return str(self.item_id)


class DiscountCodeUsage(TenantModel):
    """Somebody has used a code, the `turn`-th time. What was used for nothing is deleted."""

    code = models.ForeignKey(DiscountCode, models.PROTECT, related_name="usages", db_index=False)
    user_id = ReferenceField("users.Profile")
    turn = models.IntegerField()
    purchase_id = models.UUIDField(null=True)
    amount = models.BigIntegerField()
    used_on = models.DateTimeField()

    class Meta:
        db_table = "discount_codes_usage"
        constraints = [
            models.UniqueConstraint(
                fields=["code", "user_id", "turn"], name="discount_codes_usage_turn"
            ),
            models.UniqueConstraint(
                fields=["purchase_id"],
                condition=Q(purchase_id__isnull=False),
                name="discount_codes_usage_purchase",
            ),
            models.CheckConstraint(
                condition=Q(turn__gt=0, amount__gt=0), name="discount_codes_usage_counts"
            ),
            Audited(name="discount_codes_usage_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.code_id} by {self.user_id}"
