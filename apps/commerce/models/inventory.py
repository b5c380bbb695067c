"""Inventory: what is sold, for how much, to whom not; and the history of price, quantity and state."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.kernel.money import MAX_AMOUNT
from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.base import TenantQuerySet
from apps.tenancy.models.constraints import AppendOnly, RowTrigger


class ItemType(models.TextChoices):
    """What is sold."""

    SHOUTOUT = "SHOUTOUT", "shoutout"
    CLASS = "CLASS", "class"
    EVENT = "EVENT", "event"
    SUBSCRIPTION = "SUBSCRIPTION", "subscription"
    CONTENT = "CONTENT", "content"
    PRODUCT = "PRODUCT", "product"


class ItemState(models.TextChoices):
    """Whether an item is for sale. A DRAFT was never; what is ARCHIVED never is again."""

    DRAFT = "DRAFT", "draft"
    ACTIVE = "ACTIVE", "for sale"
    PAUSED = "PAUSED", "paused"
    ARCHIVED = "ARCHIVED", "archived"


# An item that was for sale is paused, and goes on; what is archived stays so.
TRANSITIONS: dict[ItemState, tuple[ItemState, ...]] = {
    ItemState.DRAFT: (ItemState.ACTIVE, ItemState.ARCHIVED),
    ItemState.ACTIVE: (ItemState.PAUSED, ItemState.ARCHIVED),
    ItemState.PAUSED: (ItemState.ACTIVE, ItemState.ARCHIVED),
    ItemState.ARCHIVED: (),
}


def _allowed() -> Q:
    allowed = Q()
    for before, after in TRANSITIONS.items():
        if after:
            allowed |= Q(old_value=before, new_value__in=[state.value for state in after])
    return allowed


class Recurrence(models.TextChoices):
    """How often something is paid for."""

    WEEKLY = "WEEKLY", "every week"
    MONTHLY = "MONTHLY", "every month"
    YEARLY = "YEARLY", "every year"


def record_history(*, name: str, column: str, history: str) -> RowTrigger:
    """Return the trigger that writes each change of a column into a history of items."""
    return RowTrigger(
        name=name,
        events=f"UPDATE OF {column}",
        body=(
            f"IF OLD.{column} IS DISTINCT FROM NEW.{column} THEN INSERT INTO {history} "
            "(tenant_id, id, inventory_item_id, old_value, new_value, changed_on) VALUES "
            f"(NEW.tenant_id, extensions.uuid7(), NEW.id, OLD.{column}, NEW.{column}, now()); "
            "END IF;"
        ),
    )


class InventoryItemQuerySet(TenantQuerySet):
    """Filters over items."""

    def present(self) -> InventoryItemQuerySet:
        """Leave out what is deleted."""
        return self.filter(deleted_at=None)

    def for_sale(self) -> InventoryItemQuerySet:
        """Keep what can be bought."""
        return self.present().filter(state=ItemState.ACTIVE)


class InventoryItem(TenantModel):
    """Something for sale. `item_id` names it in the system it came from, or for people.

    How many there are is its stock's matter (`stock_levels`); without one there are as many as wanted.
    """

    item_id = models.CharField(max_length=255)
    item_type = models.CharField(max_length=50, choices=ItemType.choices)
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    created_by_id = ReferenceField("users.Profile")
    state = models.CharField(max_length=50, choices=ItemState.choices, default=ItemState.DRAFT)
    price = models.BigIntegerField()
    """In minor units; 0 is free."""
    currency = models.CharField(max_length=3, default="USD")
    limit_per_fan = models.IntegerField(null=True, blank=True)
    recurring_payment = models.CharField(
        max_length=50, choices=Recurrence.choices, blank=True, default=""
    )
    auto_expires = models.IntegerField(null=True, blank=True)
    """In days: how long what was bought can be used; for ever without it."""
    is_refundable = models.BooleanField(default=True)
    keywords = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = InventoryItemQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        db_table = "inventory_items"
        indexes = [
            models.Index(
                fields=["tenant_id", "state", "-created_on", "-id"],
                condition=Q(deleted_at=None),
                name="inventory_items_by_state",
            ),
            models.Index(
                fields=["tenant_id", "created_by_id", "-created_on", "-id"],
                name="inventory_items_by_maker",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["item_id"], name="inventory_items_item_id"),
            models.CheckConstraint(
                condition=Q(item_type__in=ItemType.values), name="inventory_items_type"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ItemState.values), name="inventory_items_state"
            ),
            models.CheckConstraint(
                condition=Q(price__gte=0, price__lte=MAX_AMOUNT), name="inventory_items_price"
            ),
            models.CheckConstraint(
                condition=Q(currency__regex=r"^[A-Z]{3}$"), name="inventory_items_currency"
            ),
            models.CheckConstraint(
                condition=Q(limit_per_fan=None) | Q(limit_per_fan__gt=0),
                name="inventory_items_limit",
            ),
            models.CheckConstraint(
                condition=Q(recurring_payment="") | Q(recurring_payment__in=Recurrence.values),
                name="inventory_items_recurrence",
            ),
            models.CheckConstraint(
                condition=Q(auto_expires=None) | Q(auto_expires__gt=0),
                name="inventory_items_expiry",
            ),
            record_history(
                name="inventory_items_record_price",
                column="price",
                history="inventory_price_history",
            ),
            record_history(
                name="inventory_items_record_state",
                column="state",
                history="inventory_state_history",
            ),
            Audited(name="inventory_items_audit"),
        ]

    def __str__(self) -> str:
        return self.name


class AbstractHistory(TenantModel):
    """A value of an item changed. Written by a trigger alone."""

    inventory_item = models.ForeignKey(
        InventoryItem, models.PROTECT, related_name="+", db_index=False
    )
    changed_on = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.inventory_item_id} at {self.changed_on}"


def _by_item(name: str) -> models.Index:
    return models.Index(
        fields=["tenant_id", "inventory_item", "-changed_on", "-id"],
        name=name.replace("inventory_", "") + "_by_item",
    )


class InventoryPriceHistory(AbstractHistory):
    """A price changed."""

    unaudited = "It is a history itself, and what it tells is audited."

    old_value = models.BigIntegerField()
    new_value = models.BigIntegerField()

    class Meta:
        db_table = "inventory_price_history"
        verbose_name_plural = "inventory price history"
        indexes = [_by_item("inventory_price_history")]
        constraints = [AppendOnly(name="inventory_price_history_guard", by_trigger=True)]


class InventoryQuantityHistory(AbstractHistory):
    """How many there are changed: by whoever keeps the stock, not by a sale. NULL is without end."""

    unaudited = "It is a history itself: the only record of what it tells."

    old_value = models.BigIntegerField(null=True)
    new_value = models.BigIntegerField(null=True)

    class Meta:
        db_table = "inventory_quantity_history"
        verbose_name_plural = "inventory quantity history"
        indexes = [_by_item("inventory_quantity_history")]
        constraints = [AppendOnly(name="inventory_quantity_history_guard", by_trigger=True)]


class InventoryStateHistory(AbstractHistory):
    """A state changed. Pairs that are not allowed can't be written, and so neither can the change."""

    unaudited = "It is a history itself, and what it tells is audited."

    old_value = models.CharField(max_length=50)
    new_value = models.CharField(max_length=50)

    class Meta:
        db_table = "inventory_state_history"
        verbose_name_plural = "inventory state history"
        indexes = [_by_item("inventory_state_history")]
        constraints = [
            models.CheckConstraint(condition=_allowed(), name="inventory_state_history_allowed"),
            AppendOnly(name="inventory_state_history_guard", by_trigger=True),
        ]


