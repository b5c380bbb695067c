"""Webhooks: a tenant's own servers are told what happened, signed and in a sequence without gaps."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited


class EndpointState(models.TextChoices):
    """Whether an endpoint is told anything."""

    ACTIVE = "ACTIVE", "active"
    PAUSED = "PAUSED", "paused"


class DeliveryState(models.TextChoices):
    """Where a delivery stands."""

    PENDING = "PENDING", "waiting"
    DELIVERED = "DELIVERED", "delivered"
    FAILED = "FAILED", "given up"


class WebhookEndpoint(TenantModel):
    """An address that is told of messages.

    `sealed_secrets` holds the signing secrets, encrypted, the newest first, as
    `{"sealed": …, "valid_until": … or null}`: each delivery is signed with all that are valid.
    """

    url = models.CharField(max_length=2_000)
    description = models.CharField(max_length=255, blank=True, default="")
    kinds = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    """The kinds of message it is told of; empty for all."""
    state = models.CharField(
        max_length=50, choices=EndpointState.choices, default=EndpointState.ACTIVE
    )
    paused_because = models.CharField(max_length=255, blank=True, default="")
    paused_at = models.DateTimeField(null=True, blank=True)
    sealed_secrets = models.JSONField(default=list)
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "webhook_endpoints"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=EndpointState.values), name="webhook_endpoints_state"
            ),
            Audited(name="webhook_endpoints_audit", personal=["sealed_secrets"]),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookProgress(TenantModel):
    """How far an endpoint is: `last_sequence` numbers its deliveries, from 1 and without gaps.

    It is apart from the endpoint because every message changes it: neither the audit log nor the
    endpoint's entity tag is to change with each.
    """

    unaudited = "It counts; what an endpoint is told is in the log of deliveries."

    endpoint = models.ForeignKey(WebhookEndpoint, models.PROTECT, related_name="progress")
    last_sequence = models.BigIntegerField(default=0)
    failures = models.IntegerField(default=0)
    """Attempts that failed since the last that did not."""
    failing_since = models.DateTimeField(null=True, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    """Nothing is sent before: an endpoint that fails is asked less and less often."""

    class Meta:
        db_table = "webhook_progress"
        verbose_name_plural = "webhook progress"
        constraints = [
            models.UniqueConstraint(fields=["endpoint"], name="webhook_progress_once"),
        ]

    def __str__(self) -> str:
        return str(self.last_sequence)


class WebhookDelivery(TenantModel):
    """One message on its way to one endpoint, kept as the log of what was sent and answered."""

    unaudited = "It is the log of deliveries itself."

    endpoint = models.ForeignKey(WebhookEndpoint, models.PROTECT, related_name="deliveries")
    sequence = models.BigIntegerField()
    message_id = models.UUIDField()
    kind = models.CharField(max_length=100)
    body = models.TextField()
    """What is sent, to the byte: signatures are made over it."""
    state = models.CharField(
        max_length=50, choices=DeliveryState.choices, default=DeliveryState.PENDING
    )
    attempts = models.IntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    leased_until = models.DateTimeField(null=True, blank=True)
    """While a sender works on it."""
    last_error = models.CharField(max_length=255, blank=True, default="")
    response_status = models.IntegerField(null=True, blank=True)
    response_excerpt = models.TextField(blank=True, default="")
    created_on = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "webhook_deliveries"
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(
                fields=["tenant_id", "endpoint", "due_at", "sequence"],
                condition=Q(state="PENDING"),
                name="webhook_deliveries_due",
            ),
            models.Index(
                fields=["tenant_id", "endpoint"],
                condition=Q(state="PENDING", leased_until__isnull=False),
                name="webhook_deliveries_leased",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "sequence"], name="webhook_deliveries_sequence"
            ),
            models.UniqueConstraint(
                fields=["endpoint", "message_id"], name="webhook_deliveries_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="webhook_deliveries_state"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.kind}"
