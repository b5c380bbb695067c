"""The users context in a tenant's admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.tenancy.admin_site import (
    DeletedByOperation,
    ReadOnlyAdmin,
    TenantInline,
    TenantModelAdmin,
    tenant_site,
)
from apps.users import operations
from apps.users.models import (
    Block,
    FanFollow,
    FanFollowChange,
    Offer,
    Profile,
    ProfileImage,
    ProfileShortLink,
    ProfileStatusHistory,
    ReferralCode,
    ReferralUse,
)


class ImageInline(TenantInline):
    """Images of a profile."""

    model = ProfileImage


class ShortLinkInline(TenantInline):
    """Short links of a profile."""

    model = ProfileShortLink


class OfferInline(TenantInline):
    """Offers of a celebrity."""

    model = Offer
    exclude = ["created_on", "updated_at"]


@admin.register(Profile, site=tenant_site)
class ProfileAdmin(DeletedByOperation):
    """Profiles. Deleting is soft; erasing a person is the person's own business, by the API."""

    list_display = ["display_name", "profile_type", "status", "display_weight", "created_on"]
    list_filter = ["profile_type", "status", "is_deleted"]
    search_fields = ["display_name", "company_name", "title", "store_code"]
    ordering = ["-display_weight", "-id"]
    autocomplete_fields = ["parent_group", "owner"]
    inlines = [ImageInline, ShortLinkInline, OfferInline]
    actions = ["approve_groups"]
    readonly_fields = [
        "id",
        "keycloak_id",
        "created_on",
        "updated_at",
        "is_approved",
        "is_deleted",
        "deleted_on",
        "erased_at",
    ]

    @admin.action(description="Approve selected groups", permissions=["change"])
    def approve_groups(self, request: HttpRequest, chosen: QuerySet[Profile]) -> None:
        """Let the groups among the chosen be seen."""
        groups = [profile for profile in chosen if profile.is_group]
        for group in groups:
            operations.approve_group(profile_id=group.id, approved_at=timezone.now())
        self.message_user(request, f"{len(groups)} groups approved.")

    def save_model(self, request: HttpRequest, obj: Profile, form: Any, change: bool) -> None:
        """Write through the operations, which know more rules than the form."""
        columns = {field.name: field.attname for field in Profile._meta.concrete_fields}
        values = {columns[name]: getattr(obj, columns[name]) for name in form.changed_data}
        if change:
            operations.update_profile(profile_id=obj.id, changes=values, updated_at=timezone.now())
        else:
            super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Profile) -> None:
        """Delete softly."""
        operations.delete_profile(profile_id=obj.id, deleted_on=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Profile]) -> None:
        """Delete softly."""
        super().delete_queryset(request, queryset.filter(is_deleted=False))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: a profile belongs to a person, who makes it, or is made by the API."""
        return False


@admin.register(ProfileStatusHistory, site=tenant_site)
class ProfileStatusHistoryAdmin(ReadOnlyAdmin):
    """Every status a profile has had."""

    list_display = ["profile", "status", "occurred_on"]
    list_select_related = ["profile"]
    list_filter = ["status"]


@admin.register(FanFollow, site=tenant_site)
class FanFollowAdmin(ReadOnlyAdmin):
    """Who follows whom."""

    list_display = ["fan", "celebrity", "followed_on", "unfollowed_on"]
    list_select_related = ["fan", "celebrity"]
    search_fields = ["fan__display_name", "celebrity__display_name"]
    ordering = ["-followed_on", "-id"]


@admin.register(FanFollowChange, site=tenant_site)
class FanFollowChangeAdmin(ReadOnlyAdmin):
    """What happened to follows."""

    list_display = ["fan", "celebrity", "change", "occurred_on"]
    list_select_related = ["fan", "celebrity"]


@admin.register(Block, site=tenant_site)
class BlockAdmin(ReadOnlyAdmin):
    """Who blocks whom."""

    list_display = ["blocker", "blocked", "created_on"]
    list_select_related = ["blocker", "blocked"]


@admin.register(ReferralCode, site=tenant_site)
class ReferralCodeAdmin(TenantModelAdmin):
    """Referral codes."""

    list_display = ["code", "profile", "use_count", "max_uses", "expires_at"]
    list_select_related = ["profile"]
    search_fields = ["code", "note"]
    autocomplete_fields = ["profile"]
    readonly_fields = ["use_count", "created_on"]


@admin.register(ReferralUse, site=tenant_site)
class ReferralUseAdmin(ReadOnlyAdmin):
    """Who came by which code."""

    list_display = ["referral_code", "profile", "used_at"]
    list_select_related = ["referral_code", "profile"]
