"""Items in a tenant's admin: with how many there are, what hangs on them, and what has changed."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from apps.commerce import queries
from apps.commerce.admin.subscriptions import SoftlyDeleted
from apps.commerce.models import (
    InventoryItem,
    InventoryPriceHistory,
    InventoryQuantityHistory,
    InventoryStateHistory,
    ItemPlan,
    ItemSeries,
    ItemTag,
    RestrictedUser,
    StockLevel,
    StockReservation,
)
from apps.commerce.operations import item_lists, items
from apps.commerce.operations.item_lists import LISTS
from apps.kernel.errors import Invalid
from apps.kernel.money import MAX_AMOUNT
from apps.tenancy.admin_site import ReadOnlyAdmin, ReadOnlyInline, TenantInline, tenant_site
from apps.tenancy.api.permissions import Rank


class ListFormSet(forms.BaseInlineFormSet):
    """A list of an item, held against the same rules as in the API."""

    def clean(self) -> None:
        """Say what is none of what the list is of, and that there are too many."""
        super().clean()
        if any(self.errors):
            return
        name = next(name for name, each in LISTS.items() if each.model is self.model)
        column = LISTS[name].column
        kept = [
            form
            for form in self.forms
            if form not in self.deleted_forms and (form.instance.pk or form.has_changed())
        ]
        wanted = [getattr(form.instance, column) for form in kept]
        present = set(self.get_queryset().values_list(column, flat=True))
        try:
            meant = item_lists.meant_by(name, wanted=wanted, present=present)
        except Invalid as refusal:
            raise forms.ValidationError(list(refusal.fields[name])) from refusal
        ids = [meant.get(id_, id_) for id_ in wanted]
        if len(set(ids)) < len(ids):
            raise forms.ValidationError("The same is in the list twice.")
        for form, id_ in zip(kept, ids, strict=True):
            # Of a tag that was merged into another, the other is meant.
            setattr(form.instance, column, id_)


class ListInline(TenantInline):
    """A list of an item."""

    formset = ListFormSet


class TagInline(ListInline):
    """Tags of an item."""

    model = ItemTag


class SeriesInline(ListInline):
    """Series that an item opens."""

    model = ItemSeries
    autocomplete_fields = ["series"]


class PlanInline(ListInline):
    """Plans whose subscribers need not buy an item."""

    model = ItemPlan
    autocomplete_fields = ["plan"]


class RestrictedUserInline(ListInline):
    """Whom an item is not sold to: shown to those who decide it."""

    model = RestrictedUser

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether rows may be changed."""
        return self.has_change_permission(request, obj)


class HistoryInline(ReadOnlyInline):
    """What has changed, the latest first: triggers write it, and nobody else."""

    ordering = ["-changed_on", "-id"]


class PriceHistoryInline(HistoryInline):
    """Prices."""

    model = InventoryPriceHistory


class QuantityHistoryInline(HistoryInline):
    """Quantities."""

    model = InventoryQuantityHistory


class StateHistoryInline(HistoryInline):
    """States."""

    model = InventoryStateHistory


class ItemForm(forms.ModelForm):
    """An item, and how many there are of it."""

    price = forms.IntegerField(
        min_value=0, max_value=MAX_AMOUNT, help_text="In minor units of the currency; 0 is free."
    )
    quantity = forms.IntegerField(
        required=False,
        min_value=0,
        help_text="How many there are in all, set aside and sold among them; empty for without end.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        level = StockLevel.objects.filter(item_id=self.instance.pk).first()
        if level is not None:
            self.initial["quantity"] = level.quantity

    class Meta:
        model = InventoryItem
        fields = [
            "item_id",
            "item_type",
            "name",
            "description",
            "created_by_id",
            "state",
            "price",
            "currency",
            "limit_per_fan",
            "recurring_payment",
            "auto_expires",
            "is_refundable",
            "keywords",
            "metadata",
        ]


@admin.register(InventoryItem, site=tenant_site)
class InventoryItemAdmin(SoftlyDeleted):
    """What is for sale, was, or is to be."""

    form = ItemForm
    list_display = ["name", "item_type", "state", "price", "currency", "left", "created_on"]
    list_select_related = ["stock"]
    list_filter = ["item_type", "state"]
    search_fields = ["name", "item_id"]
    ordering = ["-created_on", "-id"]
    readonly_fields = ["id", "held", "sold", "created_on", "updated_at"]
    inlines = [
        TagInline,
        SeriesInline,
        PlanInline,
        RestrictedUserInline,
        PriceHistoryInline,
        QuantityHistoryInline,
        StateHistoryInline,
    ]

    @admin.display(description="left")
    def left(self, item: InventoryItem) -> int | None:
        """Return how many can be had; nothing for without end."""
        level = _stock_of(item)
        return None if level is None else level.quantity - level.held - level.sold

    @admin.display(description="set aside")
    def held(self, item: InventoryItem) -> int | None:
        """Return how many are set aside."""
        level = _stock_of(item)
        return None if level is None else level.held

    @admin.display(description="sold")
    def sold(self, item: InventoryItem) -> int | None:
        """Return how many are sold."""
        level = _stock_of(item)
        return None if level is None else level.sold

    def save_model(self, request: HttpRequest, obj: InventoryItem, form: Any, change: bool) -> None:
        """Write through the operations, which know more rules than the form."""
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            items.update_item(item_id=obj.id, changes=changes, updated_at=queries.clock.now())
        else:
            values = {**form.cleaned_data, "id": obj.id}
            made = items.create_item(
                quantity=values.pop("quantity"),
                created_by_id=values.pop("created_by_id"),
                values=values,
                created_on=queries.clock.now(),
            )
            # What is saved next hangs on it.
            obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: InventoryItem) -> None:
        """Delete softly."""
        items.delete_item(item_id=obj.id, deleted_at=queries.clock.now())


@admin.register(StockReservation, site=tenant_site)
class StockReservationAdmin(ReadOnlyAdmin):
    """What is, or was, set aside for whom."""

    needs = {**ReadOnlyAdmin.needs, "view": Rank.SUPPORT}
    list_display = ["item", "quantity", "user_id", "purchase_id", "expires_at", "created_on"]
    list_select_related = ["item"]
    search_fields = ["item__name"]
    ordering = ["-created_on", "-id"]


def _stock_of(item: InventoryItem) -> StockLevel | None:
    return getattr(item, "stock", None)
