"""Notifications: what is said, to whom, through which channel, and whether they want it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited


class Channel(models.TextChoices):
    """How somebody is reached."""

    EMAIL = "EMAIL", "email"
    SMS = "SMS", "text message"
    PUSH = "PUSH", "push"
    IN_APP = "IN_APP", "in the app"


class NotificationStatus(models.TextChoices):
    """Where a notification stands."""

    PENDING = "PENDING", "waiting"
    SENT = "SENT", "sent"
    FAILED = "FAILED", "failed"
    READ = "READ", "read"


class Frequency(models.TextChoices):
    """When somebody wants to hear of a topic through a channel."""

    AT_ONCE = "AT_ONCE", "at once"
    DAILY = "DAILY", "once a day"
    WEEKLY = "WEEKLY", "once a week"
    NEVER = "NEVER", "never"


class NotificationTemplate(TenantModel):
    """A tenant's own wording; where it has none, the system's is used."""

    template_key = models.CharField(max_length=255)
    channel = models.CharField(max_length=50, choices=Channel.choices)
    locale = models.CharField(max_length=35, default="en")
    subject = models.TextField(blank=True, default="")
    body_template = models.TextField()
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "notification_templates"
        constraints = [
            models.UniqueConstraint(
                fields=["template_key", "channel", "locale"], name="notification_templates_once"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="notification_templates_channel"
            ),
            Audited(name="notification_templates_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.template_key} {self.channel} {self.locale}"


class Notification(TenantModel):
    """Something to be told to one profile through one channel. Its text is rendered when it is made."""

    user_id = ReferenceField("users.Profile")
    template_key = models.CharField(max_length=255)
    topic = models.CharField(max_length=100)
    channel = models.CharField(max_length=50, choices=Channel.choices)
    subject = models.TextField(blank=True, default="")
    body = models.TextField(blank=True)
    status = models.CharField(
        max_length=50, choices=NotificationStatus.choices, default=NotificationStatus.PENDING
    )
    meta_data = models.JSONField(default=dict, blank=True)
    """Ids that the notification is about, and why it was not sent."""
    cause_id = models.UUIDField(null=True)
    """The message that caused it: one notification per cause, profile and channel."""
    frequency = models.CharField(
        max_length=50, choices=Frequency.choices, default=Frequency.AT_ONCE
    )
    """When its recipient wants it. What is for a digest is told of by that, and never sent itself."""
    digest_id = models.UUIDField(null=True)
    """The notification that told of it in a digest."""
    due_at = models.DateTimeField(default=timezone.now)
    """When it is to be sent, or put into a digest; while it is being sent, when somebody else may."""
    attempts = models.IntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    provider_message_id = models.CharField(max_length=255, blank=True, default="")
    created_on = models.DateTimeField(default=timezone.now)
    sent_on = models.DateTimeField(null=True, blank=True)
    read_on = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notifications"
        indexes = [
            models.Index(
                fields=["tenant_id", "user_id", "channel", "-id"], name="notifications_by_user"
            ),
            models.Index(
                fields=["tenant_id", "due_at", "id"],
                condition=Q(status="PENDING"),
                name="notifications_due",
            ),
            models.Index(
                fields=["tenant_id", "provider_message_id"],
                condition=~Q(provider_message_id=""),
                name="notifications_by_provider_id",
            ),
            models.Index(
                fields=["tenant_id", "digest_id"],
                condition=Q(digest_id__isnull=False),
                name="notifications_by_digest",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["cause_id", "user_id", "channel", "template_key"],
                condition=Q(cause_id__isnull=False),
                name="notifications_once_per_cause",
            ),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="notifications_channel"
            ),
            models.CheckConstraint(
                condition=Q(status__in=NotificationStatus.values), name="notifications_status"
            ),
            models.CheckConstraint(
                condition=Q(frequency__in=["AT_ONCE", "DAILY", "WEEKLY"]),
                name="notifications_frequency",
            ),
            Audited(
                name="notifications_audit",
                subject="user_id",
                personal=["subject", "body", "meta_data", "last_error", "provider_message_id"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template_key} to {self.user_id}"


class NotificationPreference(TenantModel):
    """How a profile wants to hear of a topic through a channel. Without one, the topic's default holds."""

    user_id = ReferenceField("users.Profile")
    channel = models.CharField(max_length=50, choices=Channel.choices)
    topic = models.CharField(max_length=100)
    frequency = models.CharField(max_length=50, choices=Frequency.choices)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "notification_preferences"
        constraints = [
            models.UniqueConstraint(
                fields=["user_id", "channel", "topic"], name="notification_preferences_once"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="notification_preferences_channel"
            ),
            models.CheckConstraint(
                condition=Q(frequency__in=Frequency.values),
                name="notification_preferences_frequency",
            ),
            Audited(name="notification_preferences_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} by {self.channel}: {self.frequency}"


class QuietHours(TenantModel):
    """When a profile is not to be disturbed: from `starts` to `ends`, in its own time zone."""

    user_id = ReferenceField("users.Profile")
    starts = models.TimeField()
    ends = models.TimeField()
    time_zone = models.CharField(max_length=64, default="UTC")
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "quiet_hours"
        verbose_name_plural = "quiet hours"
        constraints = [
            models.UniqueConstraint(fields=["user_id"], name="quiet_hours_once"),
            Audited(
                name="quiet_hours_audit",
                subject="user_id",
                personal=["starts", "ends", "time_zone"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts} to {self.ends}"


class ContactPoint(TenantModel):
    """Where a profile is reached: a telephone number, a device, or an address other than the account's."""

    user_id = ReferenceField("users.Profile")
    channel = models.CharField(max_length=50, choices=Channel.choices)
    address = models.TextField()
    """A telephone number in E.164, or the address of a browser's push service."""
    push_keys = models.JSONField(default=dict, blank=True)
    """`p256dh` and `auth` of a browser's subscription, which its messages are encrypted for."""
    code_hash = models.CharField(max_length=64, blank=True, default="")
    """A keyed hash of the code that was sent there and not yet given back."""
    code_expires_at = models.DateTimeField(null=True, blank=True)
    code_attempts_left = models.SmallIntegerField(default=0)
    verified_at = models.DateTimeField(null=True, blank=True)
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "contact_points"
        constraints = [
            models.UniqueConstraint(
                fields=["user_id", "channel", "address"], name="contact_points_once"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=["EMAIL", "SMS", "PUSH"]), name="contact_points_channel"
            ),
            Audited(
                name="contact_points_audit",
                subject="user_id",
                personal=["address", "push_keys", "code_hash"],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.channel} of {self.user_id}"


class Suppression(TenantModel):
    """An address that gets nothing more through a channel: it bounced, or its owner complained.

    The address is kept as a SHA-256 under the tenant's id, so that the list names nobody.
    """

    channel = models.CharField(max_length=50, choices=Channel.choices)
    address_hash = models.CharField(max_length=64)
    reason = models.CharField(max_length=50)
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "suppressions"
        constraints = [
            models.UniqueConstraint(fields=["channel", "address_hash"], name="suppressions_once"),
            Audited(name="suppressions_audit", personal=["address_hash"]),
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.reason}"
