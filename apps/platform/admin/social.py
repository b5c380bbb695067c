"""Groups, what is said in them, and comments, in a tenant's admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.platform import operations
from apps.platform.models import BoardScore, Comment, GroupMember, GroupMessage, RealtimeGroup
from apps.tenancy.admin_site import DeletedByOperation, ReadOnlyAdmin, tenant_site


@admin.register(RealtimeGroup, site=tenant_site)
class RealtimeGroupAdmin(DeletedByOperation):
    """Groups. Deleting is soft; who is in them, and what is said, have pages of their own."""

    list_display = ["name", "group_type", "joining", "starts_on", "stops_on", "created_on"]
    list_filter = ["group_type", "joining"]
    search_fields = ["name"]
    ordering = ["-created_on", "-id"]
    readonly_fields = [
        "id",
        "group_type",
        "created_by_id",
        "created_on",
        "updated_at",
        "deleted_at",
    ]

    def save_model(self, request: HttpRequest, obj: RealtimeGroup, form: Any, change: bool) -> None:
        """Write through the operations, which tell the members."""
        changes = {name: getattr(obj, name) for name in form.changed_data}
        operations.update_group(group_id=obj.id, changes=changes, updated_at=timezone.now())

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: a group has a creator, who makes it by the API."""
        return False

    def delete_model(self, request: HttpRequest, obj: RealtimeGroup) -> None:
        """Delete softly."""
        operations.delete_group(group_id=obj.id, deleted_at=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[RealtimeGroup]) -> None:
        """Delete softly."""
        super().delete_queryset(request, queryset.filter(deleted_at=None))


class SaidAdmin(DeletedByOperation, ReadOnlyAdmin):
    """What people said: it is read, and taken back, and never put into their mouths."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether it may be taken back."""
        return self._may(request, "delete")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Take back what was chosen."""
        super().delete_queryset(request, queryset.filter(deleted_at=None))


@admin.register(GroupMessage, site=tenant_site)
class GroupMessageAdmin(SaidAdmin):
    """What is said in groups."""

    list_display = ["group", "author_id", "message_content_type", "created_at", "deleted_at"]
    list_select_related = ["group"]
    list_filter = ["message_content_type"]
    ordering = ["-created_at", "-id"]

    def delete_model(self, request: HttpRequest, obj: GroupMessage) -> None:
        """Take a message back."""
        operations.delete_message(message_id=obj.id, deleted_at=timezone.now())


@admin.register(Comment, site=tenant_site)
class CommentAdmin(SaidAdmin):
    """Comments."""

    list_display = ["target_type", "target_id", "author_id", "created_at", "deleted_at"]
    list_filter = ["target_type"]
    ordering = ["-created_at", "-id"]

    def delete_model(self, request: HttpRequest, obj: Comment) -> None:
        """Take a comment back."""
        operations.delete_comment(comment_id=obj.id, deleted_at=timezone.now())


@admin.register(GroupMember, site=tenant_site)
class GroupMemberAdmin(ReadOnlyAdmin):
    """Who is, and was, in which group."""

    list_display = ["group", "user_id", "is_moderator", "added_on", "removed_on"]
    list_select_related = ["group"]
    list_filter = ["is_moderator"]
    ordering = ["-added_on", "-id"]


@admin.register(BoardScore, site=tenant_site)
class BoardScoreAdmin(ReadOnlyAdmin):
    """How the members of boards rank."""

    list_display = ["group", "user_id", "points", "messages", "likes"]
    list_select_related = ["group"]
    ordering = ["-points", "updated_at", "id"]
