"""Purchases in a tenant's admin: to look at, to cancel and to refund."""

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps.commerce import queries
from apps.commerce.models import (
    Purchase,
    PurchaseLine,
    PurchaseRecipient,
    PurchaseState,
    PurchaseTransition,
    Refund,
    RefundReason,
)
from apps.commerce.operations import purchases
from apps.tenancy.admin_site import (
    ReadOnlyAdmin,
    ReadOnlyInline,
    note_shown,
    rank_in_tenant,
    tenant_site,
)
from apps.tenancy.api.permissions import Rank


class LineInline(ReadOnlyInline):
    """What is bought."""

    model = PurchaseLine
    fields = ["item_id", "quantity", "unit_price", "total"]
    readonly_fields = ["item_id"]


class TransitionInline(ReadOnlyInline):
    """Each step it has taken."""

    model = PurchaseTransition
    fields = ["from_state", "to_state", "occurred_at"]
    ordering = ["id"]


class RefundInline(ReadOnlyInline):
    """What was given back."""

    model = Refund
    fields = ["seq", "amount", "cumulative", "reason", "created_by_id", "created_on"]
    ordering = ["seq"]


class RefundForm(forms.Form):
    """How much to give back, and why."""

    amount = forms.IntegerField(min_value=1, required=False, help_text="All that is left if empty.")
    reason = forms.ChoiceField(
        choices=[each for each in RefundReason.choices if each[0] != RefundReason.LATE_PAYMENT]
    )
    force = forms.BooleanField(
        required=False, help_text="Also what was sold as not refundable. For admins."
    )


@admin.register(Purchase, site=tenant_site)
class PurchaseAdmin(ReadOnlyAdmin):
    """Purchases, for support. Carts are their buyers' own business."""

    needs = {**ReadOnlyAdmin.needs, "view": Rank.SUPPORT}
    list_display = ["id", "state", "provider", "total", "refunded", "currency", "created_on"]
    list_filter = ["state", "provider", "currency"]
    search_fields = ["id", "user_id"]
    ordering = ["-id"]
    exclude = ["token_hash", "discount_code"]
    inlines = [LineInline, RefundInline, TransitionInline]
    actions = ["cancel", "refund", "show_recipients"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Purchase]:
        """Return what was checked out."""
        rows = cast(QuerySet[Purchase], super().get_queryset(request))
        return rows.exclude(state=PurchaseState.CART)

    def has_support_permission(self, request: HttpRequest) -> bool:
        """Return whether the account may do what support does."""
        return (rank_in_tenant(request) or 0) >= Rank.SUPPORT

    @admin.action(description="Cancel selected purchases", permissions=["support"])
    def cancel(self, request: HttpRequest, chosen: QuerySet[Purchase]) -> None:
        """Cancel purchases that wait for their payment."""
        ids = list(chosen.order_by("id").values_list("id", flat=True))
        for purchase_id in ids:
            purchases.cancel_purchase(
                purchase_id=purchase_id,
                cancelled_at=queries.clock.now(),
                created_by_id=request.user.pk,
            )
        self.message_user(request, f"{len(ids)} purchases cancelled.")

    @admin.action(description="Refund the selected purchase", permissions=["support"])
    def refund(self, request: HttpRequest, chosen: QuerySet[Purchase]) -> HttpResponse | None:
        """Ask how much, then give it back."""
        if chosen.count() != 1:
            self.message_user(request, "Select one purchase to refund.", messages.ERROR)
            return None
        purchase = chosen.get()
        form = RefundForm(request.POST if "apply" in request.POST else None)
        if form.is_valid():
            wants_force = form.cleaned_data["force"]
            if wants_force and (rank_in_tenant(request) or 0) < Rank.ADMIN:
                self.message_user(request, "Only admins force a refund.", messages.ERROR)
                return None
            made = purchases.refund_purchase(
                purchase_id=purchase.id,
                amount=form.cleaned_data["amount"],
                reason=form.cleaned_data["reason"],
                refunded_at=queries.clock.now(),
                created_by_id=request.user.pk,
                is_forced=wants_force,
            )
            self.message_user(request, f"{made.amount} minor units refunded.")
            return None
        return self._page(
            request,
            "commerce/refund_purchase.html",
            title="Refund a purchase",
            purchase=purchase,
            left=purchase.captured - purchase.refunded,
            form=form,
            selected=ACTION_CHECKBOX_NAME,
        )

    @admin.action(description="Show for whom they are", permissions=["support"])
    def show_recipients(self, request: HttpRequest, chosen: QuerySet[Purchase]) -> HttpResponse:
        """Show recipients; the look is logged."""
        rows = list(PurchaseRecipient.objects.filter(purchase__in=chosen).order_by("id"))
        opened = purchases.recipients.open_recipients({row.id: bytes(row.sealed) for row in rows})
        note_shown(request, rows, columns=["sealed"])
        shown = [{"purchase_id": row.purchase_id, **opened[row.id]} for row in rows]
        return self._page(
            request, "commerce/recipients.html", title="For whom they are", recipients=shown
        )

    def _page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        shared = self.admin_site.each_context(request)
        return TemplateResponse(request, template, {**shared, "opts": self.opts, **context})
