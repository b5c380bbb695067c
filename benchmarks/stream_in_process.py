"""Called in a worker with Quintet's settings: people who listen, and somebody who speaks."""

import time
from threading import Thread
from typing import Any

from django.conf import settings
from django.db import connections

from apps.kernel.ids import uuid7
from apps.platform.models import Audience, GroupMember, RealtimeGroup
from apps.platform.operations import stream
from apps.platform.ports import tickets
from apps.tenancy import binding
from apps.tenancy.models import Account, Tenant
from apps.users.models import Profile, ProfileStatus, ProfileType
from benchmarks import quintet

_people: list[Any] = []
_groups: list[Any] = []
_told: dict[int, float] = {}
_speaker: list[Thread] = []


def prepare(*, people: int, groups: int) -> None:
    """Make people with accounts and profiles, each in one of the groups."""
    tenant = _tenant()
    _people[:] = [uuid7() for _ in range(people)]
    Account.objects.bulk_create(
        [Account(id=id_, email=f"{id_}@listeners.example", password="!") for id_ in _people]
    )
    with binding.bind(tenant, writes="users"):
        profiles = Profile.objects.bulk_create(
            [
                Profile(
                    profile_type=ProfileType.FAN,
                    keycloak_id=id_,
                    display_name="Listener",
                    status=ProfileStatus.ACTIVE,
                )
                for id_ in _people
            ]
        )
    with binding.bind(tenant, writes="platform"):
        made = RealtimeGroup.objects.bulk_create(
            [
                RealtimeGroup(group_type="CHAT", name=f"G{n}", created_by_id=profiles[0].id)
                for n in range(groups)
            ]
        )
        GroupMember.objects.bulk_create(
            [
                GroupMember(group=made[number % groups], user_id=profile.id)
                for number, profile in enumerate(profiles)
            ]
        )
    _groups[:] = [group.id for group in made]


def get_tickets(*, start: int, count: int) -> list[str]:
    """Return a ticket for each of some people."""
    tenant = _tenant()
    until = time.time() + 3_600
    return [
        tickets.issue(
            tenant_id=tenant.id,
            slug=tenant.slug,
            holder=tickets.Holder(id_, id_, settings.ISSUER_URL, until),
        )
        for id_ in _people[start : start + count]
    ]


def speak(*, seconds: float, per_second: int) -> None:
    """Begin to tell the groups in turn, evenly over time; `told` waits for the end."""
    _told.clear()
    thread = Thread(target=_speak, args=(seconds, per_second))
    _speaker[:] = [thread]
    thread.start()


def told() -> dict[int, float]:
    """Return when the transaction of each position had committed."""
    _speaker[0].join()
    return dict(_told)


def _speak(seconds: float, per_second: int) -> None:
    tenant = _tenant()
    begun = time.perf_counter()
    try:
        for number in range(int(seconds * per_second)):
            time.sleep(max(0.0, begun + number / per_second - time.perf_counter()))
            at: list[float] = []
            with binding.bind(tenant, writes="platform"):
                binding.on_commit(lambda at=at: at.append(time.time()))
                position = stream.tell(
                    kind="group_message.posted",
                    audience=Audience.GROUP,
                    audience_id=_groups[number % len(_groups)],
                    payload={"message_content": "Good evening, everybody. " * 8},
                )
            _told[position] = at[0]
    finally:
        connections.close_all()


def _tenant() -> Tenant:
    return Tenant.objects.get(slug=quintet.SLUG)
