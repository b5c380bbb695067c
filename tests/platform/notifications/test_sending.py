"""Sending: to a real mail server and real HTTP servers, through outages, refusals and deaths."""

import base64
import json
import os
from datetime import timedelta
from urllib.parse import parse_qs

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.utils import timezone

from apps.platform.models import ContactPoint, Notification, QuietHours, Suppression
from apps.platform.operations.notifications import send_due, sending
from apps.platform.operations.notifications.recipients import address_hash
from apps.platform.ports import push
from apps.tenancy.binding import bind
from tests.platform.notifications.conftest import choose, rows
from tests.platform.notifications.test_making import tell


def make_due(tenant):
    """Have waiting for the next attempt end now."""
    with bind(tenant, writes="platform"):
        Notification.objects.filter(status="PENDING").update(due_at=timezone.now())


def email_to(person, **kwargs):
    """Make an email that waits; return it."""
    choose(person, frequency="AT_ONCE")
    tell(person.tenant, person.fan, **kwargs)
    return rows(person.tenant, channel="EMAIL")[-1]


class TestEmail:
    def test_goes_to_the_account_s_address(self, person, mailbox):
        row = email_to(person)

        assert send_due(tenant=person.tenant) == 1

        [message] = mailbox.messages
        assert message["To"] == person.email
        assert message["From"].startswith(f"{person.tenant.name} <")
        assert message["Subject"] == "Ada follows you"
        assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        [sent] = rows(person.tenant, channel="EMAIL")
        assert (sent.status, sent.attempts) == ("SENT", 1)
        assert sent.provider_message_id == message["Message-ID"]
        assert str(row.id) in message["Message-ID"]
        assert send_due(tenant=person.tenant) == 0

    def test_has_an_html_part_in_which_nothing_is_markup(self, person, mailbox):
        email_to(person, name="<script>alert(1)</script>")

        send_due(tenant=person.tenant)

        html = mailbox.messages[0].get_body(("html",)).get_content()
        assert "<script>" not in html
        assert "&lt;script&gt;" in html

    def test_waits_while_the_server_is_down_and_is_sent_afterwards(self, person, mailbox, settings):
        port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
        email_to(person)
        for _ in range(3):
            send_due(tenant=person.tenant)
            [waiting] = rows(person.tenant, channel="EMAIL")
            assert waiting.status == "PENDING" and waiting.due_at > timezone.now()
            assert waiting.last_error == "ConnectionRefusedError"
            make_due(person.tenant)

        settings.EMAIL_PORT = port
        send_due(tenant=person.tenant)

        assert len(mailbox.messages) == 1
        assert rows(person.tenant, channel="EMAIL")[0].status == "SENT"

    def test_is_given_up_after_so_many_attempts(self, person, mailbox, monkeypatch):
        monkeypatch.setattr(sending, "ATTEMPTS", 2)
        mailbox.refuses = "451 try again later"
        email_to(person)

        for _ in range(2):
            send_due(tenant=person.tenant)
            make_due(person.tenant)

        assert rows(person.tenant, channel="EMAIL")[0].status == "FAILED"
        with bind(person.tenant):
            assert not Suppression.objects.exists()

    def test_a_refused_address_gets_nothing_more(self, person, mailbox):
        mailbox.unknown.add(person.email)
        email_to(person)
        send_due(tenant=person.tenant)
        [failed] = rows(person.tenant, channel="EMAIL")
        assert (failed.status, failed.attempts) == ("FAILED", 1)
        assert person.email not in failed.last_error
        mailbox.unknown.clear()

        tell(person.tenant, person.fan)
        send_due(tenant=person.tenant)

        assert mailbox.messages == []
        assert rows(person.tenant, channel="EMAIL")[-1].last_error == sending.SUPPRESSED
        with bind(person.tenant):
            [row] = Suppression.objects.all()
        assert row.reason == "REFUSED" and person.email not in row.address_hash

    def test_a_suppression_holds_in_its_tenant_alone(self, tenant, rival, make_person, mailbox):
        from tests.factories import FanFactory

        person = make_person(tenant)
        with bind(rival, writes="users"):
            elsewhere = type(person)(
                rival, person.account, FanFactory(keycloak_id=person.account.id)
            )
        mailbox.unknown.add(person.email)
        email_to(person)
        send_due(tenant=tenant)
        mailbox.unknown.clear()

        email_to(elsewhere)
        send_due(tenant=rival)

        assert len(mailbox.messages) == 1
        hashes = set()
        for each in (tenant, rival):
            with bind(each):
                hashes.add(address_hash(channel="EMAIL", address=person.email))
        assert len(hashes) == 2

    def test_a_sender_that_dies_in_between_has_it_repeated_under_the_same_id(
        self, person, mailbox, monkeypatch
    ):
        email_to(person)

        def die(*args, **kwargs):
            raise SystemExit

        with monkeypatch.context() as patched:
            patched.setattr(sending, "settle", die)
            with pytest.raises(SystemExit):
                send_due(tenant=person.tenant)
        # The lease holds.
        assert send_due(tenant=person.tenant) == 0
        make_due(person.tenant)
        send_due(tenant=person.tenant)

        first, second = mailbox.messages
        assert first["Message-ID"] == second["Message-ID"]
        assert rows(person.tenant, channel="EMAIL")[0].status == "SENT"

    def test_what_another_has_leased_since_is_not_noted(self, person, mailbox):
        email_to(person)
        [leased] = sending._lease(person.tenant)
        make_due(person.tenant)
        sending._lease(person.tenant)

        sending.settle(leased, [(leased.parcel.places[0], OUT)], tenant=person.tenant)

        assert rows(person.tenant, channel="EMAIL")[0].status == "PENDING"

    def test_two_senders_take_different_ones(self, tenant, make_person, mailbox):
        email_to(make_person(tenant))
        first = sending._lease(tenant)

        assert sending._lease(tenant) is None
        assert len(first) == 1

    def test_one_tenant_s_sender_leaves_another_s_alone(self, tenant, rival, make_person, mailbox):
        email_to(make_person(tenant))
        email_to(make_person(rival))

        assert send_due(tenant=tenant) == 1

        assert rows(rival, channel="EMAIL")[0].status == "PENDING"


