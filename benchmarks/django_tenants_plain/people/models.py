"""The tables of the users context as plain models: no tenant key, CHECKs or triggers."""

import uuid

from django.db import models
from django.db.models import Q


class Row(models.Model):
    """What all tables have."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.id)


class Profile(Row):
    profile_type = models.CharField(max_length=50)
    keycloak_id = models.UUIDField(null=True)
    display_name = models.CharField(max_length=255)
    first_name = models.CharField(max_length=255)
    last_name = models.CharField(max_length=255)
    bio = models.TextField()
    company_name = models.CharField(max_length=255)
    title = models.CharField(max_length=255)
    status = models.CharField(max_length=50)
    display_weight = models.IntegerField(default=0)
    store_code = models.CharField(max_length=50)
    meta_data = models.JSONField(default=dict)
    parent_group = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    is_approved = models.BooleanField(null=True)
    owner = models.ForeignKey("self", models.PROTECT, null=True, related_name="+")
    field_privacy = models.JSONField(default=dict)
    created_on = models.DateTimeField()
    updated_at = models.DateTimeField()
    is_deleted = models.BooleanField(default=False)
    deleted_on = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=fields, condition=Q(is_deleted=False), name=f"profiles_{name}")
            for name, fields in (
                ("directory", ["profile_type", "-display_weight", "-id"]),
                ("by_weight", ["-display_weight", "-id"]),
                ("by_age", ["-created_on", "-id"]),
                ("by_name", ["display_name", "id"]),
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["keycloak_id", "profile_type"], name="profiles_person")
        ]


class ProfileStatusHistory(Row):
    profile = models.ForeignKey(Profile, models.PROTECT)
    status = models.CharField(max_length=50)
    occurred_on = models.DateTimeField()
    meta_data = models.JSONField(default=dict)


class ProfileCounters(Row):
    profile = models.OneToOneField(Profile, models.PROTECT)
    follower_count = models.IntegerField(default=0)
    following_count = models.IntegerField(default=0)


class ProfileImage(Row):
    profile = models.ForeignKey(Profile, models.PROTECT)
    image_type = models.CharField(max_length=50)
    url = models.TextField()
    created_on = models.DateTimeField()


class ProfileTag(Row):
    profile = models.ForeignKey(Profile, models.PROTECT)
    tag_id = models.UUIDField()

    class Meta:
        indexes = [models.Index(fields=["tag_id", "profile"], name="profile_tags_by_tag")]
        constraints = [
            models.UniqueConstraint(fields=["profile", "tag_id"], name="profile_tags_once")
        ]


class ProfileShortLink(Row):
    profile = models.ForeignKey(Profile, models.PROTECT)
    slug = models.CharField(max_length=80, unique=True)
    created_on = models.DateTimeField()


class Offer(Row):
    profile = models.ForeignKey(Profile, models.PROTECT)
    offer_type = models.CharField(max_length=50)
    price = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    is_available = models.BooleanField(default=True)
    delivery_days = models.PositiveSmallIntegerField(default=7)
    description = models.TextField()
    created_on = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["profile", "offer_type"], name="offers_one_per_type")
        ]


class Preferences(Row):
    profile = models.OneToOneField(Profile, models.PROTECT)
    locale = models.CharField(max_length=35)
    time_zone = models.CharField(max_length=64)
    preferences = models.JSONField(default=dict)
    updated_at = models.DateTimeField()


class FanFollow(Row):
    fan = models.ForeignKey(Profile, models.PROTECT, related_name="+")
    celebrity = models.ForeignKey(Profile, models.PROTECT, related_name="+")
    followed_on = models.DateTimeField()
    unfollowed_on = models.DateTimeField(null=True)
    notifications = models.JSONField(default=list)

    class Meta:
        indexes = [
            models.Index(
                fields=[side, "-followed_on", "-id"],
                condition=Q(unfollowed_on=None),
                name=f"fan_follows_by_{side}",
            )
            for side in ("celebrity", "fan")
        ]
        constraints = [
            models.UniqueConstraint(fields=["fan", "celebrity"], name="fan_follows_pair")
        ]


class FanFollowChange(Row):
    follow = models.ForeignKey(FanFollow, models.PROTECT)
    fan = models.ForeignKey(Profile, models.PROTECT, related_name="+")
    celebrity = models.ForeignKey(Profile, models.PROTECT, related_name="+")
    change = models.JSONField()
    occurred_on = models.DateTimeField()


class Block(Row):
    blocker = models.ForeignKey(Profile, models.PROTECT, related_name="+")
    blocked = models.ForeignKey(Profile, models.PROTECT, related_name="+")
    created_on = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["blocker", "blocked"], name="blocks_pair")]


class GroupCelebrity(Row):
    group = models.ForeignKey(Profile, models.PROTECT, related_name="+")
    celebrity = models.ForeignKey(Profile, models.PROTECT, related_name="+")
    joined_on = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["group", "celebrity"], name="group_celebrities_once")
        ]


class ReferralCode(Row):
    profile = models.ForeignKey(Profile, models.PROTECT)
    code = models.CharField(max_length=32, unique=True)
    note = models.CharField(max_length=255)
    max_uses = models.PositiveIntegerField(null=True)
    use_count = models.PositiveIntegerField(default=0)
    expires_at = models.DateTimeField(null=True)
    created_on = models.DateTimeField()


class ReferralUse(Row):
    referral_code = models.ForeignKey(ReferralCode, models.PROTECT)
    profile = models.OneToOneField(Profile, models.PROTECT)
    used_at = models.DateTimeField()


class IdempotencyKey(Row):
    actor_id = models.UUIDField()
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField()
    reply = models.BinaryField()
    location = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="idempotency_keys_age")]
        constraints = [
            models.UniqueConstraint(fields=["actor_id", "key"], name="idempotency_keys_key")
        ]
