"""What people do themselves: read, choose, verify a telephone, leave by a link; and being erased."""

import base64
import hmac
import json
import re
from hashlib import sha1

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.kernel.ids import uuid7
from apps.platform import operations
from apps.platform.models import (
    ContactPoint,
    Notification,
    NotificationPreference,
    QuietHours,
    Suppression,
)
from apps.platform.operations.notifications import contacts, send_due
from apps.tenancy.binding import bind
from tests.api import Caller, client_of, errors_of
from tests.platform.notifications.conftest import choose, rows
from tests.platform.notifications.test_making import tell

NUMBER = "+351912345678"


@pytest.fixture
def client(tenant, person):
    return client_of(tenant, Caller(id=person.account.id))


class TestReading:
    def test_shows_one_s_own_the_newest_first(self, tenant, person, make_person, client):
        other = make_person(tenant)
        for name in ("Ada", "Bob"):
            tell(tenant, person.fan, other.fan, name=name)
        choose(person, frequency="AT_ONCE")

        found = client.get("/api/v1/notifications").json()["results"]

        assert [row["subject"] for row in found] == ["Bob follows you", "Ada follows you"]
        assert {row["user_id"] for row in found} == {str(person.fan.id)}

    def test_marks_one_and_all(self, tenant, person, client):
        for _ in range(3):
            tell(tenant, person.fan)
        first = client.get("/api/v1/notifications").json()["results"][0]

        url = f"/api/v1/notifications/{first['id']}"
        assert client.patch(url, {"is_read": True}).json()["read_on"] is not None
        assert len(client.get("/api/v1/notifications?unread=true").json()["results"]) == 2
        assert client.post("/api/v1/notifications/read-all").json() == {"read": 2}
        assert client.get("/api/v1/notifications?unread=true").json()["results"] == []
        assert client.patch(url, {"is_read": False}).json()["read_on"] is None

    def test_does_not_show_or_mark_another_s(self, tenant, make_person, client):
        tell(tenant, make_person(tenant).fan)
        [row] = rows(tenant)

        url = f"/api/v1/notifications/{row.id}"
        assert client.get(url).status_code == 404
        assert client.patch(url, {"is_read": True}).status_code == 404
        assert client.post("/api/v1/notifications/read-all").json() == {"read": 0}
        assert rows(tenant)[0].status == "SENT"


class TestChoices:
    URL = "/api/v1/notification-preferences"

    def put(self, client, **choice):
        return client.put(self.URL, {"preferences": [choice]})

    def test_are_shown_and_changed(self, client):
        reply = self.put(client, topic="new_like", channel="EMAIL", frequency="WEEKLY")

        assert reply.status_code == 200, reply.content
        topics = {row["topic"]: row for row in reply.json()["preferences"]}
        said = {each["channel"]: each["frequency"] for each in topics["new_like"]["channels"]}
        assert said == {"EMAIL": "WEEKLY", "SMS": "NEVER", "PUSH": "NEVER", "IN_APP": "AT_ONCE"}
        assert "contact_code" not in topics

    @pytest.mark.parametrize(
        "choice",
        [
            {"topic": "nothing", "channel": "EMAIL", "frequency": "DAILY"},
            {"topic": "contact_code", "channel": "SMS", "frequency": "NEVER"},
            {"topic": "new_like", "channel": "SMS", "frequency": "DAILY"},
            {"topic": "account", "channel": "EMAIL", "frequency": "NEVER"},
        ],
    )
    def test_refuse_what_can_t_be_had(self, client, choice):
        response = self.put(client, **choice)

        assert response.status_code == 400
        assert errors_of(response) == {"preferences.0"}

    def test_of_quiet_hours(self, client):
        url = "/api/v1/quiet-hours"
        assert client.get(url).status_code == 404
        hours = {"starts": "22:00", "ends": "07:00", "time_zone": "Europe/Berlin"}

        assert client.put(url, hours).json()["starts"] == "22:00:00"
        assert client.put(url, {**hours, "ends": "08:00"}).json()["ends"] == "08:00:00"
        assert errors_of(client.put(url, {**hours, "time_zone": "../x"})) == {"time_zone"}
        assert errors_of(client.put(url, {**hours, "ends": "22:00"})) == {"ends"}
        assert client.delete(url).status_code == 204
        assert client.get(url).status_code == 404