OUT = push.Outcome(message_id="late")


class TestQuietHours:
    def test_put_off_what_can_wait(self, person, mailbox):
        now = timezone.now()
        with bind(person.tenant, writes="platform"):
            QuietHours.objects.create(
                user_id=person.fan.id,
                starts=(now - timedelta(hours=1)).time(),
                ends=(now + timedelta(hours=1)).time(),
            )
        email_to(person)

        assert send_due(tenant=person.tenant) == 0

        [row] = rows(person.tenant, channel="EMAIL")
        assert mailbox.messages == []
        assert abs(row.due_at - now - timedelta(hours=1)) < timedelta(minutes=1)
        assert row.attempts == 0

    def test_put_off_a_topic_that_code_has_dropped_since(self, person, mailbox):
        self.test_put_off_what_can_wait(person, mailbox)
        with bind(person.tenant, writes="platform"):
            Notification.objects.filter(channel="EMAIL").update(topic="dropped")
        make_due(person.tenant)

        assert send_due(tenant=person.tenant) == 0

    def test_do_not_put_off_what_is_urgent(self, person, mailbox):
        with bind(person.tenant, writes="platform"):
            now = timezone.now()
            QuietHours.objects.create(
                user_id=person.fan.id,
                starts=(now - timedelta(hours=1)).time(),
                ends=(now + timedelta(hours=1)).time(),
            )
        choose(person, frequency="AT_ONCE", topic="account")
        tell(person.tenant, person.fan, topic="account")

        send_due(tenant=person.tenant)

        assert len(mailbox.messages) == 1


