"""Purchases: a cart, what is in it, whom it is for, and each step it has taken."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.commerce.models.inventory import InventoryItem
from apps.kernel.money import MAX_AMOUNT
from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.base import TenantQuerySet
from apps.tenancy.models.constraints import AppendOnly, RowTrigger


class PurchaseState(models.TextChoices):
    """Where a purchase stands."""

    CART = "CART", "cart"
    PENDING = "PENDING", "waiting for payment"
    COMPLETED = "COMPLETED", "paid"
    CANCELLED = "CANCELLED", "cancelled"
    EXPIRED = "EXPIRED", "expired"
    FAILED = "FAILED", "payment failed"
    REFUNDED = "REFUNDED", "refunded in full"
    DISPUTED = "DISPUTED", "disputed"
    CHARGED_BACK = "CHARGED_BACK", "charged back"


S = PurchaseState

# A payment that succeeds late completes what had ended, if what was set aside for it can be had again;
# else it is refunded.
TRANSITIONS: dict[PurchaseState, tuple[PurchaseState, ...]] = {
    S.CART: (S.PENDING, S.COMPLETED, S.CANCELLED),
    S.PENDING: (S.COMPLETED, S.CANCELLED, S.EXPIRED, S.FAILED),
    S.CANCELLED: (S.COMPLETED, S.REFUNDED),
    S.EXPIRED: (S.COMPLETED, S.REFUNDED),
    S.FAILED: (S.COMPLETED, S.REFUNDED),
    S.COMPLETED: (S.DISPUTED, S.REFUNDED),
    S.DISPUTED: (S.COMPLETED, S.CHARGED_BACK),
    S.REFUNDED: (),
    S.CHARGED_BACK: (),
}


def _allowed() -> Q:
    allowed = Q(from_state="", to_state=S.CART)
    for before, after in TRANSITIONS.items():
        if after:
            allowed |= Q(from_state=before, to_state__in=[state.value for state in after])
    return allowed


class PurchaseQuerySet(TenantQuerySet):
    """Filters over purchases."""

    def of(self, user_ids: object) -> PurchaseQuerySet:
        """Keep those of somebody's profiles."""
        return self.filter(user_id__in=user_ids)


class Purchase(TenantModel):
    """What somebody buys, from the cart on.

    Amounts are in minor units of `currency`: `subtotal` is what its lines cost, `discount` what a code
    takes off, `total` what is paid, `captured` what was paid, `refunded` what of that was given back.
    A cart that nobody has signed in for is its bearer's, who holds the token whose hash it keeps.
    """

    user_id = ReferenceField("users.Profile", null=True)
    token_hash = models.CharField(max_length=64, blank=True, default="")
    state = models.CharField(max_length=50, choices=PurchaseState.choices, default=S.CART)
    currency = models.CharField(max_length=3)
    subtotal = models.BigIntegerField(default=0)
    discount = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    captured = models.BigIntegerField(default=0)
    refunded = models.BigIntegerField(default=0)
    discount_code = models.ForeignKey(
        "DiscountCode", models.PROTECT, null=True, related_name="purchases"
    )
    provider = models.CharField(max_length=50, blank=True, default="")
    hold_id = models.UUIDField(null=True)
    transaction_id = models.UUIDField(null=True)
    """The ledger transaction that it was paid by."""
    metadata = models.JSONField(default=dict, blank=True)
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    """While PENDING: until when what is set aside for it stays so."""
    completed_at = models.DateTimeField(null=True)

    objects = PurchaseQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        db_table = "purchases"
        indexes = [
            models.Index(fields=["tenant_id", "user_id", "-id"], name="purchases_by_user"),
            models.Index(
                fields=["tenant_id", "expires_at", "id"],
                condition=Q(state="PENDING"),
                name="purchases_by_expiry",
            ),
            models.Index(fields=["tenant_id", "state", "-id"], name="purchases_by_state"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["user_id", "currency"],
                condition=Q(state="CART", user_id__isnull=False),
                name="purchases_one_cart",
            ),
            models.UniqueConstraint(
                fields=["token_hash"], condition=~Q(token_hash=""), name="purchases_token"
            ),
            models.CheckConstraint(
                condition=Q(state__in=PurchaseState.values), name="purchases_state"
            ),
            models.CheckConstraint(
                condition=Q(subtotal__gte=0, discount__gte=0)
                & Q(total=F("subtotal") - F("discount"))
                & Q(total__gte=0),
                name="purchases_total",
            ),
            models.CheckConstraint(
                condition=Q(captured__gte=0, refunded__gte=0) & Q(refunded__lte=F("captured")),
                name="purchases_refunds",
            ),
            models.CheckConstraint(
                condition=Q(user_id__isnull=False) | Q(state__in=["CART", "CANCELLED"]),
                name="purchases_buyer",
            ),
            models.CheckConstraint(
                condition=~Q(state="PENDING") | Q(expires_at__isnull=False),
                name="purchases_expiry",
            ),
            models.CheckConstraint(
                condition=~Q(state="COMPLETED") | Q(completed_at__isnull=False),
                name="purchases_completion",
            ),
            models.CheckConstraint(
                condition=Q(captured=0) | ~Q(state__in=["CART", "PENDING"]),
                name="purchases_captured",
            ),
            models.CheckConstraint(
                # What can't be checked out can still be put into a cart. No discount is negative.
                condition=Q(subtotal__lte=MAX_AMOUNT) | Q(state__in=["CART", "CANCELLED"]),
                name="purchases_limit",
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="purchases_currency"
            ),
            RowTrigger(
                name="purchases_record_state",
                events="INSERT OR UPDATE OF state",
                body=(
                    "IF TG_OP = 'INSERT' OR OLD.state <> NEW.state THEN "
                    "INSERT INTO purchase_transitions "
                    "(tenant_id, id, purchase_id, from_state, to_state, occurred_at) VALUES "
                    "(NEW.tenant_id, extensions.uuid7(), NEW.id, "
                    "CASE WHEN TG_OP = 'INSERT' THEN '' ELSE OLD.state END, NEW.state, "
                    "NEW.updated_at); END IF;"
                ),
            ),
            Audited(name="purchases_audit", personal=["token_hash", "metadata"]),
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.total} {self.currency}"

    @property
    def is_cart(self) -> bool:
        """Whether it can still be changed."""
        return self.state == PurchaseState.CART

    @property
    def buyer_id(self) -> UUID:
        """Whose it is: of anything but a cart, somebody's."""
        assert self.user_id is not None
        return self.user_id


