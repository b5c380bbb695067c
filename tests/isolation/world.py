"""A tenant with one of everything that the API can name, each recognisable as the tenant's own."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db.models import Model
from django.utils import timezone
from rest_framework.test import APIClient

from apps.kernel.ids import uuid7
from apps.platform.models import IdempotencyKey as PlatformKey
from apps.platform.models import Tag, TagAssociation
from apps.tenancy.binding import bind
from apps.tenancy.models import Account, Invitation, Issuer, Role, Tenant
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
from tests.factories import CelebrityFactory, FanFactory, FollowFactory, GroupFactory
from tests.tenancy.people import host_of, token_of


@dataclass
class World:
    """A tenant's things by kind. `mark` is in every text of the tenant, and in nobody else's."""

    tenant: Tenant
    caller: Account
    mark: str
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def client(self) -> APIClient:
        """A client of the tenant's host for the caller, who owns the tenant.

        It is one client for all worlds, since a new one loads all middleware: use it before asking
        another world for its.
        """
        client = _client()
        client.defaults.update(HTTP_HOST=self._host, HTTP_AUTHORIZATION=f"Bearer {self._token}")
        return client

    @cached_property
    def _host(self) -> str:
        return host_of(self.tenant)

    @cached_property
    def _token(self) -> str:
        return token_of(self.caller, self.tenant)


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
    with bind(tenant, writes="users"):
        _build_profiles(world, at)
    _build_staff(world)
    return world


def _build_tags(world: World, at: Any) -> None:
    tag = Tag.objects.create(id=at("tag"), name=f"{world.mark} a", tag_type="TOPIC")
    other = Tag.objects.create(id=at("other_tag"), name=f"{world.mark} b", tag_type="TOPIC")
    TagAssociation.objects.create(id=at("association"), tag=tag, associated_tag=other)
    Tag.objects.create(id=at("free_tag"), name=f"{world.mark} c", tag_type="SKILL")
    PlatformKey.objects.create(
        id=at("platform_key_row"),
        actor_id=world.caller.id,
        key=f"{world.mark}-p",
        request_hash="0" * 64,
        status_code=201,
        reply=b"{}",
    )


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


def models_of_homes() -> Iterator[type[Model]]:
    """Yield every model whose rows live in homes."""
    labels = {label for alias in HOME_ALIASES for label in PLAN[alias].labels}
    for model in apps.get_models():
        if model._meta.app_label in labels and model._meta.managed and not model._meta.proxy:
            yield model


def contents(tenant: Tenant) -> dict[str, list[Any]]:
    """Every row a tenant has, to be compared with what it has later; also where the wall is down."""
    with bind(tenant):
        found = {
            model._meta.label: list(
                model._base_manager.filter(tenant_id=tenant.id).order_by("pk").values()
            )
            for model in models_of_homes()
        }
    for model in (Invitation, Issuer):
        found[model._meta.label] = list(model.objects.filter(tenant=tenant).order_by("pk").values())
    found["members"] = list(tenant.memberships.order_by("pk").values())
    return found
