"""Realtime groups: who is in them, what they say, and how a board ranks them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.base import TenantQuerySet

CONTENT_LENGTH = 20_000
"""In characters: what one message may hold."""

POINTS_PER_MESSAGE = 10
POINTS_PER_LIKE = 5
POINTS_PER_UNIT_GIVEN = 10
"""For each whole unit of a currency that somebody gives: as much as for a message."""


class GroupType(models.TextChoices):
    """What a group is for."""

    SSE = "SSE", "announcements"
    MESSAGE_BOARD = "MESSAGE_BOARD", "message board"
    CHAT = "CHAT", "chat"


class Joining(models.TextChoices):
    """Who may join."""

    OPEN = "OPEN", "everybody"
    INVITED = "INVITED", "whom its creator or the staff adds"


class ContentType(models.TextChoices):
    """What a message holds: a text, an https address, or a rich document as JSON text."""

    TEXT = "TEXT", "text"
    IMAGE = "IMAGE", "image"
    VIDEO = "VIDEO", "video"
    RICH = "RICH", "rich text"


class RealtimeGroupQuerySet(TenantQuerySet):
    """Filters over groups."""

    def present(self) -> RealtimeGroupQuerySet:
        """Leave out what is deleted."""
        return self.filter(deleted_at=None)


class RealtimeGroup(TenantModel):
    """People who hear each other, live. `id_str` and `id_type` name it in an outside chat, if any."""

    group_type = models.CharField(max_length=50, choices=GroupType.choices)
    joining = models.CharField(max_length=50, choices=Joining.choices, default=Joining.OPEN)
    id_str = models.CharField(max_length=255, blank=True, default="")
    id_type = models.CharField(max_length=50, blank=True, default="")
    name = models.CharField(max_length=255)
    description = models.TextField(blank=True, default="")
    created_by_id = ReferenceField("users.Profile")
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    starts_on = models.DateTimeField(null=True, blank=True)
    stops_on = models.DateTimeField(null=True, blank=True)
    meta_data = models.JSONField(default=dict, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = RealtimeGroupQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        db_table = "realtime_groups"
        indexes = [
            models.Index(
                fields=["tenant_id", "group_type", "-created_on", "-id"],
                condition=Q(deleted_at=None),
                name="realtime_groups_by_type",
            ),
            models.Index(
                fields=["tenant_id", "-created_on", "-id"],
                condition=Q(deleted_at=None),
                name="realtime_groups_by_age",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(group_type__in=GroupType.values), name="realtime_groups_type"
            ),
            models.CheckConstraint(
                condition=Q(joining__in=Joining.values), name="realtime_groups_joining"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="realtime_groups_named"),
            models.CheckConstraint(
                condition=Q(starts_on=None) | Q(stops_on=None) | Q(stops_on__gt=F("starts_on")),
                name="realtime_groups_span",
            ),
            Audited(name="realtime_groups_audit"),
        ]

    def __str__(self) -> str:
        return self.name


class GroupMemberQuerySet(TenantQuerySet):
    """Filters over members."""

    def active(self) -> GroupMemberQuerySet:
        """Keep those who have not left."""
        return self.filter(removed_on=None)


class GroupMember(TenantModel):
    """A profile is in a group, from `added_on` until `removed_on`. Coming back is a new row."""

    group = models.ForeignKey(RealtimeGroup, models.PROTECT, related_name="members")
    user_id = ReferenceField("users.Profile")
    name = models.CharField(max_length=255, blank=True, default="")
    """How they are called in this group; empty for their profile's name."""
    is_moderator = models.BooleanField(default=False)
    added_on = models.DateTimeField(default=timezone.now)
    removed_on = models.DateTimeField(null=True, blank=True)
    meta_data = models.JSONField(default=dict, blank=True)

    objects = GroupMemberQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        db_table = "group_members"
        indexes = [
            models.Index(fields=["tenant_id", "user_id", "-id"], name="group_members_by_user"),
            models.Index(fields=["tenant_id", "group", "-id"], name="group_members_by_group"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["group", "user_id"],
                condition=Q(removed_on=None),
                name="group_members_once",
            ),
            models.CheckConstraint(
                condition=Q(removed_on=None) | Q(removed_on__gte=F("added_on")),
                name="group_members_span",
            ),
            Audited(name="group_members_audit", subject="user_id", personal=["name", "meta_data"]),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.group_id}"


class GroupMessage(TenantModel):
    """Something a member said. Taken back, it stays as an empty place."""

    group = models.ForeignKey(RealtimeGroup, models.PROTECT, related_name="messages")
    member = models.ForeignKey(GroupMember, models.PROTECT, related_name="messages")
    author_id = ReferenceField("users.Profile")
    message_content = models.TextField(blank=True)
    message_content_type = models.CharField(
        max_length=50, choices=ContentType.choices, default=ContentType.TEXT
    )
    meta_data = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "group_messages"
        indexes = [
            models.Index(
                fields=["tenant_id", "group", "-created_at", "-id"], name="group_messages_in_order"
            ),
            models.Index(fields=["tenant_id", "author_id", "-id"], name="group_messages_by_author"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(message_content_type__in=ContentType.values),
                name="group_messages_type",
            ),
            models.CheckConstraint(
                condition=(Q(deleted_at=None) & ~Q(message_content=""))
                | Q(deleted_at__isnull=False, message_content="", meta_data={}),
                name="group_messages_content",
            ),
            Audited(
                name="group_messages_audit",
                subject="author_id",
                personal=["message_content", "meta_data"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.message_content_type} of {self.author_id}"


class BoardScore(TenantModel):
    """How a member of a board ranks: kept with each message and like; donations add to it.

    Of equal points, those that were reached first are ahead.
    """

    unaudited = "It is a sum of messages and likes, and those are audited."

    group = models.ForeignKey(RealtimeGroup, models.PROTECT, related_name="scores")
    user_id = ReferenceField("users.Profile")
    messages = models.IntegerField(default=0)
    likes = models.IntegerField(default=0)
    """Of others, for these messages."""
    added = models.BigIntegerField(default=0)
    """Points for what is neither message nor like."""
    points = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "board_scores"
        indexes = [
            models.Index(
                fields=["tenant_id", "group", "-points", "updated_at", "id"],
                name="board_scores_leaders",
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["group", "user_id"], name="board_scores_once"),
            models.CheckConstraint(
                condition=Q(messages__gte=0, likes__gte=0), name="board_scores_counts"
            ),
            models.CheckConstraint(
                condition=Q(
                    points=F("messages") * POINTS_PER_MESSAGE
                    + F("likes") * POINTS_PER_LIKE
                    + F("added")
                ),
                name="board_scores_points",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.points}"
