"""Profiles: celebrities, fans and groups, told apart by `profile_type`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.tenancy.models.base import TenantQuerySet
from apps.tenancy.models.constraints import AppendOnly, RowTrigger


class ProfileType(models.TextChoices):
    """What a profile stands for. A person has at most one profile of each type but GROUP."""

    CELEBRITY = "CELEBRITY", "celebrity"
    FAN = "FAN", "fan"
    GROUP = "GROUP", "group"


class ProfileStatus(models.TextChoices):
    """Where a profile stands. Everybody sees ACTIVE ones; the others are seen by staff and owner."""

    DRAFT = "DRAFT", "draft"
    PENDING = "PENDING", "pending"
    ACTIVE = "ACTIVE", "active"
    SUSPENDED = "SUSPENDED", "suspended"
    INACTIVE = "INACTIVE", "inactive"
    REJECTED = "REJECTED", "rejected"


class Privacy(models.TextChoices):
    """Who sees a field. A field that `field_privacy` does not name is public."""

    PUBLIC = "public", "public"
    MEMBERS = "members", "members"
    PRIVATE = "private", "private"


# What a person can hide; all else is needed to list, link or search them.
HIDEABLE_FIELDS = frozenset(
    {"bio", "company_name", "first_name", "last_name", "meta_data", "tag_ids", "title"}
)

# What is personal: emptied when the person is erased.
PERSONAL_TEXTS = ("display_name", "first_name", "last_name", "bio", "company_name", "title")

_CELEBRITY = Q(profile_type=ProfileType.CELEBRITY)
_FAN = Q(profile_type=ProfileType.FAN)
_GROUP = Q(profile_type=ProfileType.GROUP)


class ProfileQuerySet(TenantQuerySet):
    """Filters over profiles."""

    def present(self) -> ProfileQuerySet:
        """Leave out what is deleted, tombstones included."""
        return self.filter(is_deleted=False)

    def visible_to_everybody(self) -> ProfileQuerySet:
        """Keep what anybody may see. An active group is an approved one, by CHECK."""
        return self.present().filter(status=ProfileStatus.ACTIVE)

    def of_person(self, keycloak_id: UUID) -> ProfileQuerySet:
        """Keep the profiles of one person."""
        return self.filter(keycloak_id=keycloak_id)


class Profile(TenantModel):
    """A celebrity, a fan or a group.

    Deleting is soft, since histories and other contexts point here. Erasing a person leaves a
    *tombstone*: the row with its type and dates, and nothing personal; `keycloak_id` goes too.
    Texts that do not apply are empty, never NULL.
    """

    profile_type = models.CharField(max_length=50, choices=ProfileType.choices)
    keycloak_id = models.UUIDField(null=True, blank=True)
    display_name = models.CharField(max_length=255, blank=True)
    first_name = models.CharField(max_length=255, blank=True, default="")
    last_name = models.CharField(max_length=255, blank=True, default="")
    bio = models.TextField(blank=True, default="")
    company_name = models.CharField(max_length=255, blank=True, default="")
    title = models.CharField(max_length=255, blank=True, default="")
    status = models.CharField(
        max_length=50, choices=ProfileStatus.choices, default=ProfileStatus.PENDING
    )
    display_weight = models.IntegerField(default=0)
    store_code = models.CharField(max_length=50, blank=True, default="")
    meta_data = models.JSONField(default=dict, blank=True)
    parent_group = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="child_groups"
    )
    is_approved = models.BooleanField(null=True, blank=True)
    owner = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="owned_groups"
    )
    field_privacy = models.JSONField(default=dict, blank=True)
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    is_deleted = models.BooleanField(default=False)
    deleted_on = models.DateTimeField(null=True, blank=True)
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = ProfileQuerySet.as_manager()  # type: ignore[misc]

    class Meta:
        db_table = "profiles"
        indexes = [
            models.Index(
                fields=["tenant_id", "profile_type", "-display_weight", "-id"],
                condition=Q(is_deleted=False),
                name="profiles_directory",
            ),
            models.Index(
                fields=["tenant_id", "-display_weight", "-id"],
                condition=Q(is_deleted=False),
                name="profiles_by_weight",
            ),
            models.Index(
                fields=["tenant_id", "-created_on", "-id"],
                condition=Q(is_deleted=False),
                name="profiles_by_age",
            ),
            models.Index(
                fields=["tenant_id", "display_name", "id"],
                condition=Q(is_deleted=False),
                name="profiles_by_name",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["keycloak_id", "profile_type"], name="profiles_one_per_person_and_type"
            ),
            models.CheckConstraint(
                condition=Q(profile_type__in=ProfileType.values), name="profiles_type"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ProfileStatus.values), name="profiles_status"
            ),
            models.CheckConstraint(
                condition=(_GROUP & Q(keycloak_id=None))
                | (~_GROUP & Q(keycloak_id__isnull=False, erased_at=None))
                | (~_GROUP & Q(keycloak_id=None, erased_at__isnull=False)),
                name="profiles_keycloak_id",
            ),
            models.CheckConstraint(
                condition=~_FAN
                | Q(
                    bio="",
                    company_name="",
                    title="",
                    store_code="",
                    display_weight=0,
                    parent_group=None,
                    owner=None,
                    is_approved=None,
                ),
                name="profiles_fan_columns",
            ),
            models.CheckConstraint(
                condition=~_CELEBRITY | Q(parent_group=None, owner=None, is_approved=None),
                name="profiles_celebrity_columns",
            ),
            models.CheckConstraint(
                condition=~_GROUP
                | Q(first_name="", last_name="", company_name="", title="", store_code=""),
                name="profiles_group_columns",
            ),
            models.CheckConstraint(
                # A CHECK lets pass what is NULL: say that it is not.
                condition=~(_GROUP & Q(status=ProfileStatus.ACTIVE))
                | Q(is_approved=True, is_approved__isnull=False),
                name="profiles_active_group_is_approved",
            ),
            models.CheckConstraint(
                condition=Q(parent_group=None) | ~Q(parent_group=F("id")),
                name="profiles_not_own_parent",
            ),
            models.CheckConstraint(
                condition=Q(is_deleted=False, deleted_on=None)
                | Q(is_deleted=True, deleted_on__isnull=False),
                name="profiles_deletion",
            ),
            models.CheckConstraint(
                condition=Q(erased_at=None)
                | Q(
                    is_deleted=True,
                    display_name="",
                    first_name="",
                    last_name="",
                    bio="",
                    company_name="",
                    title="",
                    meta_data={},
                ),
                name="profiles_tombstone_is_empty",
            ),
            models.CheckConstraint(
                condition=~Q(display_name="") | Q(erased_at__isnull=False),
                name="profiles_display_name",
            ),
            RowTrigger(
                name="profiles_record_status",
                events="INSERT OR UPDATE OF status",
                body=(
                    "IF TG_OP = 'INSERT' OR OLD.status IS DISTINCT FROM NEW.status THEN "
                    "INSERT INTO profile_status_history "
                    "(tenant_id, id, profile_id, status, occurred_on, meta_data) VALUES "
                    "(NEW.tenant_id, extensions.uuid7(), NEW.id, NEW.status, "
                    # A profile that is brought in from elsewhere began when it says it did.
                    "CASE WHEN TG_OP = 'INSERT' THEN NEW.created_on "
                    "WHEN OLD.updated_at IS DISTINCT FROM NEW.updated_at THEN NEW.updated_at "
                    "ELSE now() END, "
                    "jsonb_build_object("
                    "'old', CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE OLD.status END, "
                    "'actor', nullif(current_setting('app.actor_id', true), ''))); "
                    "END IF;"
                ),
            ),
            RowTrigger(
                name="profiles_make_counters",
                events="INSERT",
                body=(
                    "INSERT INTO profile_counters "
                    "(tenant_id, id, profile_id, follower_count, following_count) VALUES "
                    "(NEW.tenant_id, extensions.uuid7(), NEW.id, 0, 0);"
                ),
            ),
            Audited(
                name="profiles_audit",
                subject="id",
                personal=["keycloak_id", *PERSONAL_TEXTS, "store_code", "meta_data"],
            ),
        ]

    def __str__(self) -> str:
        return self.display_name or f"erased {self.profile_type.lower()}"

    @property
    def is_group(self) -> bool:
        """Whether this is a group."""
        return self.profile_type == ProfileType.GROUP

    @property
    def is_public(self) -> bool:
        """Whether everybody may see it."""
        return not self.is_deleted and self.status == ProfileStatus.ACTIVE

    @property
    def is_tombstone(self) -> bool:
        """Whether the person behind it was erased."""
        return self.erased_at is not None

    def touch(self, *, at: datetime) -> None:
        """Note a change."""
        self.updated_at = at


class ProfileStatusHistory(TenantModel):
    """Every status a profile has had. Written by a trigger; nobody else can."""

    unaudited = "It is append-only, and a record of changes itself."

    profile = models.ForeignKey(Profile, models.PROTECT, related_name="status_history")
    status = models.CharField(max_length=50, choices=ProfileStatus.choices)
    occurred_on = models.DateTimeField()
    meta_data = models.JSONField(default=dict)
    """`{"old": status or null, "actor": id or null}`: ids only, since it is kept for ever."""

    class Meta:
        db_table = "profile_status_history"
        verbose_name_plural = "profile status history"
        indexes = [
            models.Index(
                fields=["tenant_id", "profile", "-occurred_on", "-id"], name="profile_history_order"
            )
        ]
        constraints = [AppendOnly(name="profile_status_history_guard", by_trigger=True)]

    def __str__(self) -> str:
        return f"{self.status} on {self.occurred_on:%Y-%m-%d}"


class ProfileCounters(TenantModel):
    """How many follow a profile and how many it follows; kept by triggers, one row per profile."""

    unaudited = "It is a count of follows, and those are audited."

    profile = models.OneToOneField(Profile, models.PROTECT, related_name="counters")
    follower_count = models.IntegerField(default=0)
    following_count = models.IntegerField(default=0)

    class Meta:
        db_table = "profile_counters"
        verbose_name_plural = "profile counters"
        constraints = [
            models.CheckConstraint(
                condition=Q(follower_count__gte=0, following_count__gte=0),
                name="profile_counters_not_negative",
            )
        ]

    def __str__(self) -> str:
        return f"{self.follower_count} followers"
