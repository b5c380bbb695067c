"""Discount codes and promo codes in a tenant's admin, with who has used them."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from apps.commerce import queries
from apps.commerce.models import CodeItem, DiscountCode, DiscountCodeUsage
from apps.commerce.operations import codes
from apps.kernel.errors import Invalid
from apps.tenancy.admin_site import ReadOnlyAdmin, TenantInline, TenantModelAdmin, tenant_site
from apps.tenancy.api.permissions import Rank


class CodeItemInline(TenantInline):
    """The items a code is for; all, if there are none."""

    model = CodeItem
    autocomplete_fields = ["item"]


class CodeForm(forms.ModelForm):
    """A code."""

    class Meta:
        model = DiscountCode
        fields = [
            "code",
            "kind",
            "percent",
            "amount",
            "currency",
            "minimum",
            "max_uses",
            "max_uses_per_user",
            "starts_at",
            "ends_at",
            "is_active",
        ]

    def clean_code(self) -> str:
        """Return it in capitals."""
        written: str = self.cleaned_data["code"].upper()
        return written

    def clean(self) -> dict[str, Any]:
        """Say by field what makes no sense."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            codes.check_sense(DiscountCode(**values, used=self.instance.used))
        except Invalid as refusal:
            for name, texts in refusal.fields.items():
                self.add_error(name, list(texts))
        return values


@admin.register(DiscountCode, site=tenant_site)
class DiscountCodeAdmin(TenantModelAdmin):
    """Codes. What was used is switched off instead of deleted. Who knows one can use it."""

    needs = {**TenantModelAdmin.needs, "view": Rank.EDITOR}
    form = CodeForm
    list_display = [
        "code",
        "kind",
        "percent",
        "amount",
        "currency",
        "used",
        "max_uses",
        "is_active",
    ]
    list_filter = ["kind", "is_active"]
    search_fields = ["code"]
    ordering = ["-created_on", "-id"]
    readonly_fields = ["id", "used", "created_on", "updated_at"]
    inlines = [CodeItemInline]

    def save_model(self, request: HttpRequest, obj: DiscountCode, form: Any, change: bool) -> None:
        """Write through the operations, which know more rules than the form."""
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            codes.update_code(code_id=obj.id, changes=changes, updated_at=queries.clock.now())
        else:
            values = {**form.cleaned_data, "id": obj.id}
            made = codes.create_code(values=values, created_on=queries.clock.now())
            # What is saved next hangs on it.
            obj.__dict__.update(made.__dict__)

    def get_deleted_objects(
        self, objs: Iterable[DiscountCode], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Return what is listed before deleting: the operation says what stands against it."""
        named = [str(code) for code in objs]
        return named, {"codes": len(named)}, set(), []

    def delete_model(self, request: HttpRequest, obj: DiscountCode) -> None:
        """Delete what nobody has used."""
        codes.delete_code(code_id=obj.id)


@admin.register(DiscountCodeUsage, site=tenant_site)
class DiscountCodeUsageAdmin(ReadOnlyAdmin):
    """Who has used which code, for what."""

    needs = {**ReadOnlyAdmin.needs, "view": Rank.EDITOR}
    list_display = ["code", "user_id", "turn", "amount", "purchase_id", "used_on"]
    list_select_related = ["code"]
    list_filter = ["code__kind"]
    search_fields = ["code__code"]
    ordering = ["-used_on", "-id"]
