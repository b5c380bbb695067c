"""Stock: how many there are of an item, how many are set aside, and for whom until when."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.commerce.models.inventory import InventoryItem
from apps.commerce.models.ledger import Resolution
from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.constraints import AppendOnly, RowTrigger

# Outside of a trigger's own event OLD and NEW are rows of nothing but NULLs: without end, before and after.
RECORD_QUANTITY = (
    "IF OLD.quantity IS DISTINCT FROM NEW.quantity THEN INSERT INTO inventory_quantity_history "
    "(tenant_id, id, inventory_item_id, old_value, new_value, changed_on) VALUES "
    "(coalesce(NEW.tenant_id, OLD.tenant_id), extensions.uuid7(), "
    "coalesce(NEW.item_id, OLD.item_id), OLD.quantity, NEW.quantity, now()); END IF;"
)


class StockLevel(TenantModel):
    """How many there are of an item in all, and how many of these are set aside or sold.

    Apart from the item, so that those who change the item wait for no sale.
    """

    unaudited = "`held` and `sold` are sums of reservations, which are kept; changes of `quantity` are in its history."

    item = models.OneToOneField(InventoryItem, models.PROTECT, related_name="stock")
    quantity = models.BigIntegerField()
    held = models.BigIntegerField(default=0)
    sold = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "stock_levels"
        constraints = [
            models.CheckConstraint(
                condition=Q(held__gte=0, sold__gte=0), name="stock_levels_counts"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("held") + F("sold")), name="stock_levels_capacity"
            ),
            RowTrigger(
                name="stock_levels_record_quantity",
                events="INSERT OR DELETE OR UPDATE OF quantity",
                body=RECORD_QUANTITY,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.held} held and {self.sold} sold of {self.quantity}"


class StockReservation(TenantModel):
    """So many of an item are set aside for somebody's purchase. It is resolved once."""

    item = models.ForeignKey(InventoryItem, models.PROTECT, related_name="reservations")
    user_id = ReferenceField("users.Profile")
    purchase_id = models.UUIDField()
    quantity = models.IntegerField()
    expires_at = models.DateTimeField()
    created_on = models.DateTimeField()

    class Meta:
        db_table = "stock_reservations"
        indexes = [
            models.Index(fields=["tenant_id", "purchase_id"], name="stock_by_purchase"),
            models.Index(fields=["tenant_id", "expires_at", "id"], name="stock_by_expiry"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["id", "quantity"], name="stock_reservations_key"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="stock_reservations_quantity"),
            AppendOnly(name="stock_reservations_guard"),
            Audited(name="stock_reservations_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.item_id}"


class StockResolution(TenantModel):
    """How a reservation ended. Its id is the reservation's, so that there is one at most."""

    quantity = models.IntegerField()
    sold = models.IntegerField()
    released = models.IntegerField()
    resolution = models.CharField(max_length=50, choices=Resolution.choices)
    resolved_at = models.DateTimeField()

    class Meta:
        db_table = "stock_resolutions"
        constraints = [
            models.UniqueConstraint(fields=["id", "sold"], name="stock_resolutions_key"),
            models.CheckConstraint(
                condition=Q(sold__gte=0, released__gte=0) & Q(quantity=F("sold") + F("released")),
                name="stock_resolutions_sum",
            ),
            models.CheckConstraint(
                condition=Q(resolution__in=Resolution.values), name="stock_resolutions_resolution"
            ),
            AppendOnly(name="stock_resolutions_guard"),
            Audited(name="stock_resolutions_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.resolution} {self.sold} of {self.quantity}"


class StockReturn(TenantModel):
    """What was sold has come back, whole. Its id is the reservation's, so that it comes back once."""

    quantity = models.IntegerField()
    returned_at = models.DateTimeField()

    class Meta:
        db_table = "stock_returns"
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gt=0), name="stock_returns_quantity"),
            AppendOnly(name="stock_returns_guard"),
            Audited(name="stock_returns_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} back"


class FanQuantity(TenantModel):
    """How many of an item somebody has, or has set aside: what `limit_per_fan` is held against."""

    unaudited = "It is a sum of reservations, which are kept."

    item = models.ForeignKey(InventoryItem, models.PROTECT, related_name="fan_quantities")
    user_id = ReferenceField("users.Profile")
    quantity = models.BigIntegerField(default=0)

    class Meta:
        db_table = "fan_quantities"
        verbose_name_plural = "fan quantities"
        constraints = [
            models.UniqueConstraint(fields=["item", "user_id"], name="fan_quantities_once"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="fan_quantities_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.user_id}"