class TestContactPoints:
    URL = "/api/v1/contact-points"

    @pytest.fixture
    def carried(self, settings, tmp_path):
        settings.SMS_CARRIER = "file"
        settings.CARRIED_FILE = str(tmp_path / "carried.jsonl")
        return tmp_path / "carried.jsonl"

    def code_in(self, carried):
        message = json.loads(carried.read_text().splitlines()[-1])
        assert message["to"] == NUMBER
        return re.search(r"\d{6}", message["body"])[0]

    def test_a_telephone_is_used_once_its_code_is_back(self, tenant, client, carried):
        made = client.post(f"{self.URL}/telephones", {"number": NUMBER})
        assert made.status_code == 201, made.content
        assert made.json()["verified_at"] is None
        send_due(tenant=tenant)
        url = f"{self.URL}/{made.json()['id']}/verify"
        code = self.code_in(carried)

        wrong = client.post(url, {"code": "000000" if code != "000000" else "000001"}).json()
        assert (wrong["verified_at"], wrong["code_attempts_left"]) == (None, 4)
        assert client.post(url, {"code": code}).json()["verified_at"] is not None
        [sent] = rows(tenant, topic="contact_code")
        assert sent.body == ""
        assert [row.topic for row in rows(tenant, channel="IN_APP")] == ["account"]

    def test_a_code_can_be_guessed_a_few_times_only(self, tenant, client, carried):
        made = client.post(f"{self.URL}/telephones", {"number": NUMBER}).json()
        send_due(tenant=tenant)
        url, code = f"{self.URL}/{made['id']}/verify", self.code_in(carried)
        for _ in range(contacts.CODE_ATTEMPTS):
            client.post(url, {"code": "x"})

        assert client.post(url, {"code": code}).json()["verified_at"] is None

    def test_a_code_ends(self, tenant, client, carried):
        made = client.post(f"{self.URL}/telephones", {"number": NUMBER}).json()
        send_due(tenant=tenant)
        with bind(tenant, writes="platform"):
            ContactPoint.objects.update(code_expires_at=timezone.now())

        reply = client.post(f"{self.URL}/{made['id']}/verify", {"code": self.code_in(carried)})

        assert reply.json()["verified_at"] is None

    def test_codes_are_not_sent_again_and_again(self, client):
        made = client.post(f"{self.URL}/telephones", {"number": NUMBER}).json()

        assert client.post(f"{self.URL}/{made['id']}/code").status_code == 409

    def test_a_browser_is_taken_with_its_keys(self, client):
        body = {"endpoint": "https://push.example/1", "keys": {"p256dh": "AA", "auth": "AA"}}
        assert errors_of(client.post(f"{self.URL}/browsers", body)) == {"endpoint"}
        key = client.get(f"{self.URL}/browsers").json()["public_key"]
        body["keys"] = {"p256dh": key, "auth": "A" * 22}

        first, again = (client.post(f"{self.URL}/browsers", body) for _ in range(2))

        assert first.status_code == 201, first.content
        assert first.json()["id"] == again.json()["id"]
        inside = client.post(f"{self.URL}/browsers", {**body, "endpoint": "https://10.0.0.1/x"})
        assert inside.status_code == 400

    def test_are_one_s_own(self, tenant, make_person, client):
        other = make_person(tenant)
        with bind(tenant, writes="platform"):
            point = ContactPoint.objects.create(user_id=other.fan.id, channel="SMS", address=NUMBER)
        url = f"{self.URL}/{point.id}"

        assert client.get(self.URL).json()["results"] == []
        replies = [
            client.get(url),
            client.delete(url),
            client.post(f"{url}/code"),
            client.post(f"{url}/verify", {"code": "123456"}),
        ]
        assert {reply.status_code for reply in replies} == {404}


class TestUnsubscribing:
    @pytest.fixture
    def link(self, tenant, person, mailbox):
        choose(person, frequency="AT_ONCE")
        tell(tenant, person.fan)
        send_due(tenant=tenant)
        return "/" + mailbox.messages[0]["List-Unsubscribe"].strip("<>").split("/", 3)[3]

    def browser_of(self, tenant):
        return APIClient(HTTP_HOST=tenant.domains.get(is_primary=True).domain)

    def wanted(self, tenant):
        with bind(tenant):
            return NotificationPreference.objects.get().frequency

    def test_takes_one_click_and_no_sign_in(self, tenant, link):
        response = self.browser_of(tenant).post(
            link, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        )

        assert response.status_code == 200
        assert self.wanted(tenant) == "NEVER"

    def test_is_not_done_by_looking(self, tenant, link):
        assert b"<form" in self.browser_of(tenant).get(link).content
        assert self.wanted(tenant) == "AT_ONCE"

    def test_takes_no_link_that_was_changed_or_is_another_tenant_s(self, tenant, rival, link):
        assert self.browser_of(tenant).post(link[:-1]).status_code == 404
        assert self.browser_of(rival).post(link).status_code == 404
        assert self.wanted(tenant) == "AT_ONCE"


