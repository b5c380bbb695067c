"""Fills a demo tenant with the people, groups and follows of its brand."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from apps.kernel.ids import uuid7
from apps.platform import interface as platform
from apps.tenancy import binding
from apps.users.demo import content
from apps.users.demo.shapes import DemoBrand, DemoFan, DemoGroup, DemoProfile
from apps.users.models import (
    FanFollow,
    GroupCelebrity,
    Offer,
    Profile,
    ProfileShortLink,
    ProfileStatus,
    ProfileTag,
    ProfileType,
    ReferralCode,
)
from apps.users.operations import telling

BATCH = 2_000


def load_demo(*, tenant: binding.Placed, fans: int) -> None:
    """Write a brand's people, once: a tenant that has profiles, or is no demo tenant, is left alone.

    :param tenant: with a `slug` that the demo content knows.
    :param fans: how many fans there are.
    """
    known = {brand.slug: brand for brand in content.BRANDS}
    brand = known.get(getattr(tenant, "slug", ""))
    if brand is None:
        return
    with binding.bind(tenant, writes="users"):
        if Profile.objects.exists():
            return
        now = timezone.now()
        celebrities = _celebrities(brand, now=now)
        groups = _groups(brand, celebrities, now=now)
        _tag({**celebrities, **groups}, brand=brand)
        _details(brand, celebrities, groups, now=now)
        crowd = content.fans(count=fans, seed=brand.seed)
        _follows(brand, crowd, _fans(crowd, now=now), celebrities, now=now)
        # The rows were written in bulk, past the operations that would have told of them.
        telling.profiles_changed(Profile.objects.all(), change=telling.CREATED)


def _ago(now: datetime, days: int) -> datetime:
    return now - timedelta(days=days)


def _celebrities(brand: DemoBrand, *, now: datetime) -> dict[str, Profile]:
    """Write the celebrities, then lead them through their statuses, which writes the history."""
    people = content.profiles(brand=brand)
    lives = {
        person.key: content.status_history(profile=person, seed=brand.seed) for person in people
    }
    made = {person.key: _celebrity(person, status=lives[person.key][0].status) for person in people}
    for key, profile in made.items():
        profile.created_on = profile.updated_at = _ago(now, lives[key][0].days_ago)
    Profile.objects.bulk_create(made.values(), batch_size=BATCH)
    for step in range(1, max(map(len, lives.values()), default=0)):
        changed = [key for key in made if len(lives[key]) > step]
        for key in changed:
            made[key].status = lives[key][step].status
            made[key].updated_at = _ago(now, lives[key][step].days_ago)
        Profile.objects.bulk_update([made[key] for key in changed], ["status", "updated_at"])
    return made


def _celebrity(person: DemoProfile, *, status: str) -> Profile:
    return Profile(
        profile_type=ProfileType.CELEBRITY,
        keycloak_id=uuid7(),
        display_name=person.display_name,
        first_name=person.first_name,
        last_name=person.last_name,
        title=person.title,
        company_name=person.company_name,
        bio=person.bio,
        store_code=person.store_code,
        display_weight=person.display_weight,
        field_privacy=dict(person.private),
        status=status,
    )


def _groups(
    brand: DemoBrand, celebrities: Mapping[str, Profile], *, now: datetime
) -> dict[str, Profile]:
    """Write the groups, parents before their children, and who is in them."""
    made: dict[str, Profile] = {}
    wanted = content.brand_groups(brand=brand)
    for group in wanted:
        made[group.key] = _group(group, made, celebrities)
        made[group.key].created_on = made[group.key].updated_at = _ago(now, 800)
    Profile.objects.bulk_create(made.values(), batch_size=BATCH)
    GroupCelebrity.objects.bulk_create(
        GroupCelebrity(group=made[group.key], celebrity=celebrities[key])
        for group in wanted
        for key in group.members
        if key in celebrities
    )
    return made


def _group(
    group: DemoGroup, groups: Mapping[str, Profile], celebrities: Mapping[str, Profile]
) -> Profile:
    return Profile(
        profile_type=ProfileType.GROUP,
        display_name=group.name,
        bio=group.description,
        parent_group=groups.get(group.parent),
        owner=celebrities.get(group.owner),
        is_approved=True if group.is_approved else None,
        status=ProfileStatus.ACTIVE if group.is_approved else ProfileStatus.PENDING,
    )


def _tag(profiles: Mapping[str, Profile], *, brand: DemoBrand) -> None:
    carriers: list[DemoProfile | DemoGroup] = [
        *content.profiles(brand=brand),
        *content.brand_groups(brand=brand),
    ]
    found = platform.tag_ids_by_exact_name(names={name for who in carriers for name in who.tags})
    ProfileTag.objects.bulk_create(
        ProfileTag(profile=profiles[who.key], tag_id=found[name])
        for who in carriers
        for name in who.tags
        if name in found
    )


def _details(
    brand: DemoBrand,
    celebrities: Mapping[str, Profile],
    groups: Mapping[str, Profile],
    *,
    now: datetime,
) -> None:
    people = content.profiles(brand=brand)
    links = {person.short_link: celebrities[person.key] for person in people}
    links |= {key: group for key, group in groups.items() if key not in links}
    ProfileShortLink.objects.bulk_create(
        ProfileShortLink(profile=profile, slug=slug) for slug, profile in links.items()
    )
    Offer.objects.bulk_create(
        Offer(
            profile=celebrities[person.key],
            offer_type=offer.offer_type,
            price=offer.price,
            currency=offer.currency,
            is_available=offer.is_available,
            delivery_days=offer.delivery_days,
            description=offer.description,
        )
        for person in people
        for offer in person.offers()
    )
    ReferralCode.objects.bulk_create(
        ReferralCode(
            profile=celebrities[code.owner],
            code=code.code.upper(),
            note=code.note,
            max_uses=code.max_uses,
            created_on=now,
        )
        for code in content.referral_codes(brand=brand)
        if code.owner in celebrities
    )


def _fans(crowd: Sequence[DemoFan], *, now: datetime) -> dict[str, UUID]:
    made = {
        fan.key: Profile(
            profile_type=ProfileType.FAN,
            keycloak_id=uuid7(),
            display_name=fan.display_name,
            first_name=fan.first_name,
            last_name=fan.last_name,
            meta_data={"city": fan.city, "interests": list(fan.interests)},
            status=ProfileStatus.ACTIVE,
            created_on=_ago(now, fan.joined_days_ago),
            updated_at=_ago(now, fan.joined_days_ago),
        )
        for fan in crowd
    }
    Profile.objects.bulk_create(made.values(), batch_size=BATCH)
    return {key: profile.id for key, profile in made.items()}


def _follows(
    brand: DemoBrand,
    crowd: Sequence[DemoFan],
    fans: Mapping[str, UUID],
    celebrities: Mapping[str, Profile],
    *,
    now: datetime,
) -> None:
    drawn = content.follows(crowd=crowd, celebrities=content.profiles(brand=brand), seed=brand.seed)
    FanFollow.objects.bulk_create(
        (
            FanFollow(
                fan_id=fans[follow.fan],
                celebrity=celebrities[follow.celebrity],
                followed_on=_ago(now, follow.followed_days_ago),
                unfollowed_on=(
                    None
                    if follow.unfollowed_days_ago is None
                    else _ago(now, follow.unfollowed_days_ago)
                ),
                notifications=list(follow.notifications),
            )
            for follow in drawn
        ),
        batch_size=BATCH,
    )
