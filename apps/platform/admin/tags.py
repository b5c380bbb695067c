"""Tags in a tenant's admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.kernel import messages
from apps.platform import operations
from apps.platform.contracts import TagChanged
from apps.platform.models import Tag, TagAssociation
from apps.tenancy.admin_site import DeletedByOperation, TenantInline, tenant_site


class AssociationInline(TenantInline):
    """What a tag goes with."""

    model = TagAssociation
    fk_name = "tag"
    autocomplete_fields = ["associated_tag"]


@admin.register(Tag, site=tenant_site)
class TagAdmin(DeletedByOperation):
    """Tags. They are merged by the API, which keeps the old ids working."""

    list_display = ["name", "tag_type", "color", "merged_into"]
    list_select_related = ["merged_into"]
    list_filter = ["tag_type"]
    search_fields = ["name"]
    ordering = ["name", "id"]
    inlines = [AssociationInline]
    readonly_fields = [
        "id",
        "merged_into",
        "created_on",
        "created_by_id",
        "last_modified_on",
        "updated_by_id",
    ]

    def save_model(self, request: HttpRequest, obj: Tag, form: Any, change: bool) -> None:
        """Save, and tell of it."""
        super().save_model(request, obj, form, change)
        messages.record(TagChanged(tag_id=obj.id, change="CHANGED" if change else "CREATED"))

    def delete_model(self, request: HttpRequest, obj: Tag) -> None:
        """Delete with associations and aliases."""
        operations.delete_tag(tag_id=obj.id)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Tag]) -> None:
        """Delete with associations and aliases."""
        super().delete_queryset(request, queryset.filter(merged_into=None))
