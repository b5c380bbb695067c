"""The test clock: a tenant's own time, which moves when it is told to."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited


class TestClock(TenantModel):
    """What time it is for a tenant's commerce. Without one, it is what time it is for everybody."""

    __test__ = False  # its name is not a test's

    time = models.DateTimeField()
    moving_to = models.DateTimeField(null=True)
    """Where it is on its way to: what falls due until then is being worked off. None while it stands."""
    mover_id = models.UUIDField(null=True)
    """Who moves it: a worker that is not named here any more has to stop."""
    moved_at = models.DateTimeField(null=True)
    """When its mover gave the last sign of life, by the time that it is for everybody."""
    created_on = models.DateTimeField(default=timezone.now)
    only_one = models.BooleanField(default=True, editable=False)

    class Meta:
        db_table = "test_clocks"
        constraints = [
            models.UniqueConstraint(fields=["only_one"], name="test_clocks_one"),
            models.CheckConstraint(condition=Q(only_one=True), name="test_clocks_only_one"),
            models.CheckConstraint(
                condition=Q(moving_to=None) | Q(moving_to__gte=F("time")),
                name="test_clocks_forwards",
            ),
            Audited(name="test_clocks_audit"),
        ]

    def __str__(self) -> str:
        return str(self.time)

    @property
    def is_moving(self) -> bool:
        """Whether it is on its way."""
        return self.moving_to is not None
