"""Following, unfollowing, blocking. Every write about two people waits for the others about them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.kernel.errors import Forbidden, Invalid, NotFound
from apps.tenancy import locks
from apps.users.models import Block, Channel, FanFollow, Profile, ProfileType
from apps.users.models.follow import DEFAULT_CHANNELS
from apps.users.operations import presence, telling


class Blocked(Forbidden):
    """One of the two has blocked the other; which one is not told."""

    slug = "blocked"
    title = "You can't follow this profile."


def follow(
    *,
    fan_id: UUID,
    celebrity_id: UUID,
    followed_on: datetime,
    notifications: Sequence[str] | None = None,
) -> FanFollow:
    """Have a fan follow a celebrity; following again changes nothing.

    :param notifications: channels to hear of; None keeps what was set, or takes the default.
    :raises NotFound: there is no such celebrity to be seen.
    :raises Blocked: one of the two has blocked the other.
    :raises Invalid: a channel is none, or a person means to follow themselves.
    """
    channels = None if notifications is None else _channels(notifications)
    fan, celebrity = _pair(fan_id=fan_id, celebrity_id=celebrity_id)
    if fan.keycloak_id == celebrity.keycloak_id:
        raise Invalid(fields={"celebrity_id": ["Nobody follows themselves."]})
    _hold(fan, celebrity)
    if not presence.keep_present(fan.id, celebrity.id):
        raise NotFound
    if _blocks_between(fan, celebrity).exists():
        raise Blocked("It is not open to you.")

    existing = FanFollow.objects.filter(fan=fan, celebrity=celebrity).first()
    if existing is None:
        made = FanFollow.objects.create(
            fan=fan,
            celebrity=celebrity,
            followed_on=followed_on,
            notifications=list(DEFAULT_CHANNELS) if channels is None else channels,
        )
        telling.follow_started(made)
        return made
    if existing.is_active and (channels is None or channels == existing.notifications):
        return existing
    starts_again = not existing.is_active
    if starts_again:
        existing.followed_on, existing.unfollowed_on = followed_on, None
    if channels is not None:
        existing.notifications = channels
    existing.save(update_fields=["followed_on", "unfollowed_on", "notifications"])
    if starts_again:
        telling.follow_started(existing)
    return existing


def unfollow(*, fan_id: UUID, celebrity_id: UUID, unfollowed_on: datetime) -> None:
    """End a follow; where there is none, or it has ended, nothing changes."""
    follows = FanFollow.objects.select_for_update().active()
    _end(follows.filter(fan_id=fan_id, celebrity_id=celebrity_id), at=unfollowed_on)


def set_notifications(
    *, fan_id: UUID, celebrity_id: UUID, notifications: Sequence[str]
) -> FanFollow:
    """Change what a fan hears of from one celebrity.

    :raises NotFound: the fan does not follow.
    :raises Invalid: a channel is none.
    """
    channels = _channels(notifications)
    follows = FanFollow.objects.select_for_update().active()
    existing = follows.filter(fan_id=fan_id, celebrity_id=celebrity_id).first()
    if existing is None:
        raise NotFound
    if existing.notifications != channels:
        existing.notifications = channels
        existing.save(update_fields=["notifications"])
    return existing


def block(*, blocker_id: UUID, blocked_id: UUID, blocked_at: datetime) -> Block:
    """Keep two people apart: their follows end both ways. Blocking again changes nothing.

    It holds between the people, whichever of their profiles is named.

    :raises NotFound: one of the two is not there.
    :raises Invalid: it is a group, or the blocker's own profile.
    """
    blocker, blocked = _profile(blocker_id), _profile(blocked_id)
    if blocked.is_group:
        raise Invalid(fields={"profile_id": ["A group can't be blocked."]})
    if blocker.keycloak_id == blocked.keycloak_id:
        raise Invalid(fields={"profile_id": ["Nobody blocks themselves."]})
    _hold(blocker, blocked)
    made, _ = Block.objects.get_or_create(
        blocker=blocker, blocked=blocked, defaults={"created_on": blocked_at}
    )
    people = [blocker.keycloak_id, blocked.keycloak_id]
    follows = FanFollow.objects.select_for_update(of=("self",)).active()
    between = follows.filter(fan__keycloak_id__in=people, celebrity__keycloak_id__in=people)
    _end(between.order_by("id"), at=blocked_at)
    return made


def unblock(*, blocker_id: UUID, blocked_id: UUID) -> None:
    """Lift a block; where there is none, nothing changes. Follows do not come back."""
    Block.objects.filter(blocker_id=blocker_id, blocked_id=blocked_id).delete()


def _channels(given: Sequence[str]) -> list[str]:
    """Return the channels once each, in their own order."""
    if unknown := sorted(set(given) - set(Channel.values)):
        choice = ", ".join(Channel.values)
        raise Invalid(
            fields={"notifications": [f"{', '.join(unknown)} is no channel; there are {choice}."]}
        )
    return [channel for channel in Channel.values if channel in given]


def _pair(*, fan_id: UUID, celebrity_id: UUID) -> tuple[Profile, Profile]:
    found = Profile.objects.present().in_bulk([fan_id, celebrity_id])
    fan, celebrity = found.get(fan_id), found.get(celebrity_id)
    if fan is None or celebrity is None:
        raise NotFound
    if fan.profile_type != ProfileType.FAN:
        raise Invalid(fields={"fan_id": ["Only a fan follows."]})
    if celebrity.profile_type != ProfileType.CELEBRITY or not celebrity.is_public:
        raise NotFound
    return fan, celebrity


def _profile(profile_id: UUID) -> Profile:
    found = Profile.objects.present().filter(id=profile_id).first()
    if found is None:
        raise NotFound
    return found


def _hold(one: Profile, other: Profile) -> None:
    locks.hold("people", *sorted((str(one.keycloak_id), str(other.keycloak_id))))


def _blocks_between(one: Profile, other: Profile) -> QuerySet[Block]:
    return Block.objects.filter(
        Q(blocker__keycloak_id=one.keycloak_id, blocked__keycloak_id=other.keycloak_id)
        | Q(blocker__keycloak_id=other.keycloak_id, blocked__keycloak_id=one.keycloak_id)
    )


def _end(follows: QuerySet[FanFollow], *, at: datetime) -> None:
    ended = list(follows)
    for existing in ended:
        existing.unfollowed_on = max(at, existing.followed_on)
        existing.save(update_fields=["unfollowed_on"])
    telling.follows_ended(ended)