class TestTextMessages:
    @pytest.fixture
    def twilio(self, settings, receiver):
        settings.SMS_CARRIER = "twilio"
        settings.TWILIO_ACCOUNT, settings.TWILIO_TOKEN = "AC1", "secret"
        settings.TWILIO_SENDER, settings.TWILIO_URL = "+15550001111", receiver.url
        settings.TWILIO_REPORTS_URL = "https://quintet.test/reports/twilio"
        return receiver

    @pytest.fixture
    def phone(self, person):
        choose(person, frequency="AT_ONCE", channel="SMS")
        with bind(person.tenant, writes="platform"):
            ContactPoint.objects.create(
                user_id=person.fan.id,
                channel="SMS",
                address="+351912345678",
                verified_at=timezone.now(),
            )
        tell(person.tenant, person.fan)

    def test_go_to_twilio(self, person, phone, twilio):
        send_due(tenant=person.tenant)

        [(path, headers, body)] = twilio.requests
        assert path == "/2010-04-01/Accounts/AC1/Messages.json"
        assert base64.b64decode(headers["Authorization"].split()[1]) == b"AC1:secret"
        form = parse_qs(body.decode())
        assert form["To"] == ["+351912345678"] and form["From"] == ["+15550001111"]
        assert form["StatusCallback"][0].endswith(f"/{person.tenant.id}")
        [row] = rows(person.tenant, channel="SMS")
        assert (row.status, row.provider_message_id) == ("SENT", "SM1")

    def test_are_tried_again_when_twilio_is_busy(self, person, phone, twilio):
        twilio.status, twilio.answer = 429, b'{"code": 20429}'

        send_due(tenant=person.tenant)

        [row] = rows(person.tenant, channel="SMS")
        assert row.status == "PENDING" and "429" in row.last_error

    def test_a_number_that_said_stop_gets_nothing_more(self, person, phone, twilio):
        twilio.status, twilio.answer = 400, b'{"code": 21610}'

        send_due(tenant=person.tenant)

        assert rows(person.tenant, channel="SMS")[0].status == "FAILED"
        with bind(person.tenant):
            assert Suppression.objects.get().channel == "SMS"


class TestPushes:
    @pytest.fixture
    def browser(self, person, receiver, settings):
        settings.PUSH_CARRIER = "webpush"
        settings.WEBHOOKS_ALLOW_HTTP = settings.WEBHOOKS_ALLOW_PRIVATE = True
        key, auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        choose(person, frequency="AT_ONCE", channel="PUSH")
        with bind(person.tenant, writes="platform"):
            ContactPoint.objects.create(
                user_id=person.fan.id,
                channel="PUSH",
                address=f"{receiver.url}/push/1",
                push_keys={"p256dh": encoded(point), "auth": encoded(auth)},
                verified_at=timezone.now(),
            )
        tell(person.tenant, person.fan)
        return key, auth

    def test_are_read_by_the_browser_alone(self, person, browser, receiver):
        key, auth = browser

        send_due(tenant=person.tenant)

        [(path, headers, body)] = receiver.requests
        assert path == "/push/1" and headers["Content-Encoding"] == "aes128gcm"
        read = http_ece.decrypt(body, private_key=key, auth_secret=auth, version="aes128gcm")
        assert json.loads(read)["title"] == "Ada follows you"
        assert rows(person.tenant, channel="PUSH")[0].status == "SENT"

    def test_are_signed_for_the_push_service(self, person, browser, receiver):
        send_due(tenant=person.tenant)

        scheme, token, key = receiver.requests[0][1]["Authorization"].replace(",", "").split()
        assert scheme == "vapid" and key == f"k={push.public_key()}"
        public = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), base64.urlsafe_b64decode(push.public_key() + "=")
        )
        claims = jwt.decode(
            token.removeprefix("t="), public, algorithms=["ES256"], audience=receiver.url
        )
        assert claims["sub"].startswith("mailto:")

    @pytest.mark.parametrize(("status", "is_left"), [(410, False), (404, False), (503, True)])
    def test_a_browser_that_is_gone_is_forgotten(self, person, browser, receiver, status, is_left):
        receiver.status = status

        send_due(tenant=person.tenant)

        with bind(person.tenant):
            assert ContactPoint.objects.exists() is is_left
        assert rows(person.tenant, channel="PUSH")[0].status == ("PENDING" if is_left else "FAILED")


def encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
