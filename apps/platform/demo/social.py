"""Fills a demo tenant's groups: announcements, a message board, chats."""

from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from apps.kernel import demo, messages
from apps.platform import operations
from apps.platform.contracts import GroupChanged
from apps.platform.demo.chatter import TALKS, Said, Talk
from apps.platform.models import (
    Comment,
    GroupMember,
    GroupMessage,
    GroupType,
    Joining,
    Like,
    RealtimeGroup,
    TargetType,
)
from apps.tenancy import binding
from apps.users import interface as users

FANS = 48
INVITED_FANS = 3
OPENED = timedelta(days=30)


class Cast:
    """Who speaks: the hosts of the tenant, and some of its fans."""

    def __init__(self, stars: list[UUID], fans: list[UUID]) -> None:
        self.star, self.guest = stars[0], stars[1 % len(stars)]
        self.fans = fans

    def of(self, who: str | int) -> UUID:
        """Return the profile of a speaker."""
        if isinstance(who, int):
            return self.fans[who % len(self.fans)]
        return self.star if who == "star" else self.guest


def load_social_demo(*, tenant: binding.Placed) -> None:
    """Write the groups of a demo tenant and what is said there, once.

    A tenant that has groups, that nobody is in yet, or that is no demo tenant, is left alone.

    :param tenant: with a `slug` that the demo content knows.
    """
    content = demo.content()
    brand = {each.slug: each for each in content.BRANDS}.get(getattr(tenant, "slug", ""))
    if brand is None:
        return
    slugs = [person.short_link for person in content.profiles(brand=brand)]
    with binding.bind(tenant, writes="platform"):
        found = users.profile_ids_by_slug(slugs=slugs)
        fans = users.first_fan_ids(limit=FANS)
        stars = [found[slug] for slug in slugs if slug in found]
        if RealtimeGroup.objects.exists() or not stars or not fans:
            return
        now = timezone.now()
        for talk in TALKS:
            _write(talk, Cast(stars, fans), now=now)


def _write(talk: Talk, cast: Cast, *, now: datetime) -> None:
    opened = now - OPENED
    group = RealtimeGroup.objects.create(
        group_type=talk.group_type,
        joining=Joining.INVITED if talk.is_invited else Joining.OPEN,
        name=talk.name,
        description=talk.description,
        created_by_id=cast.star,
        created_on=opened,
        updated_at=opened,
    )
    listeners = cast.fans[:INVITED_FANS] if talk.is_invited else cast.fans
    members = {
        id_: GroupMember(group=group, user_id=id_, is_moderator=id_ == cast.star, added_on=opened)
        for id_ in (cast.star, cast.guest, *listeners)
    }
    GroupMember.objects.bulk_create(members.values())
    messages.record(GroupChanged(group_id=group.id, change="CREATED"))
    said = [_message(each, members[cast.of(each.who)], now=now) for each in talk.said]
    GroupMessage.objects.bulk_create(said)
    pairs = list(zip(talk.said, said, strict=True))
    _like(pairs, cast)
    _comment(pairs, cast)
    if group.group_type == GroupType.MESSAGE_BOARD:
        operations.rebuild_board(group_id=group.id)


def _message(said: Said, member: GroupMember, *, now: datetime) -> GroupMessage:
    return GroupMessage(
        group_id=member.group_id,
        member=member,
        author_id=member.user_id,
        message_content=said.text,
        message_content_type=said.content_type,
        created_at=now - timedelta(hours=said.hours_ago),
    )


def _like(pairs: list[tuple[Said, GroupMessage]], cast: Cast) -> None:
    Like.objects.bulk_create(
        Like(
            target_type=TargetType.GROUP_MESSAGE,
            target_id=message.id,
            user_id=fan,
            created_at=message.created_at + timedelta(minutes=place),
        )
        for said, message in pairs
        for place, fan in enumerate([id_ for id_ in cast.fans if id_ != message.author_id], 1)
        if place <= said.likes
    )


def _comment(pairs: list[tuple[Said, GroupMessage]], cast: Cast) -> None:
    Comment.objects.bulk_create(
        Comment(
            target_type=TargetType.GROUP_MESSAGE,
            target_id=message.id,
            author_id=cast.of(place + 10),
            body=text,
            created_at=message.created_at + timedelta(minutes=7 * (place + 1)),
        )
        for said, message in pairs
        for place, text in enumerate(said.comments)
    )