class PurchaseTransition(TenantModel):
    """A purchase came from one state into another. Pairs that are not allowed can't be written."""

    unaudited = "It is a history itself, and what it tells is audited."

    purchase = models.ForeignKey(Purchase, models.PROTECT, related_name="transitions")
    from_state = models.CharField(max_length=50)
    to_state = models.CharField(max_length=50)
    occurred_at = models.DateTimeField()

    class Meta:
        db_table = "purchase_transitions"
        constraints = [
            models.CheckConstraint(condition=_allowed(), name="purchase_transitions_allowed"),
            AppendOnly(name="purchase_transitions_guard", by_trigger=True),
        ]

    def __str__(self) -> str:
        return f"{self.from_state} to {self.to_state}"


class PurchaseLine(TenantModel):
    """So many of an item in a purchase. `unit_price` is what one costs, fixed at checkout."""

    purchase = models.ForeignKey(Purchase, models.CASCADE, related_name="lines")
    item = models.ForeignKey(InventoryItem, models.PROTECT, related_name="lines")
    quantity = models.IntegerField()
    unit_price = models.BigIntegerField()
    total = models.BigIntegerField()
    metadata = models.JSONField(default=dict, blank=True)
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "purchase_lines"
        indexes = [
            models.Index(fields=["tenant_id", "item", "purchase"], name="purchase_lines_item")
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gt=0, unit_price__gte=0)
                & Q(total=F("unit_price") * F("quantity")),
                name="purchase_lines_total",
            ),
            Audited(name="purchase_lines_audit", personal=["metadata"]),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.item_id}"


class PurchaseRecipient(TenantModel):
    """Somebody a purchase is for. What is personal is encrypted, and read through the port alone."""

    purchase = models.ForeignKey(Purchase, models.CASCADE, related_name="recipients")
    line = models.ForeignKey(PurchaseLine, models.CASCADE, null=True, related_name="recipients")
    sealed = models.BinaryField()
    """JSON with first_name, last_name, email, phone_number and linked_in_address, encrypted."""
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "checkout_purchase_recipients"
        constraints = [Audited(name="checkout_recipients_audit", personal=["sealed"])]

    def __str__(self) -> str:
        return f"a recipient of {self.purchase_id}"


class RefundReason(models.TextChoices):
    """Why something was given back."""

    REQUESTED = "REQUESTED", "the buyer asked for it"
    LATE_PAYMENT = "LATE_PAYMENT", "paid too late"
    CANCELLED = "CANCELLED", "what was bought does not take place"
    DUPLICATE = "DUPLICATE", "bought twice"
    FRAUD = "FRAUD", "fraud"


class Refund(TenantModel):
    """Something of what was captured was given back: the `seq`-th time, `cumulative` in all.

    A refund follows the one before it, so that two at once can't both be the next.
    """

    purchase = models.ForeignKey(Purchase, models.PROTECT, related_name="refunds", db_index=False)
    seq = models.IntegerField()
    amount = models.BigIntegerField()
    cumulative = models.BigIntegerField()
    captured = models.BigIntegerField()
    reason = models.CharField(
        max_length=50, choices=RefundReason.choices, default=RefundReason.REQUESTED
    )
    transaction_id = models.UUIDField()
    created_by_id = models.UUIDField(null=True)
    created_on = models.DateTimeField()

    class Meta:
        db_table = "refunds"
        constraints = [
            models.UniqueConstraint(fields=["purchase", "seq"], name="refunds_in_order"),
            models.UniqueConstraint(
                fields=["purchase", "seq", "cumulative"], name="refunds_cumulative_key"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, seq__gt=0) & Q(cumulative__gte=F("amount")),
                name="refunds_amount",
            ),
            models.CheckConstraint(
                condition=Q(cumulative__lte=F("captured")), name="refunds_within_captured"
            ),
            models.CheckConstraint(
                condition=Q(reason__in=RefundReason.values), name="refunds_reason"
            ),
            AppendOnly(name="refunds_guard"),
            Audited(name="refunds_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.purchase_id}"
