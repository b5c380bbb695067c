"""What the live stream tells, in the order in which it was committed."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.tenancy.models import TenantModel


class Audience(models.TextChoices):
    """Whom an event is for."""

    GROUP = "GROUP", "the members of a group"
    PERSON = "PERSON", "one profile"
    EVERYBODY = "EVERYBODY", "everybody who is signed in"


class StreamEvent(TenantModel):
    """One event of a tenant's stream. `position` has no gaps: who has seen n has seen all before.

    It is kept for as long as a client may come back for it, and then deleted: what it tells of is
    kept elsewhere. `payload` is what the client gets.
    """

    unaudited = "It is a copy of what is audited elsewhere, kept for a few days."

    position = models.BigIntegerField()
    kind = models.CharField(max_length=100)
    audience = models.CharField(max_length=50, choices=Audience.choices)
    audience_id = models.UUIDField(null=True)
    payload = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "stream_events"
        constraints = [
            models.UniqueConstraint(fields=["position"], name="stream_events_position"),
            models.CheckConstraint(
                condition=Q(audience=Audience.EVERYBODY, audience_id=None)
                | (~Q(audience=Audience.EVERYBODY) & Q(audience_id__isnull=False)),
                name="stream_events_audience",
            ),
        ]
        indexes = [models.Index(fields=["tenant_id", "created_at"], name="stream_events_by_age")]

    def __str__(self) -> str:
        return f"{self.position} {self.kind}"


class StreamPosition(TenantModel):
    """The last position of a tenant's stream; its lock makes the order of commits that of positions."""

    unaudited = "It is a counter."

    last = models.BigIntegerField(default=0)

    class Meta:
        db_table = "stream_positions"

    def __str__(self) -> str:
        return str(self.last)
