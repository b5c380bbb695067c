"""The tables a page of profiles is made of, with an index as good as Quintet's."""

import uuid

from django.db import models
from django.db.models import Q


class Profile(models.Model):
    """A profile."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
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

    class Meta:
        indexes = [
            models.Index(
                fields=["profile_type", "-display_weight", "-id"],
                condition=Q(is_deleted=False),
                name="profiles_directory",
            )
        ]

    def __str__(self) -> str:
        return self.display_name


class Counters(models.Model):
    """How many follow a profile, and how many it follows."""

    profile = models.OneToOneField(
        Profile, models.PROTECT, related_name="counters", primary_key=True
    )
    follower_count = models.IntegerField()
    following_count = models.IntegerField()

    def __str__(self) -> str:
        return str(self.follower_count)


class ProfileTag(models.Model):
    """A tag on a profile."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    profile = models.ForeignKey(Profile, models.PROTECT, related_name="profile_tags")
    tag_id = models.UUIDField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return str(self.tag_id)


class ProfileImage(models.Model):
    """An image of a profile."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    profile = models.ForeignKey(Profile, models.PROTECT, related_name="images")
    image_type = models.CharField(max_length=50)
    url = models.TextField()
    created_on = models.DateTimeField()

    class Meta:
        ordering = ["created_on", "id"]

    def __str__(self) -> str:
        return self.url
