"""People to tell, and real servers that take what is sent to them."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from apps.kernel.ids import uuid7
from apps.platform.models import Notification
from apps.platform.operations import notifications
from apps.tenancy.binding import bind
from apps.tenancy.operations import members
from apps.users.models import Preferences
from tests.factories import FanFactory


@dataclass
class Somebody:
    """A person with an account and a fan profile in a tenant."""

    tenant: Any
    account: Any
    fan: Any

    @property
    def email(self) -> str:
        return str(self.account.email)


@pytest.fixture
def make_person():
    def make(tenant, *, locale="en", time_zone="UTC"):
        account = members.create_account(email=f"p{uuid7().hex}@people.example", is_confirmed=True)
        with bind(tenant, writes="users"):
            fan = FanFactory(keycloak_id=account.id)
            Preferences.objects.create(profile=fan, locale=locale, time_zone=time_zone)
        return Somebody(tenant, account, fan)

    return make


@pytest.fixture
def person(make_person, tenant):
    return make_person(tenant)


def choose(person, *, frequency, channel="EMAIL", topic="new_follower"):
    """Have a person want a topic by a channel."""
    with bind(person.tenant, writes="platform"):
        notifications.set_preferences(
            settings_id=person.fan.id,
            choices=[{"topic": topic, "channel": channel, "frequency": frequency}],
            set_at=person.fan.created_on,
        )


def rows(tenant, **filters):
    """The tenant's notifications, the oldest first."""
    with bind(tenant):
        return list(Notification.objects.filter(**filters).order_by("id"))


class Mailbox:
    """What an SMTP server was sent. It refuses while `refuses` holds a reply, and some recipients for ever."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.refuses = ""
        self.unknown: set[str] = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.unknown:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.refuses:
            return self.refuses
        message = message_from_bytes(envelope.content, policy=policy.default)
        self.messages.append(message)
        return "250 taken"


@pytest.fixture
def mailbox(settings) -> Iterator[Mailbox]:
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=60)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    yield box
    controller.stop()


@dataclass
class Receiver:
    """What an HTTP server was sent, and what it answers."""

    url: str = ""
    status: int = 201
    answer: bytes = b'{"sid": "SM1"}'
    requests: list[tuple[str, Any, bytes]] = field(default_factory=list)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append((self.path, self.headers, body))
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(state.answer)))
            self.end_headers()
            self.wfile.write(state.answer)

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
