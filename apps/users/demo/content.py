"""The demo content, by tenant: the one module of this package that callers need.

brand = content.brand(slug="demo")
for profile in content.profiles(brand=brand): ...
crowd = content.fans(count=brand.fan_count, seed=brand.seed)
follows = content.follows(
    crowd=crowd, celebrities=content.profiles(brand=brand), seed=brand.seed
)
"""

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

    Members, owners and parents may be absent from the brand: check against its own keys.
    """
    return tuple(group for group in GROUPS if group.key in brand.groups)


def brand_tags(*, brand: DemoBrand) -> tuple[DemoTag, ...]:
    """Return the tags a brand needs: its categories, what its people carry, and what those name."""
    wanted = set(brand.categories)
    for carrier in (*profiles(brand=brand), *brand_groups(brand=brand)):
        wanted.update(carrier.tags)
    wanted.update(other for tag in TAGS if tag.name in wanted for other in tag.associated)
    return tuple(tag for tag in TAGS if tag.name in wanted)


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
