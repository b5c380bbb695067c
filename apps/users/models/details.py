"""What hangs on a profile: images, tags, short links, offers, preferences."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from apps.kernel.references import ReferenceField
from apps.tenancy.models import TenantModel
from apps.tenancy.models.audited import Audited
from apps.users.models.profile import Profile

SLUG_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
HTTPS_PATTERN = r"^https://[^\s]+$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"


class ImageType(models.TextChoices):
    """Where an image is shown."""

    PROFILE = "PROFILE", "profile"
    BANNER = "BANNER", "banner"
    THUMBNAIL = "THUMBNAIL", "thumbnail"


class ProfileImage(TenantModel):
    """An image of a profile: its address, never its bytes."""

    profile = models.ForeignKey(Profile, models.PROTECT, related_name="images")
    image_type = models.CharField(max_length=50, choices=ImageType.choices)
    url = models.TextField()
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "profile_images"
        constraints = [
            models.CheckConstraint(
                condition=Q(image_type__in=ImageType.values), name="profile_images_type"
            ),
            models.CheckConstraint(
                condition=Q(url__regex=HTTPS_PATTERN), name="profile_images_https"
            ),
            Audited(name="profile_images_audit", subject="profile_id", personal=["url"]),
        ]

    def __str__(self) -> str:
        return f"{self.image_type} {self.url}"


class ProfileTag(TenantModel):
    """A tag on a profile. The tag may have been merged into another since: ids are never rewritten."""

    profile = models.ForeignKey(Profile, models.PROTECT, related_name="profile_tags")
    tag_id = ReferenceField("platform.Tag")

    class Meta:
        db_table = "profile_tags"
        indexes = [
            models.Index(fields=["tenant_id", "tag_id", "profile"], name="profile_tags_by_tag")
        ]
        constraints = [
            models.UniqueConstraint(fields=["profile", "tag_id"], name="profile_tags_once"),
            Audited(name="profile_tags_audit"),
        ]

    def __str__(self) -> str:
        return str(self.tag_id)


class ProfileShortLink(TenantModel):
    """A slug that leads to a profile: /go/<slug>."""

    profile = models.ForeignKey(Profile, models.PROTECT, related_name="short_links")
    slug = models.CharField(max_length=80)
    created_on = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "profile_short_links"
        constraints = [
            models.UniqueConstraint(fields=["slug"], name="profile_short_links_slug"),
            models.CheckConstraint(
                condition=Q(slug__regex=SLUG_PATTERN), name="profile_short_links_form"
            ),
            Audited(name="profile_short_links_audit", subject="profile_id", personal=["slug"]),
        ]

    def __str__(self) -> str:
        return self.slug


class OfferType(models.TextChoices):
    """What a celebrity does for money."""

    CAMEO = "CAMEO", "cameo"
    SHOUTOUT = "SHOUTOUT", "shoutout"


class Offer(TenantModel):
    """A price for which a celebrity does something. One per profile and type."""

    profile = models.ForeignKey(Profile, models.PROTECT, related_name="offers")
    offer_type = models.CharField(max_length=50, choices=OfferType.choices)
    price = models.BigIntegerField()
    """In minor units of `currency`."""
    currency = models.CharField(max_length=3)
    is_available = models.BooleanField(default=True)
    delivery_days = models.PositiveSmallIntegerField(default=7)
    description = models.TextField(blank=True, default="")
    created_on = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "offers"
        constraints = [
            models.UniqueConstraint(fields=["profile", "offer_type"], name="offers_one_per_type"),
            models.CheckConstraint(
                condition=Q(offer_type__in=OfferType.values), name="offers_type"
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="offers_price"),
            models.CheckConstraint(
                condition=Q(currency__regex=CURRENCY_PATTERN), name="offers_currency"
            ),
            models.CheckConstraint(
                condition=Q(delivery_days__gte=1, delivery_days__lte=365),
                name="offers_delivery_days",
            ),
            Audited(name="offers_audit", subject="profile_id", personal=["description"]),
        ]

    def __str__(self) -> str:
        return f"{self.offer_type} {self.price} {self.currency}"


class Preferences(TenantModel):
    """How a profile's person likes to be served. One row per profile, made when first set."""

    profile = models.OneToOneField(Profile, models.PROTECT, related_name="preferences")
    locale = models.CharField(max_length=35, default="en")
    time_zone = models.CharField(max_length=64, default="UTC")
    preferences = models.JSONField(default=dict, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "preferences"
        verbose_name_plural = "preferences"
        constraints = [
            Audited(
                name="preferences_audit",
                subject="profile_id",
                personal=["locale", "time_zone", "preferences"],
            )
        ]

    def __str__(self) -> str:
        return f"{self.locale}, {self.time_zone}"
