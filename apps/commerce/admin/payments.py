"""Payments and providers in a tenant's admin."""

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.commerce.models import Payment, ProviderAccount, ProviderEvent, ProviderRefund
from apps.commerce.operations.payments import accounts, events
from apps.kernel.errors import Problem
from apps.tenancy.admin_site import ReadOnlyAdmin, TenantModelAdmin, tenant_site
from apps.tenancy.api.permissions import Rank


class LookedAt(ReadOnlyAdmin):
    """Pages for the support, on which nothing can be changed."""

    needs = {**ReadOnlyAdmin.needs, "view": Rank.SUPPORT}


@admin.register(Payment, site=tenant_site)
class PaymentAdmin(LookedAt):
    """Payments, the newest first."""

    list_display = [
        "created_on",
        "purpose",
        "provider",
        "amount",
        "currency",
        "state",
        "failure",
        "dispute_state",
    ]
    list_filter = ["state", "provider", "purpose", "dispute_state"]
    search_fields = ["provider_payment_id"]
    raw_id_fields = ["purchase"]
    ordering = ["-id"]


@admin.register(ProviderRefund, site=tenant_site)
class ProviderRefundAdmin(LookedAt):
    """What providers were to give back."""

    list_display = ["created_on", "refund", "state", "failure", "attempts"]
    list_select_related = ["refund"]
    list_filter = ["state"]
    search_fields = ["provider_refund_id"]
    raw_id_fields = ["refund", "payment"]
    ordering = ["-id"]


@admin.register(ProviderEvent, site=tenant_site)
class ProviderEventAdmin(LookedAt):
    """What providers told by themselves, and what came of it."""

    needs = {**LookedAt.needs, "view": Rank.ADMIN}
    list_display = ["received_at", "kind", "object_id", "outcome", "attempts", "processed_at"]
    list_filter = ["provider", "kind"]
    search_fields = ["event_id", "object_id"]
    ordering = ["-id"]
    actions = ["work_off_again"]

    @admin.action(description="Work off again")
    def work_off_again(self, request: HttpRequest, queryset: QuerySet[ProviderEvent]) -> None:
        """Have events worked off again: their payments are asked for anew."""
        ids = list(queryset.values_list("id", flat=True))
        for event_id in ids:
            events.repeat_event(event_id=event_id)
        self.message_user(request, f"{len(ids)} are worked off again.")


class ProviderAccountForm(forms.ModelForm):
    """Keys are written and never shown: what is left empty stays."""

    secret_key = forms.CharField(
        max_length=255, required=False, widget=forms.PasswordInput(render_value=False)
    )
    webhook_secret = forms.CharField(
        max_length=255, required=False, widget=forms.PasswordInput(render_value=False)
    )

    class Meta:
        model = ProviderAccount
        fields = ["provider", "publishable_key", "is_enabled"]

    def clean(self) -> dict[str, Any]:
        """Put what is given, so that what is wrong with it is said on the form."""
        values = cast(dict[str, Any], super().clean())
        if self.errors:
            return values
        put = {name: values[name] for name in ("publishable_key", "is_enabled")}
        put |= {name: values[name] for name in ("secret_key", "webhook_secret") if values[name]}
        try:
            account = accounts.put_account(
                # Once it is there, its provider is no field of the form.
                provider=values.get("provider") or self.instance.provider,
                values=put,
                put_at=timezone.now(),
            )
        except Problem as problem:
            raise forms.ValidationError(
                [text for texts in problem.fields.values() for text in texts] or problem.detail
            ) from problem
        self.instance = account
        return values


@admin.register(ProviderAccount, site=tenant_site)
class ProviderAccountAdmin(TenantModelAdmin):
    """Accounts with providers."""

    needs = dict.fromkeys(TenantModelAdmin.needs, Rank.ADMIN)
    form = ProviderAccountForm
    list_display = ["provider", "publishable_key", "is_enabled", "updated_at"]
    ordering = ["provider", "id"]

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> list[str]:
        """Return the provider of an account that is there."""
        return ["provider"] if obj else []

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Do nothing: the form has put it."""

    def get_deleted_objects(
        self, objs: Iterable[ProviderAccount], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Return what is listed before deleting: the operation says what stands against it."""
        named = [str(account) for account in objs]
        return named, {"accounts": len(named)}, set(), []

    def delete_model(self, request: HttpRequest, obj: ProviderAccount) -> None:
        """Delete what nothing is open of."""
        accounts.delete_account(provider=obj.provider)
