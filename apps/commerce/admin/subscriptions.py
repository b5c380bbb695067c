"""Plans, series, subscriptions, entitlements and the test clock in a tenant's admin."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.commerce import queries
from apps.commerce.models import (
    ContentSeries,
    Entitlement,
    PlanSeries,
    Subscription,
    SubscriptionPeriod,
    SubscriptionPlan,
    TestClock,
)
from apps.commerce.operations import clock, entitlements, subscriptions
from apps.tenancy.admin_site import (
    DeletedByOperation,
    ReadOnlyAdmin,
    ReadOnlyInline,
    TenantModelAdmin,
    rank_in_tenant,
    tenant_site,
)
from apps.tenancy.api.permissions import Rank


class SoftlyDeleted(DeletedByOperation):
    """Rows that are hidden instead of deleted: others refer to them."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what was not deleted."""
        return super().get_queryset(request).filter(deleted_at=None)


class PlanSeriesInline(ReadOnlyInline):
    """What a plan opens. It is changed by the API, which lets subscribers in."""

    model = PlanSeries
    fk_name = "plan"
    autocomplete_fields = ["series"]


@admin.register(ContentSeries, site=tenant_site)
class ContentSeriesAdmin(SoftlyDeleted):
    """Series. They are made by the API, as somebody's."""

    list_display = ["name", "created_on"]
    search_fields = ["name"]
    ordering = ["name", "id"]
    fields = ["name", "description", "created_by_id", "created_on", "updated_at"]
    readonly_fields = ["created_by_id", "created_on", "updated_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False."""
        return False

    def save_model(self, request: HttpRequest, obj: ContentSeries, form: Any, change: bool) -> None:
        """Write what was changed."""
        changes = {name: getattr(obj, name) for name in form.changed_data}
        subscriptions.update_series(
            series_id=obj.id, changes=changes, updated_at=queries.clock.now()
        )

    def delete_model(self, request: HttpRequest, obj: ContentSeries) -> None:
        """Delete softly."""
        subscriptions.delete_series(series_id=obj.id, deleted_at=queries.clock.now())


@admin.register(SubscriptionPlan, site=tenant_site)
class SubscriptionPlanAdmin(SoftlyDeleted):
    """Plans. They are made by the API, as somebody's."""

    list_display = ["name", "recurring_payment", "price", "currency", "trial_days", "is_active"]
    list_filter = ["is_active", "recurring_payment", "currency"]
    search_fields = ["name"]
    ordering = ["-created_on", "-id"]
    inlines = [PlanSeriesInline]
    fields = [
        "name",
        "description",
        "recurring_payment",
        "price",
        "currency",
        "auto_expires",
        "trial_days",
        "is_active",
        "created_by_id",
        "created_on",
        "updated_at",
    ]
    readonly_fields = [
        "recurring_payment",
        "currency",
        "created_by_id",
        "created_on",
        "updated_at",
    ]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False."""
        return False

    def save_model(
        self, request: HttpRequest, obj: SubscriptionPlan, form: Any, change: bool
    ) -> None:
        """Write what was changed."""
        changes = {name: getattr(obj, name) for name in form.changed_data}
        subscriptions.update_plan(plan_id=obj.id, changes=changes, updated_at=queries.clock.now())

    def delete_model(self, request: HttpRequest, obj: SubscriptionPlan) -> None:
        """Delete softly."""
        subscriptions.delete_plan(plan_id=obj.id, deleted_at=queries.clock.now())


class PeriodInline(ReadOnlyInline):
    """The periods of a subscription."""

    model = SubscriptionPeriod
    fields = ["number", "plan", "starts_at", "ends_at", "price", "amount", "paid_at"]
    ordering = ["-number"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return them with their plans."""
        return super().get_queryset(request).select_related("plan")


@admin.register(Subscription, site=tenant_site)
class SubscriptionAdmin(ReadOnlyAdmin):
    """Who has which plan. What can be done with one are the actions of the list."""

    needs = {**ReadOnlyAdmin.needs, "view": Rank.SUPPORT}
    list_display = ["plan", "user_id", "state", "provider", "price", "currency", "due_at"]
    list_select_related = ["plan"]
    list_filter = ["state", "provider"]
    search_fields = ["id", "user_id"]
    ordering = ["-id"]
    inlines = [PeriodInline]
    actions = ["cancel_now", "cancel_at_period_end", "retry_payment"]

    def has_support_permission(self, request: HttpRequest) -> bool:
        """Return whether the account supports buyers."""
        rank = rank_in_tenant(request)
        return rank is not None and rank >= Rank.SUPPORT

    @admin.action(description="Cancel at once", permissions=["support"])
    def cancel_now(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        """End what was chosen."""
        for each in queryset:
            subscriptions.cancel_subscription(
                subscription_id=each.id, cancelled_at=queries.clock.now()
            )

    @admin.action(description="Cancel when the period ends", permissions=["support"])
    def cancel_at_period_end(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        """Have what was chosen end later."""
        for each in queryset:
            subscriptions.cancel_subscription(
                subscription_id=each.id, cancelled_at=queries.clock.now(), at_period_end=True
            )

    @admin.action(description="Try the payment again", permissions=["support"])
    def retry_payment(self, request: HttpRequest, queryset: QuerySet[Subscription]) -> None:
        """Have what is past due charged once this is written, by the clock's task."""
        for each in queryset:
            subscriptions.retry_now(subscription_id=each.id, retried_at=queries.clock.now())


class EntitlementForm(forms.ModelForm):
    """Who is to use what: an item or a series."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"item", "series", "ends_at"} & set(self.fields):
            self.fields[name].required = False

    class Meta:
        model = Entitlement
        fields = ["user_id", "item", "series", "quantity", "ends_at"]


@admin.register(Entitlement, site=tenant_site)
class EntitlementAdmin(TenantModelAdmin):
    """Who may use what. Giving and taking back; the rest follows from what was paid."""

    form = EntitlementForm
    needs = {**TenantModelAdmin.needs, "view": Rank.SUPPORT, "delete": Rank.EDITOR}
    list_display = ["user_id", "item", "series", "source", "starts_at", "ends_at", "revoked_at"]
    list_select_related = ["item", "series"]
    list_filter = ["source"]
    search_fields = ["user_id"]
    ordering = ["-id"]
    fields = ["user_id", "item", "series", "quantity", "ends_at"]
    autocomplete_fields = ["series"]
    raw_id_fields = ["item"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether it may be taken back."""
        return self._may(request, "delete")

    def get_deleted_objects(
        self, objs: Iterable[Model], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Return what is listed before taking back: the rows stay."""
        named = [str(each) for each in objs]
        return named, {"rows": len(named)}, set(), []

    def save_model(self, request: HttpRequest, obj: Entitlement, form: Any, change: bool) -> None:
        """Grant."""
        granted = entitlements.grant_entitlement(
            user_id=obj.user_id,
            item_id=obj.item_id,
            series_id=obj.series_id,
            quantity=obj.quantity,
            ends_at=obj.ends_at,
            granted_at=queries.clock.now(),
        )
        obj.pk = granted.pk

    def delete_model(self, request: HttpRequest, obj: Entitlement) -> None:
        """Revoke."""
        entitlements.revoke_entitlement(entitlement_id=obj.id, revoked_at=queries.clock.now())


@admin.register(TestClock, site=tenant_site)
class TestClockAdmin(ReadOnlyAdmin):
    """The test clock. It is set, and deleted, here; the API and the command advance it."""

    needs = {**TenantModelAdmin.needs, "view": Rank.ADMIN, "add": Rank.ADMIN}
    list_display = ["time", "moving_to", "created_on"]
    fields = ["time"]
    ordering = ["id"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return whether there may be one."""
        return self._may(request, "add")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether it may be deleted."""
        return self._may(request, "delete")

    def save_model(self, request: HttpRequest, obj: TestClock, form: Any, change: bool) -> None:
        """Set the clock."""
        saved = clock.set_clock(time=obj.time, set_at=timezone.now())
        obj.pk = saved.pk

    def delete_model(self, request: HttpRequest, obj: TestClock) -> None:
        """Delete the clock."""
        clock.delete_clock(deleted_at=timezone.now())
