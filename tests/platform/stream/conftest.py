"""A real stream server on this test's databases, and readers that speak to it over a socket."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from apps.platform.models import Audience, GroupMember, RealtimeGroup
from apps.platform.operations import stream
from apps.tenancy import binding
from apps.tenancy.models import Tenant
from apps.users.models import Profile
from tests.api import Caller, token_of
from tests.environment import ROOT
from tests.factories import FanFactory
from tests.journeys.conftest import free_port, wait_until_it_serves
from tests.platform.stream.reader import Reader

# Short, so that a test of what happens without wake-ups takes no minutes.
QUICK = {"QUINTET_STREAM_HEARTBEAT_SECONDS": "0.5", "QUINTET_STREAM_POLL_SECONDS": "0.5"}


@contextmanager
def serving(**environment: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Serve the stream for the length of a block; give port and process."""
    port = free_port()
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "granian"), "--interface", "asgi", "--host", "127.0.0.1",
         "--port", str(port), "--workers", "1", "--no-ws", "--loop", "asyncio",
         "--backpressure", "4000", "--log-level", "warning", "config.asgi:application"],
        cwd=ROOT, stdin=subprocess.DEVNULL,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **QUICK, **environment},
    )  # fmt: skip
    wait_until_it_serves(process, port=port)
    try:
        yield port, process
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            # That it ends by itself has a test of its own.
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def stream_port(django_db_setup: None) -> Iterator[int]:
    """The port of a running stream server."""
    with serving() as (port, _):
        yield port


@pytest.fixture
def listen(stream_port: int) -> Iterator[Callable[..., Reader]]:
    """Return a function that opens a stream of a tenant as a caller."""
    with ExitStack() as stack:

        def open_stream(
            tenant: Tenant, caller: Caller, *, last: object = None, port: int = 0, **kwargs: Any
        ) -> Reader:
            headers = {"Authorization": f"Bearer {token_of(tenant, caller)}"}
            if last is not None:
                headers["Last-Event-ID"] = str(last)
            return stack.enter_context(
                Reader(port or stream_port, host=host_of(tenant), headers=headers, **kwargs)
            )

        yield open_stream


def host_of(tenant: Tenant) -> str:
    return str(tenant.domains.get(is_primary=True).domain)


def person_in(tenant: Tenant) -> tuple[Caller, Profile]:
    """Somebody with an account and a profile."""
    caller = Caller()
    with binding.bind(tenant, writes="users"):
        return caller, FanFactory(keycloak_id=caller.id)


def group_of(tenant: Tenant, *profiles: Profile, joining: str = "OPEN") -> RealtimeGroup:
    """A group with members."""
    with binding.bind(tenant, writes="platform"):
        group = RealtimeGroup.objects.create(
            group_type="CHAT", name="Fans", created_by_id=profiles[0].id, joining=joining
        )
        for profile in profiles:
            GroupMember.objects.create(group=group, user_id=profile.id)
    return group


def tell(
    tenant: Tenant,
    text: str,
    *,
    group: RealtimeGroup | None = None,
    to: UUID | None = None,
    **more: Any,
) -> int:
    """Tell the stream something: a group, a profile, or everybody."""
    audience = Audience.GROUP if group else Audience.PERSON if to else Audience.EVERYBODY
    with binding.bind(tenant, writes="platform"):
        return stream.tell(
            kind="test.said",
            audience=audience,
            audience_id=group.id if group else to,
            payload={"text": text, **more},
        )
