"""A tenant with one of everything that the API can name, each recognisable as the tenant's own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connections
from django.db.models import Model
from django.utils import timezone
from rest_framework.test import APIClient

from apps.audit.models import AuditEntry
from apps.kernel.ids import uuid7
from apps.platform.models import (
    BoardScore,
    Like,
    NotificationPreference,
    NotificationTemplate,
    QuietHours,
    RealtimeGroup,
    SearchDocument,
    StreamEvent,
    StreamPosition,
    Suppression,
    Tag,
    TagAssociation,
)
from apps.platform.models import IdempotencyKey as PlatformKey
from apps.tenancy.binding import bind
from apps.tenancy.models import Account, Invitation, Issuer, Membership, Role, Tenant
from apps.tenancy.operations import members
from apps.users.models import (
    Block,
    GroupCelebrity,
    IdempotencyKey,
    Offer,
    OfferType,
    ProfileImage,
    ProfileShortLink,
    ProfileTag,
    ReferralCode,
)
from config.databases import HOME_ALIASES, PLAN
from tests.factories import (
    CelebrityFactory,
    CommentFactory,
    ContactPointFactory,
    FanFactory,
    FollowFactory,
    GroupFactory,
    GroupMemberFactory,
    GroupMessageFactory,
    NotificationFactory,
    WebhookDeliveryFactory,
    WebhookEndpointFactory,
)
from tests.isolation.market import build_market
from tests.tenancy.people import host_of, token_of

# What a tenant has in the control plane.
STAFF = [model._meta.db_table for model in (Invitation, Issuer, Membership)]


@dataclass
class World:
    """A tenant's things by kind. `mark` is in every text of the tenant, and in nobody else's."""

    tenant: Tenant
    caller: Account
    mark: str
    ids: dict[str, str] = field(default_factory=dict)
    last_seen: dict[str, str] | None = None

    @property
    def client(self) -> APIClient:
        """A client of the tenant's host for the caller, who owns the tenant.

        It is one client for all worlds, since a new one loads all middleware: use it before asking
        another world for its.
        """
        client = _client()
        client.defaults.update(HTTP_HOST=self._host, HTTP_AUTHORIZATION=f"Bearer {self._token}")
        return client

    def changes(self) -> set[str]:
        """The tables that changed since this was last asked: at first none."""
        before, self.last_seen = self.last_seen, fingerprint(self.tenant)
        if before is None:
            return set()
        return {table for table, found in self.last_seen.items() if found != before[table]}

    @cached_property
    def _host(self) -> str:
        return host_of(self.tenant)

    @cached_property
    def _token(self) -> str:
        return token_of(self.caller, self.tenant, seconds=7_200)


@cache
def _client() -> APIClient:
    return APIClient()


def new_account(name: str) -> Account:
    """Make an account without a password, which would take long to hash."""
    return members.create_account(email=f"{name}-{uuid7().hex}@people.example", is_confirmed=True)


def build(*, tenant: Tenant, caller: Account, ids: dict[str, UUID] | None = None) -> World:
    """Fill a tenant.

    :param ids: ids that rows are to have, by kind; two tenants may have rows with the same ids.
    """
    world = World(tenant=tenant, caller=caller, mark=f"mark-{tenant.id.hex[-12:]}")
    members.add_member(tenant_id=tenant.id, account_id=caller.id, role=Role.OWNER)
    given = ids or {}

    def at(kind: str) -> UUID:
        value = given.get(kind) or uuid7()
        world.ids[kind] = str(value)
        return value

    with bind(tenant, writes="platform"):
        _build_tags(world, at)
        _build_webhook(world, at)
    with bind(tenant, writes="users", request_id=at("request")):
        _build_profiles(world, at)
    with bind(tenant, writes="platform"):
        _build_talk(world, at)
        _build_notifications(world, at)
    with bind(tenant, writes="commerce"):
        build_market(world, at)
    with bind(tenant):
        written = AuditEntry.objects.using("users").filter(entity_id=world.ids["celebrity"])
        world.ids["entry"] = str(written.values_list("id", flat=True)[0])
    _build_staff(world)
    return world


def _build_tags(world: World, at: Any) -> None:
    tag = Tag.objects.create(id=at("tag"), name=f"{world.mark} a", tag_type="TOPIC")
    other = Tag.objects.create(id=at("other_tag"), name=f"{world.mark} b", tag_type="TOPIC")
    TagAssociation.objects.create(id=at("association"), tag=tag, associated_tag=other)
    SearchDocument.objects.create(
        id=at("search_document"),
        kind="platform.Tag",
        entity_id=tag.id,
        title=tag.name,
        tag_ids=[tag.id],
    )
    Tag.objects.create(id=at("free_tag"), name=f"{world.mark} c", tag_type="SKILL")
    PlatformKey.objects.create(
        id=at("platform_key_row"),
        actor_id=world.caller.id,
        key=f"{world.mark}-p",
        request_hash="0" * 64,
        status_code=201,
        reply=b"{}",
    )


def _build_webhook(world: World, at: Any) -> None:
    endpoint = WebhookEndpointFactory(id=at("webhook"), description=world.mark)
    WebhookDeliveryFactory(id=at("delivery"), endpoint=endpoint, body=world.mark)


def _build_profiles(world: World, at: Any) -> None:
    mark, caller = world.mark, world.caller
    mine = FanFactory(id=at("my_fan"), keycloak_id=caller.id, display_name=f"{mark} me")
    celebrity = CelebrityFactory(id=at("celebrity"), display_name=f"{mark} star", bio=mark)
    other = CelebrityFactory(id=at("other_celebrity"), display_name=f"{mark} other star")
    group = GroupFactory(id=at("group"), display_name=f"{mark} group", owner=mine)
    GroupFactory(
        id=at("pending_group"),
        display_name=f"{mark} hopeful",
        status="PENDING",
        is_approved=None,
        parent_group=group,
    )
    CelebrityFactory(
        id=at("deleted"), display_name=f"{mark} gone", is_deleted=True, deleted_on=timezone.now()
    )
    FollowFactory(id=at("follow"), fan=mine, celebrity=celebrity)
    Block.objects.create(id=at("block"), blocker=mine, blocked=other)
    GroupCelebrity.objects.create(
        id=at("group_celebrity"), group=group, celebrity=celebrity, joined_on=timezone.now()
    )
    ProfileImage.objects.create(
        id=at("image"), profile=celebrity, image_type="PROFILE", url=f"https://x.test/{mark}"
    )
    ProfileTag.objects.create(
        id=at("profile_tag"), profile=celebrity, tag_id=UUID(world.ids["tag"])
    )
    world.ids["slug"] = mark
    ProfileShortLink.objects.create(id=at("link"), profile=celebrity, slug=mark)
    Offer.objects.create(
        id=at("offer"),
        profile=celebrity,
        offer_type=OfferType.values[0],
        price=1,
        currency="USD",
        description=mark,
    )
    world.ids["code"] = sha256(mark.encode()).hexdigest()[:12].upper()
    ReferralCode.objects.create(
        id=at("referral_code"), profile=celebrity, code=world.ids["code"], note=mark
    )
    world.ids["key"] = mark
    IdempotencyKey.objects.create(
        id=at("key_row"),
        actor_id=caller.id,
        key=mark,
        request_hash="0" * 64,
        status_code=201,
        reply=b'{"mark":"%s"}' % mark.encode(),
    )


def _build_talk(world: World, at: Any) -> None:
    mine, star = UUID(world.ids["my_fan"]), UUID(world.ids["celebrity"])
    group = RealtimeGroup.objects.create(
        id=at("realtime_group"),
        group_type="MESSAGE_BOARD",
        joining="INVITED",
        name=f"{world.mark} board",
        created_by_id=mine,
    )
    GroupMemberFactory(
        id=at("my_group_member"), group=group, user_id=mine, name=world.mark, is_moderator=True
    )
    member = GroupMemberFactory(id=at("group_member"), group=group, user_id=star, name=world.mark)
    message = GroupMessageFactory(id=at("group_message"), member=member, message_content=world.mark)
    CommentFactory(id=at("comment"), target_id=message.id, author_id=star, body=world.mark)
    Like.objects.create(
        id=at("like"), target_type="GROUP_MESSAGE", target_id=message.id, user_id=mine
    )
    BoardScore.objects.create(
        id=at("score"), group=group, user_id=star, messages=1, likes=1, points=15
    )
    BoardScore.objects.create(id=at("my_score"), group=group, user_id=mine, added=3, points=3)
    StreamEvent.objects.create(
        id=at("stream_event"),
        position=1,
        kind="group_message.posted",
        audience="GROUP",
        audience_id=group.id,
        payload={"message_content": world.mark},
    )
    StreamPosition.objects.create(id=world.tenant.id, last=1)


def _build_notifications(world: World, at: Any) -> None:
    mine, mark = UUID(world.ids["my_fan"]), world.mark
    NotificationFactory(id=at("notification"), user_id=mine, subject=mark, body=mark)
    ContactPointFactory(id=at("contact_point"), user_id=mine, address=mark)
    NotificationTemplate.objects.create(
        id=at("notification_template"),
        template_key="new_like",
        channel="EMAIL",
        subject=mark,
        body_template=mark,
    )
    Suppression.objects.create(
        id=at("suppression"),
        channel="EMAIL",
        address_hash=mark,
        reason="BOUNCED",
    )
    NotificationPreference.objects.create(
        id=at("notification_preference"),
        user_id=mine,
        channel="EMAIL",
        topic="new_like",
        frequency="DAILY",
    )
    QuietHours.objects.create(id=at("quiet_hours"), user_id=mine, starts="22:00", ends="07:00")


def _build_staff(world: World) -> None:
    tenant_id = world.tenant.id
    member = members.add_member(
        tenant_id=tenant_id, account_id=new_account(world.mark).id, role=Role.EDITOR
    )
    invitation = Invitation.objects.create(
        tenant_id=tenant_id,
        email=f"{world.mark}@people.example",
        role=Role.VIEWER,
        invited_by_id=world.caller.id,
        token_hash=sha256(world.mark.encode()).hexdigest(),
        expires_at=timezone.now() + timedelta(days=1),
    )
    issuer = Issuer.objects.create(
        tenant_id=tenant_id, url=f"https://{world.mark}.test", audience=world.mark
    )
    world.ids |= {
        "member": str(member.id),
        "invitation": str(invitation.id),
        "issuer": str(issuer.id),
    }


def models_of_homes() -> Iterator[tuple[str, type[Model]]]:
    """Yield every model whose rows live in homes, with each database that has its table."""
    for alias in HOME_ALIASES:
        for model in apps.get_models():
            is_there = model._meta.app_label in PLAN[alias].labels
            if is_there and model._meta.managed and not model._meta.proxy:
                yield alias, model


def fingerprint(tenant: Tenant) -> dict[str, str]:
    """A hash of the rows that a tenant has, by table: whether anything changed; also without a wall."""
    return _ask(tenant, "md5(string_agg(r::text, E'\\n' ORDER BY r::text))")


def ids_of(tenant: Tenant) -> set[str]:
    """The ids of all rows that a tenant has."""
    return {
        id_
        for found in _ask(tenant, "array_agg(to_jsonb(r) ->> 'id')").values()
        for id_ in found or ()
    }


def _ask(tenant: Tenant, question: str) -> dict[str, Any]:
    """The answer of each of a tenant's tables to one question about its rows."""
    found = {}
    with bind(tenant):
        for alias, tables in _tables().items():
            with connections[alias].cursor() as cursor:
                cursor.execute(_union(tables, question), {"tenant": tenant.id})
                found |= {f"{alias}: {table}": answer for table, answer in cursor.fetchall()}
    with connections["default"].cursor() as cursor:
        cursor.execute(_union(STAFF, question), {"tenant": tenant.id})
        return found | dict(cursor.fetchall())


@cache
def _tables() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for alias, model in models_of_homes():
        found.setdefault(alias, []).append(model._meta.db_table)
    return found


def _union(tables: list[str], question: str) -> str:
    """One statement for many tables: asking them one by one takes ten times as long."""
    return " UNION ALL ".join(
        f"SELECT '{table}', {question} FROM \"{table}\" AS r WHERE tenant_id = %(tenant)s"
        for table in tables
    )
