"""Follows: a fan follows a celebrity, ends it, follows again; and blocks, which end both ways."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.base import TenantQuerySet
from apps.tenancy.models.constraints import AppendOnly, RowTrigger
from apps.users.models.profile import Profile


class Channel(models.TextChoices):
    """What a fan wants to hear of."""

    NEW_CONTENT = "NEW_CONTENT", "new content"
    LIVE = "LIVE", "live"
    OFFERS = "OFFERS", "offers"


DEFAULT_CHANNELS = (Channel.NEW_CONTENT.value, Channel.LIVE.value)


class FanFollowQuerySet(TenantQuerySet):
    """Filters over follows."""

    def active(self) -> "FanFollowQuerySet":
        """Keep the follows that have not ended."""
        return self.filter(unfollowed_on=None)


class FanFollow(TenantModel):
    """One row per fan and celebrity, for all times they followed."""

    fan = models.ForeignKey(Profile, models.PROTECT, related_name="follows")
    celebrity = models.ForeignKey(Profile, models.PROTECT, related_name="followed_by")
    followed_on = models.DateTimeField()
    unfollowed_on = models.DateTimeField(null=True, blank=True)
    notifications = models.JSONField(default=list, blank=True)

    objects = FanFollowQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        db_table = "fan_follows"
        indexes = [
            models.Index(
                fields=["tenant_id", "celebrity", "-followed_on", "-id"],
                condition=Q(unfollowed_on=None),
                name="fan_follows_followers",
            ),
            models.Index(
                fields=["tenant_id", "fan", "-followed_on", "-id"],
                condition=Q(unfollowed_on=None),
                name="fan_follows_following",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["fan", "celebrity"], name="fan_follows_pair"),
            models.CheckConstraint(
                condition=Q(unfollowed_on=None) | Q(unfollowed_on__gte=F("followed_on")),
                name="fan_follows_order",
            ),
            models.CheckConstraint(condition=~Q(fan=F("celebrity")), name="fan_follows_not_self"),
            RowTrigger(
                name="fan_follows_record_change",
                events="INSERT OR UPDATE",
                body=(
                    "IF TG_OP = 'INSERT' "
                    "OR (OLD.unfollowed_on IS NOT NULL AND NEW.unfollowed_on IS NULL) THEN "
                    "INSERT INTO fan_follow_changes "
                    "(tenant_id, id, follow_id, fan_id, celebrity_id, change, occurred_on) VALUES "
                    "(NEW.tenant_id, extensions.uuid7(), NEW.id, NEW.fan_id, NEW.celebrity_id, "
                    "jsonb_build_object('action', 'FOLLOWED', 'notifications', NEW.notifications), "
                    "NEW.followed_on); END IF; "
                    "IF NEW.unfollowed_on IS NOT NULL "
                    "AND (TG_OP = 'INSERT' OR OLD.unfollowed_on IS NULL) THEN "
                    "INSERT INTO fan_follow_changes "
                    "(tenant_id, id, follow_id, fan_id, celebrity_id, change, occurred_on) VALUES "
                    "(NEW.tenant_id, extensions.uuid7(), NEW.id, NEW.fan_id, NEW.celebrity_id, "
                    "jsonb_build_object('action', 'UNFOLLOWED'), NEW.unfollowed_on); END IF; "
                    "IF TG_OP = 'UPDATE' AND NEW.unfollowed_on IS NULL "
                    "AND OLD.unfollowed_on IS NULL "
                    "AND OLD.notifications IS DISTINCT FROM NEW.notifications THEN "
                    "INSERT INTO fan_follow_changes "
                    "(tenant_id, id, follow_id, fan_id, celebrity_id, change, occurred_on) VALUES "
                    "(NEW.tenant_id, extensions.uuid7(), NEW.id, NEW.fan_id, NEW.celebrity_id, "
                    "jsonb_build_object('action', 'NOTIFICATIONS', 'old', OLD.notifications, "
                    "'notifications', NEW.notifications), now()); END IF;"
                ),
            ),
            RowTrigger(
                name="fan_follows_count",
                events="INSERT OR DELETE OR UPDATE OF unfollowed_on",
                # The celebrity's row is the hot one: it is locked last, and always after the fan's.
                body=(
                    "DECLARE step integer := 0; followed record; BEGIN "
                    "IF TG_OP <> 'INSERT' THEN followed := OLD; "
                    "IF OLD.unfollowed_on IS NULL THEN step := step - 1; END IF; END IF; "
                    "IF TG_OP <> 'DELETE' THEN followed := NEW; "
                    "IF NEW.unfollowed_on IS NULL THEN step := step + 1; END IF; END IF; "
                    "IF step <> 0 THEN "
                    "UPDATE profile_counters SET following_count = following_count + step "
                    "WHERE tenant_id = followed.tenant_id AND profile_id = followed.fan_id; "
                    "UPDATE profile_counters SET follower_count = follower_count + step "
                    "WHERE tenant_id = followed.tenant_id AND profile_id = followed.celebrity_id; "
                    "END IF; END;"
                ),
            ),
            Audited(name="fan_follows_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.fan_id} follows {self.celebrity_id}"

    @property
    def is_active(self) -> bool:
        """Whether the fan follows now."""
        return self.unfollowed_on is None


class FanFollowChange(TenantModel):
    """What happened to a follow. Written by a trigger; nobody else can. Ids only."""

    unaudited = "It is append-only, and a record of changes itself."

    follow = models.ForeignKey(FanFollow, models.PROTECT, related_name="changes")
    fan = models.ForeignKey(Profile, models.PROTECT, related_name="+")
    celebrity = models.ForeignKey(Profile, models.PROTECT, related_name="+")
    change = models.JSONField()
    """`{"action": "FOLLOWED" | "UNFOLLOWED" | "NOTIFICATIONS", …}`."""
    occurred_on = models.DateTimeField()

    class Meta:
        db_table = "fan_follow_changes"
        constraints = [AppendOnly(name="fan_follow_changes_guard", by_trigger=True)]

    def __str__(self) -> str:
        return f"{self.change.get('action')} on {self.occurred_on:%Y-%m-%d}"


class Block(TenantModel):
    """One profile wants nothing from another."""

    blocker = models.ForeignKey(Profile, models.PROTECT, related_name="blocks")
    blocked = models.ForeignKey(Profile, models.PROTECT, related_name="blocked_by")
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "blocks"
        constraints = [
            models.UniqueConstraint(fields=["blocker", "blocked"], name="blocks_pair"),
            models.CheckConstraint(condition=~Q(blocker=F("blocked")), name="blocks_not_self"),
            Audited(name="blocks_audit"),
        ]

    def __str__(self) -> str:
        return f"{self.blocker_id} blocks {self.blocked_id}"
