"""What the live stream reads: short, bound, and of one tenant at a time. Called in threads.

The order of the statements matters. A membership that is read after the events it is held against
can't let somebody see what came after they left.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Min, Q, QuerySet

from apps.platform.models import Audience, GroupMember, Joining, StreamEvent, StreamPosition
from apps.platform.stream import frames
from apps.tenancy import binding, resolution
from apps.tenancy.identity.trust import trust_of
from apps.tenancy.models import Account
from apps.tenancy.resolution import ResolvedTenant
from apps.users import interface as users

PAGE = 200
"""Events that are read at once for somebody who comes back."""
BATCH = 500
"""Events that are read at once for everybody who listens, at most."""
JOINED = frozenset({"group_member.joined", "group_member.added"})
LEFT = frozenset({"group_member.left", "group_member.removed"})
ERASED = "profile.erased"


@dataclass(frozen=True, slots=True)
class Event:
    """An event, written once for all who get it.

    `member` is (group, profile) where one came or went; `erased` the profiles of an erased person.
    """

    position: int
    kind: str
    audience: str
    audience_id: UUID | None
    frame: bytes
    created_at: datetime
    author_id: UUID | None = None
    member: tuple[UUID, UUID] | None = None
    erased: tuple[UUID, ...] = ()


@dataclass(slots=True)
class Standing:
    """What decides what somebody sees of the stream, as it does of the API.

    `groups` are those they are in: in one by invitation, since when. `kept_apart` are the profiles of
    people whom they block, or who block them.
    """

    profile_ids: frozenset[UUID] = frozenset()
    groups: dict[UUID, datetime | None] = field(default_factory=dict)
    kept_apart: frozenset[UUID] = frozenset()

    def sees(self, event: Event) -> bool:
        """Whether an event is for this person."""
        if event.author_id in self.kept_apart:
            return False
        if event.audience == Audience.GROUP:
            if event.audience_id not in self.groups:
                return False
            since = self.groups[event.audience_id]
            return since is None or event.created_at >= since
        return event.audience == Audience.EVERYBODY or event.audience_id in self.profile_ids

    def follow(self, event: Event) -> None:
        """Have an event of coming or going change the groups of the person it is about."""
        if event.member is None or event.member[1] not in self.profile_ids:
            return
        if event.kind in JOINED:
            self.groups.setdefault(event.member[0], None)
        else:
            self.groups.pop(event.member[0], None)


@dataclass(frozen=True, slots=True)
class Listener:
    """Whom a stream is for. `is_embedded`: the account is one of our own, and must be there."""

    person_id: UUID
    account_id: UUID
    issuer: str
    is_embedded: bool


@dataclass(frozen=True, slots=True)
class Page:
    """What somebody has missed, up to and including `upto`; `last` is where the stream was then."""

    last: int
    upto: int
    standing: Standing
    events: tuple[Event, ...]
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What is new to a tenant's listeners; of those that were asked about, how they stand now.

    A listener that is in `refused` may not listen any more.
    """

    events: tuple[Event, ...]
    standings: dict[UUID, Standing]
    refused: frozenset[Listener]


def page_for(*, tenant: ResolvedTenant, person_id: UUID, after: int | None) -> Page:
    """Return what a person may see after a position; nothing, and where the stream is, for None."""
    with binding.bind(tenant):
        last = StreamPosition.objects.values_list("last", flat=True).first() or 0
        standing = _standings({person_id})[person_id]
        if after is None or after >= last:
            return Page(last, last, standing, (), after is None or after == last)
        rows = StreamEvent.objects.filter(position__gt=after, position__lte=last)
        found = _events(rows.filter(_for(standing)), limit=PAGE)
        # Last of all, for what is deleted in the meantime must not pass for what was not there.
        oldest = StreamEvent.objects.aggregate(oldest=Min("position"))["oldest"]
        if oldest is None or after < oldest - 1:
            return Page(last, last, standing, (), False)
    upto = found[-1].position if len(found) == PAGE else last
    events = tuple(event for event in found if standing.sees(event))
    return Page(last, upto, standing, events, True)