class ItemTag(TenantModel):
    """An item is about a tag: one of `associated_tags`."""

    item = models.ForeignKey(InventoryItem, models.CASCADE, related_name="tags")
    tag_id = ReferenceField("platform.Tag")

    class Meta:
        db_table = "inventory_item_tags"
        indexes = [models.Index(fields=["tenant_id", "tag_id", "item"], name="inventory_by_tag")]
        constraints = [
            models.UniqueConstraint(fields=["item", "tag_id"], name="inventory_item_tags_once"),
            Audited(name="inventory_item_tags_audit"),
        ]

    def __str__(self) -> str:
        return str(self.tag_id)


class ItemSeries(TenantModel):
    """Buying the item opens a series: one of `associated_series`."""

    item = models.ForeignKey(InventoryItem, models.CASCADE, related_name="series")
    series = models.ForeignKey("ContentSeries", models.PROTECT, related_name="items")

    class Meta:
        db_table = "inventory_item_series"
        verbose_name_plural = "item series"
        constraints = [
            models.UniqueConstraint(fields=["item", "series"], name="inventory_item_series_once"),
            Audited(name="inventory_item_series_audit"),
        ]

    def __str__(self) -> str:
        return str(self.series_id)


class ItemPlan(TenantModel):
    """Who has the plan need not buy the item: one of `associated_subscriptions`."""

    item = models.ForeignKey(InventoryItem, models.CASCADE, related_name="plans")
    plan = models.ForeignKey("SubscriptionPlan", models.PROTECT, related_name="items")

    class Meta:
        db_table = "inventory_item_plans"
        constraints = [
            models.UniqueConstraint(fields=["item", "plan"], name="inventory_item_plans_once"),
            Audited(name="inventory_item_plans_audit"),
        ]

    def __str__(self) -> str:
        return str(self.plan_id)


class RestrictedUser(TenantModel):
    """Somebody to whom an item is not sold: one of `restricted_users`."""

    item = models.ForeignKey(InventoryItem, models.CASCADE, related_name="restricted_users")
    user_id = ReferenceField("users.Profile")

    class Meta:
        db_table = "inventory_restricted_users"
        constraints = [
            models.UniqueConstraint(fields=["item", "user_id"], name="inventory_restricted_once"),
            Audited(name="inventory_restricted_users_audit"),
        ]

    def __str__(self) -> str:
        return str(self.user_id)