class TestReports:
    def post_bounce(self, *, tenant_id, row, email, secret="reports:the-tests-own", kind="Bounce"):
        body = {
            "RecordType": kind,
            "Type": "HardBounce",
            "TypeCode": 1,
            "Email": email,
            "MessageID": "x",
            "Metadata": {"tenant": str(tenant_id), "notification": str(row.id)},
        }
        login = base64.b64encode(secret.encode()).decode()
        return APIClient(HTTP_HOST="quintet.test").post(
            "/reports/email/postmark/tracking/", body, HTTP_AUTHORIZATION=f"Basic {login}"
        )

    @pytest.fixture
    def sent(self, tenant, person, mailbox):
        choose(person, frequency="AT_ONCE")
        tell(tenant, person.fan)
        send_due(tenant=tenant)
        return rows(tenant, channel="EMAIL")[0]

    def suppressed(self, tenant):
        with bind(tenant):
            return list(Suppression.objects.values_list("reason", flat=True))

    def test_a_bounce_ends_the_address(self, tenant, rival, person, sent):
        reply = self.post_bounce(tenant_id=tenant.id, row=sent, email=person.email)

        assert reply.status_code == 200, reply.content
        assert self.suppressed(tenant) == ["BOUNCED"]
        assert self.suppressed(rival) == []
        assert rows(tenant, channel="EMAIL")[0].status == "FAILED"

    def test_one_without_the_secret_is_refused(self, tenant, person, sent):
        reply = self.post_bounce(
            tenant_id=tenant.id, row=sent, email=person.email, secret="reports:wrong"
        )

        assert reply.status_code == 400
        assert self.suppressed(tenant) == []

    @pytest.mark.parametrize(("token", "status"), [("secret", 204), ("forged", 403)])
    def test_twilio_signs_its_own(self, tenant, settings, token, status):
        settings.TWILIO_TOKEN = "secret"
        settings.TWILIO_REPORTS_URL = "https://quintet.test/reports/twilio"
        form = {"MessageStatus": "undelivered", "ErrorCode": "30005", "To": NUMBER}
        path = f"/reports/twilio/{tenant.id}"
        signed = f"https://quintet.test{path}" + "".join(k + form[k] for k in sorted(form))
        signature = base64.b64encode(hmac.digest(token.encode(), signed.encode(), sha1)).decode()

        reply = APIClient(HTTP_HOST="quintet.test").post(
            path,
            "&".join(f"{k}={v.replace('+', '%2B')}" for k, v in form.items()),
            content_type="application/x-www-form-urlencoded",
            HTTP_X_TWILIO_SIGNATURE=signature,
        )

        assert reply.status_code == status
        assert self.suppressed(tenant) == (["REFUSED"] if status == 204 else [])

    def test_an_admin_lets_an_address_be_sent_to_again(self, tenant, person, sent):
        self.post_bounce(tenant_id=tenant.id, row=sent, email=person.email)
        admin = client_of(tenant, Caller(role="admin"))
        [row] = admin.get("/api/v1/suppressions").json()["results"]

        assert (
            client_of(tenant, Caller(role="editor")).get("/api/v1/suppressions").status_code == 403
        )
        assert admin.delete(f"/api/v1/suppressions/{row['id']}").status_code == 204
        assert self.suppressed(tenant) == []


class TestErasure:
    def test_leaves_nothing_of_the_person(self, tenant, person, make_person):
        other = make_person(tenant)
        choose(person, frequency="AT_ONCE")
        tell(tenant, person.fan, other.fan)
        with bind(tenant, writes="platform"):
            ContactPoint.objects.create(user_id=person.fan.id, channel="SMS", address=NUMBER)
            QuietHours.objects.create(user_id=person.fan.id, starts="22:00", ends="07:00")
            about = Notification.objects.create(
                user_id=other.fan.id,
                template_key="new_follower",
                topic="new_follower",
                channel="IN_APP",
                body="They follow you",
                meta_data={"follower_id": str(person.fan.id)},
                cause_id=uuid7(),
            )

        with bind(tenant, writes="platform"):
            removed = operations.erase_person(
                keycloak_id=person.account.id, erased_at=timezone.now()
            )

        assert removed["notifications"] == 3
        left = rows(tenant)
        assert {row.user_id for row in left} == {other.fan.id}
        assert about.id not in {row.id for row in left}
        with bind(tenant):
            for model in (ContactPoint, QuietHours, NotificationPreference):
                assert not model.objects.exists()