def batch() -> int:
    """Return how many events are told at once: never more than may wait for a reader who has kept up."""
    return min(BATCH, settings.STREAM_QUEUE)


def look(*, slug: str, tenant_id: UUID, after: int, ask: Collection[Listener]) -> Look | None:
    """Return what is new after a position, for whomever it is; None if the tenant is not served."""
    # Looked up each time: it may have been suspended, or have moved.
    tenant = resolution.resolve_slug(slug)
    if tenant is None or not tenant.is_served or tenant.id != tenant_id:
        return None
    refused = _refused(tenant, ask)
    with binding.bind(tenant):
        events = _events(StreamEvent.objects.filter(position__gt=after), limit=batch())
        standings = _standings({listener.person_id for listener in ask}) if ask else {}
    return Look(events, standings, refused)


def _for(standing: Standing) -> Q:
    return (
        Q(audience=Audience.EVERYBODY)
        | Q(audience=Audience.GROUP, audience_id__in=standing.groups)
        | Q(audience=Audience.PERSON, audience_id__in=standing.profile_ids)
    )


def _events(rows: QuerySet[StreamEvent], *, limit: int) -> tuple[Event, ...]:
    columns = ("position", "kind", "audience", "audience_id", "payload", "created_at")
    return tuple(_event(*row) for row in rows.order_by("position").values_list(*columns)[:limit])


def _event(
    position: int,
    kind: str,
    audience: str,
    audience_id: UUID | None,
    payload: dict[str, Any],
    created_at: datetime,
) -> Event:
    author_id, member = payload.get("author_id"), None
    erased: tuple[UUID, ...] = ()
    if kind in JOINED | LEFT and "user_id" in payload and audience_id is not None:
        member = (audience_id, UUID(payload["user_id"]))
    elif kind == ERASED:
        erased = tuple(UUID(id_) for id_ in payload.get("user_ids", ()))
    return Event(
        position=position,
        kind=kind,
        audience=audience,
        audience_id=audience_id,
        frame=frames.frame(kind=kind, data=payload, position=position),
        created_at=created_at,
        author_id=UUID(author_id) if author_id else None,
        member=member,
        erased=erased,
    )


def _standings(person_ids: Collection[UUID]) -> dict[UUID, Standing]:
    """Return how people stand, everybody asked for among them. Four queries."""
    profiles = {
        person_id: person.ids
        for person_id, person in users.profiles_of_person(keycloak_ids=person_ids).items()
    }
    apart = users.profiles_kept_apart_of(keycloak_ids=person_ids)
    groups: dict[UUID, dict[UUID, datetime | None]] = {}
    members = GroupMember.objects.active().filter(
        user_id__in={id_ for ids in profiles.values() for id_ in ids}, group__deleted_at=None
    )
    columns = ("user_id", "group_id", "group__joining", "added_on")
    # The earliest last: of two memberships of one person it is the one that counts.
    for user_id, group_id, joining, added_on in members.order_by("-id").values_list(*columns):
        since = added_on if joining == Joining.INVITED else None
        groups.setdefault(user_id, {})[group_id] = since
    standings = {}
    for person_id in person_ids:
        own = frozenset(profiles.get(person_id, ()))
        theirs = {group_id: since for id_ in own for group_id, since in groups.get(id_, {}).items()}
        standings[person_id] = Standing(own, theirs, frozenset(apart.get(person_id, ())))
    return standings


def _refused(tenant: ResolvedTenant, listeners: Collection[Listener]) -> frozenset[Listener]:
    if not listeners:
        return frozenset()
    trusted = trust_of(tenant).issuers
    accounts = dict(
        Account.objects.filter(id__in={listener.account_id for listener in listeners}).values_list(
            "id", "is_active"
        )
    )
    return frozenset(
        listener
        for listener in listeners
        if listener.issuer not in trusted
        or not accounts.get(listener.account_id, not listener.is_embedded)
    )
