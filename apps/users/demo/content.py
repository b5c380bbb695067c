"""The demo content, by tenant: the one module of this package that callers need.

A tenant is filled from `brand(slug=...)`: its tags, profiles and groups, then `fans` with the
brand's `fan_count` and `seed`, then their `follows`. The same brand gives the same content
each time.
"""

from dataclasses import replace

from apps.users.demo import brands, crowd, experts, groups, makers, sport, stage, tags
from apps.users.demo.shapes import (
    DemoBrand,
    DemoFan,
    DemoFollow,
    DemoGroup,
    DemoProfile,
    DemoReferralCode,
    DemoStatusChange,
    DemoTag,
)

__all__ = [
    "BRANDS",
    "GROUPS",
    "PROFILES",
    "STATUS_NOTES",
    "TAGS",
    "DemoBrand",
    "DemoFan",
    "DemoFollow",
    "DemoGroup",
    "DemoProfile",
    "DemoReferralCode",
    "DemoStatusChange",
    "DemoTag",
    "brand",
    "brand_groups",
    "brand_tags",
    "fans",
    "follows",
    "profiles",
    "referral_codes",
    "status_history",
]

BRANDS = brands.BRANDS
GROUPS = groups.GROUPS
PROFILES: tuple[DemoProfile, ...] = stage.STAGE + sport.SPORT + experts.EXPERTS + makers.MAKERS
STATUS_NOTES = crowd.STATUS_NOTES
TAGS = tags.TAGS

fans = crowd.fans
follows = crowd.follows
status_history = crowd.status_history


def brand(*, slug: str) -> DemoBrand:
    """Return the brand of a demo tenant.

    :raises KeyError: if no demo tenant has this slug.
    """
    return {each.slug: each for each in BRANDS}[slug]


def profiles(*, brand: DemoBrand) -> tuple[DemoProfile, ...]:
    """Return the celebrities and experts of a brand, heaviest first."""
    chosen = [profile for profile in PROFILES if profile.key in brand.profiles]
    return tuple(sorted(chosen, key=lambda profile: (-profile.display_weight, profile.key)))


def brand_groups(*, brand: DemoBrand) -> tuple[DemoGroup, ...]:
    """Return the groups of a brand, parents before their children.

    They name only people and parents whom the brand has.
    """
    return tuple(
        replace(
            group,
            parent=group.parent if group.parent in brand.groups else "",
            owner=group.owner if group.owner in brand.profiles else "",
            members=tuple(member for member in group.members if member in brand.profiles),
        )
        for group in GROUPS
        if group.key in brand.groups
    )


def brand_tags(*, brand: DemoBrand) -> tuple[DemoTag, ...]:
    """Return the tags a brand needs: its categories, what its people carry, and what those name.

    They are associated only with each other.
    """
    wanted = set(brand.categories)
    wanted.update(name for profile in profiles(brand=brand) for name in profile.tags)
    wanted.update(name for group in brand_groups(brand=brand) for name in group.tags)
    wanted.update([other for tag in TAGS if tag.name in wanted for other in tag.associated])
    return tuple(
        replace(tag, associated=tuple(other for other in tag.associated if other in wanted))
        for tag in TAGS
        if tag.name in wanted
    )


def referral_codes(*, brand: DemoBrand) -> tuple[DemoReferralCode, ...]:
    """Return the codes of a brand: its own campaigns, then one for each celebrity who has one."""
    personal = tuple(
        DemoReferralCode(
            code=profile.referral_code,
            owner=profile.key,
            note=f"{profile.first_name}'s own code.",
            max_uses=None,
        )
        for profile in profiles(brand=brand)
        if profile.referral_code
    )
    return brand.referrals + personal
