"""Erasing a person leaves nothing of them in any database or cache, and the log still verifies."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from apps.audit import logs, verification
from apps.audit.models import AuditEntry, AuditSalt
from apps.audit.operations.sealing import seal_log
from apps.kernel.ids import uuid7
from apps.tenancy import binding, erasure
from apps.tenancy.models import Account, Invitation, Membership, Role, Tenant
from apps.tenancy.models.account import external_account_id
from apps.tenancy.models.audited import PLATFORM_ID
from apps.tenancy.operations import members
from apps.tenancy.platform import Platform
from apps.users.models import Profile
from tests.api import Caller, client_of, signed_in
from tests.audit.conftest import SEAL_KEY, no_tenants
from tests.audit.forgery import settle
from tests.audit.traces import EMAIL, FIRST, LAST, copy_of, dump_of, traces_anywhere, traces_in
from tests.commerce import shop
from tests.factories import CelebrityFactory
from tests.tenancy.people import PASSWORD, client_with, forget_everything, host_of

APP = "/_allauth/app/v1"


@pytest.fixture(autouse=True)
def forgetting():
    forget_everything()


def erase(who: object, *options: str) -> dict:
    out = StringIO()
    call_command("erase_person", str(who), *options, "--format", "json", stdout=out, stderr=out)
    return json.loads(out.getvalue()[out.getvalue().index("{") :])


def removed_from(certificate: dict, *, tenant: str, database: str) -> dict[str, int]:
    return {
        line["table"]: line["rows"]
        for line in certificate["removed"]
        if (line["tenant"], line["database"]) == (tenant, database)
    }


def sign_up(tenant) -> tuple[UUID, Client]:
    """Make the person's account through the issuer's own addresses, and confirm their address."""
    app = Client(HTTP_HOST=host_of(tenant))
    body = {"email": EMAIL, "password": PASSWORD}
    signed = app.post(f"{APP}/auth/signup", body, content_type="application/json")
    assert signed.status_code == 200, signed.content
    link = re.search(r"https?://\S+", mail.outbox[-1].body)
    Client(HTTP_HOST=host_of(tenant)).post(urlsplit(link.group()).path)
    again = app.post(f"{APP}/auth/login", body, content_type="application/json")
    meta = again.json()["meta"]
    return UUID(again.json()["data"]["user"]["id"]), client_with(tenant, meta["access_token"])


def act(tenant, person, star_to_follow) -> None:
    """Have the person do what people do."""
    full = f"{FIRST} {LAST}"
    done = [
        person.post("/api/v1/me", {"display_name": full}),
        person.patch(
            "/api/v1/me",
            {"first_name": FIRST, "last_name": LAST, "preferences": {"locale": "de"}},
            format="json",
        ),
        person.post(
            "/api/v1/me/celebrity",
            {"display_name": full, "bio": f"I am {FIRST}.", "meta_data": {"contact": EMAIL}},
            format="json",
            HTTP_IDEMPOTENCY_KEY="become",
        ),
        person.put(f"/api/v1/profiles/{star_to_follow.id}/follow", {}, format="json"),
        person.put(f"/api/v1/blocks/{star_to_follow.id}"),
        person.post(
            "/api/v1/referral-codes",
            {"code": FIRST.upper() + "10", "note": f"{FIRST}'s"},
            format="json",
            HTTP_IDEMPOTENCY_KEY="code",
        ),
    ]
    star = person.get("/api/v1/me").json()["celebrity"]["id"]
    url = f"/api/v1/profiles/{star}"
    image = {"image_type": "PROFILE", "url": f"https://img.example/{FIRST}.jpg"}
    offer = {"price": 100, "currency": "EUR", "description": f"{full} calls you"}
    done += [
        person.put(f"{url}/images", {"images": [image]}, format="json"),
        person.post(f"{url}/short-links", {"slug": f"{FIRST.lower()}-q"}, format="json"),
        person.put(f"{url}/offers/CAMEO", offer, format="json"),
        person.put(f"{url}/privacy", {"bio": "private"}, format="json"),
        person.patch(url, {"title": f"Dr. {LAST}"}, format="json"),
    ]
    refused = [reply.content for reply in done if reply.status_code // 100 != 2]
    assert refused == []


def buy(tenant, person, seller) -> None:
    """Have the person buy something for somebody, and leave something in a cart."""
    item = shop.make_item(tenant, seller, price=0)
    line = {"item_id": str(item.id), "metadata": {"dedication": f"For {FIRST}"}}
    done = []
    for _ in range(2):
        cart = person.post("/api/v1/carts", {"currency": "USD"}).json()["id"]
        url = f"/api/v1/carts/{cart}"
        done += [
            person.post(f"{url}/lines", line, format="json", HTTP_IDEMPOTENCY_KEY=f"line {cart}"),
            person.patch(url, {"metadata": {"note": f"{FIRST} {LAST}"}}, format="json"),
        ]
        if len(done) == 2:
            recipient = {"first_name": FIRST, "last_name": LAST, "email": EMAIL}
            body = {"cart_id": cart, "provider": "wallet", "recipients": [recipient]}
            bought = person.post(
                "/api/v1/purchases", body, format="json", HTTP_IDEMPOTENCY_KEY="buy"
            )
            shown = person.get(f"/api/v1/purchases/{cart}/recipients").json()["results"]
            assert shown[0]["email"] == EMAIL
            done.append(bought)
    assert [reply.content for reply in done if reply.status_code // 100 != 2] == []


def be_looked_at(tenant) -> None:
    """Have staff look, by API and in the admin, and keep a reply that shows the person."""
    as_editor = client_of(tenant, Caller(name="Edith", role="editor"))
    shown = as_editor.get("/api/v1/profiles?keycloak_id=&search=Ylvandra").json()["results"]
    assert any(row["first_name"] == FIRST for row in shown)
    for row in shown:
        as_editor.get(f"/api/v1/profiles/{row['id']}")
    as_editor.get("/api/v1/referral-codes")
    assert EMAIL in as_editor.get("/api/v1/members").content.decode()
    staff = signed_in(tenant, "admin")
    assert FIRST in staff.get("/admin/users/profile/").content.decode()


def join_staff(tenant, person, owner: Caller) -> None:
    """Have the person invited and accept, and invited once more elsewhere."""
    invite = client_of(tenant, owner)
    made = invite.post("/api/v1/invitations", {"email": EMAIL, "role": "editor"})
    assert made.status_code == 201, made.content
    token = re.search(r"^([\w-]{30,})$", mail.outbox[-1].body, re.MULTILINE).group(1)
    accepted = person.post("/api/v1/invitations/accept", {"token": token})
    assert accepted.status_code == 200, accepted.content
    forget_everything()
    tag = person.post(
        "/api/v1/tags?expand=created_by",
        {"name": "Something", "tag_type": "TOPIC"},
        format="json",
        HTTP_IDEMPOTENCY_KEY="tag",
    )
    assert tag.json()["created_by"]["display_name"] == f"{FIRST} {LAST}"


def seal_and_verify(*tenants) -> None:
    settle()
    for owner in (*tenants, Platform()):
        for log in logs.logs_of(owner):
            seal_log(log=log, sealed_at=timezone.now())
            report = verification.verify_log(log=log)
            assert (report.fault_count, report.faults) == (0, []), log


@pytest.fixture
def owner(tenant) -> Caller:
    owner = Caller(name="Olga Owner", role="owner")
    client_of(tenant, owner)
    return owner


def make_person(tenant, rival, owner: Caller) -> UUID:
    """Have somebody do everything in one tenant, and be known in another."""
    with binding.bind(tenant, writes="users"):
        star = CelebrityFactory()
    person_id, person = sign_up(tenant)
    Account.objects.filter(id=person_id).update(name=f"{FIRST} {LAST}")
    act(tenant, person, star)
    buy(tenant, person, star)
    join_staff(tenant, person, owner)
    be_looked_at(tenant)
    there = Caller(id=person_id)
    assert client_of(rival, there).post("/api/v1/me", {"display_name": LAST}).status_code == 201
    elsewhere = client_of(rival, Caller(role="owner"))
    elsewhere.post("/api/v1/invitations", {"email": EMAIL, "role": "admin"})
    mail.outbox.clear()
    return person_id


@pytest.fixture
def person_id(nobody_else, tenant, rival, owner) -> UUID:
    """Somebody who has done everything in one tenant, and is known in another."""
    person_id = make_person(tenant, rival, owner)
    yield person_id
    if Account.objects.filter(id=person_id).exists():
        # The next test makes the same person again.
        erase(person_id)


@dataclass(frozen=True, kw_only=True)
class Erased:
    """Somebody who was erased, and what was noted on the way."""

    tenant: Tenant
    rival: Tenant
    owner: Caller
    person_id: UUID
    others: set[UUID]
    token_holder: APIClient
    rehearsal: dict
    is_active_after_rehearsal: bool
    before: dict[str, set[bytes]]
    copied_before: set[bytes]
    certificate: dict
    after: dict[str, set[bytes]]


def new_tenant() -> Tenant:
    slug = f"erased-{uuid4().hex[:12]}"
    call_command("create_tenant", slug, stdout=StringIO())
    return Tenant.objects.get(slug=slug)


@pytest.fixture(scope="class")
def erased() -> Iterator[Erased]:
    """Somebody who had done everything, was to be erased on a dry run, and was erased."""
    forget_everything()
    with no_tenants(), override_settings(SEAL_KEYS=[SEAL_KEY], SEAL_PUBLIC_KEYS=[]):
        tenant, rival = new_tenant(), new_tenant()
        owner = Caller(name="Olga Owner", role="owner")
        client_of(tenant, owner)
        person_id = make_person(tenant, rival, owner)
        with binding.bind(tenant):
            others = Profile.objects.exclude(keycloak_id=person_id).values_list("id", flat=True)
            noted = {"others": set(others)}
        noted["token_holder"] = client_of(tenant, Caller(id=person_id))
        assert noted["token_holder"].get("/api/v1/me").status_code == 200
        noted["rehearsal"] = erase(EMAIL, "--dry-run")
        noted["is_active_after_rehearsal"] = Account.objects.get(id=person_id).is_active
        noted["before"] = traces_anywhere()
        noted["copied_before"] = traces_in(copy_of(settings.DATABASES["users"]["NAME"]))
        seal_and_verify(tenant, rival)
        noted["certificate"] = erase(EMAIL)
        noted["after"] = traces_anywhere()
        yield Erased(tenant=tenant, rival=rival, owner=owner, person_id=person_id, **noted)


class TestErasedPerson:
    def test_has_left_nothing_anywhere_and_a_log_that_verifies(self, erased):
        # The search would find them: they were everywhere.
        assert {"default", "users", "platform", "sessions"} <= set(erased.before)
        assert EMAIL.encode() in erased.before["default"]
        assert FIRST.encode() in erased.before["users"]
        assert FIRST.encode() in erased.before["commerce"]
        assert EMAIL.encode() in erased.before["sessions"]
        assert FIRST.encode() in erased.copied_before

        assert erased.after == {}

        seal_and_verify(erased.tenant, erased.rival)

    def test_has_a_certificate_of_what_was_removed(self, erased):
        tenant, rival, certificate = erased.tenant, erased.rival, erased.certificate
        assert certificate["person_id"] == str(erased.person_id)
        assert traces_in(json.dumps(certificate).encode()) == set()
        here = removed_from(certificate, tenant=tenant.slug, database="users")
        assert here["profiles"] == 2
        assert here["audit_salts"] == 2
        assert here["idempotency_keys"] == 2
        sold = removed_from(certificate, tenant=tenant.slug, database="commerce")
        assert sold["checkout_purchase_recipients"] == 1
        assert removed_from(certificate, tenant=rival.slug, database="users")["profiles"] == 1
        control = removed_from(certificate, tenant="", database="default")
        assert control["tenancy_account"] == 1
        assert control["account_emailaddress"] == 1
        assert control["django_session"] >= 1
        assert control["audit_salts"] == 3
        assert removed_from(certificate, tenant=tenant.slug, database="default") == {
            "tenancy_membership": 1,
            "tenancy_invitation": 1,
        }

    def test_was_there_after_a_dry_run_that_said_the_same(self, erased):
        assert erased.rehearsal["is_dry_run"]
        assert erased.is_active_after_rehearsal
        assert FIRST.encode() in erased.before["users"]
        assert erased.certificate["removed"] == erased.rehearsal["removed"]

    def test_is_kept_by_id_as_who_did_what(self, erased):
        with binding.bind(erased.tenant):
            own = AuditEntry.objects.using("users").filter(actor_id=str(erased.person_id))
            assert own.count() > 5
            gone = Profile.objects.filter(erased_at__isnull=False)
            assert gone.count() == 2
            assert not AuditSalt.objects.using("users").filter(id__in=gone.values("id")).exists()

    def test_is_refused_with_their_token_and_their_password(self, erased):
        assert erased.token_holder.get("/api/v1/me").status_code == 401
        login = Client(HTTP_HOST=host_of(erased.tenant)).post(
            f"{APP}/auth/login",
            {"email": EMAIL, "password": PASSWORD},
            content_type="application/json",
        )
        assert login.status_code == 400

    def test_may_be_erased_again_by_id_and_nothing_is_found(self, erased):
        assert erase(erased.person_id)["removed"] == []
        with pytest.raises(CommandError, match="No account and no invitation"):
            erase(EMAIL)

    def test_leaves_the_salts_of_others(self, erased):
        with binding.bind(erased.tenant):
            salted = set(AuditSalt.objects.using("users").values_list("id", flat=True))
        assert erased.others
        assert salted == erased.others
        platform = AuditSalt.objects.using("default").filter(tenant_id=PLATFORM_ID)
        assert platform.filter(id=erased.owner.id).exists()


@pytest.mark.usefixtures("nobody_else")
class TestErasePerson:
    def test_finishes_after_a_crash_between_two_contexts(self, tenant, person_id, monkeypatch):
        register = dict(erasure._erasers)
        broken = erasure.Eraser(context="vault", order=99, erase=lambda **_: 1 / 0)
        monkeypatch.setattr(erasure, "_erasers", {**register, "vault": broken})
        with pytest.raises(ZeroDivisionError):
            erase(EMAIL)
        assert traces_in(dump_of("default"))
        assert not Account.objects.get(id=person_id).is_active
        monkeypatch.setattr(erasure, "_erasers", register)

        erase(EMAIL)

        assert traces_anywhere() == {}

    def test_in_one_tenant_leaves_the_others_and_the_account(self, tenant, rival, person_id):
        certificate = erase(EMAIL, "--tenant", tenant.slug)

        assert {line["tenant"] for line in certificate["removed"]} == {tenant.slug, ""}
        assert Account.objects.get(id=person_id).is_active
        assert not Membership.objects.filter(account_id=person_id).exists()
        assert list(Invitation.objects.filter(email=EMAIL).values_list("tenant")) == [(rival.id,)]
        with binding.bind(rival):
            assert Profile.objects.get(keycloak_id=person_id).display_name == LAST
        with binding.bind(tenant):
            assert not Profile.objects.filter(keycloak_id=person_id).exists()

    def test_refuses_the_last_owner_of_a_tenant_by_its_name(self, tenant, owner):
        client_of(tenant, owner).post("/api/v1/me", {"display_name": "Olga"})

        with pytest.raises(CommandError, match=f"last owner of {tenant.slug}") as refused:
            erase(owner.id)

        assert "appoint_owner" in str(refused.value)
        assert Account.objects.get(id=owner.id).is_active
        with binding.bind(tenant):
            assert Profile.objects.get(keycloak_id=owner.id).display_name == "Olga"

    def test_forgets_somebody_who_was_invited_and_never_came(self, tenant, owner):
        client_of(tenant, owner).post("/api/v1/invitations", {"email": EMAIL, "role": "viewer"})
        mail.outbox.clear()

        certificate = erase(EMAIL.upper())

        assert certificate["person_id"] is None
        assert removed_from(certificate, tenant=tenant.slug, database="default") == {
            "tenancy_invitation": 1
        }
        assert traces_anywhere() == {}

    def test_knows_somebody_who_signs_in_elsewhere_by_their_id(self, tenant):
        person_id = uuid7()
        with binding.bind(tenant, writes="users"):
            CelebrityFactory(keycloak_id=person_id, display_name=FIRST)

        certificate = erase(person_id)

        assert removed_from(certificate, tenant=tenant.slug, database="users")["profiles"] == 1
        assert traces_anywhere() == {}

    @pytest.mark.parametrize("everywhere", [True, False], ids=["everywhere", "in-one-tenant"])
    def test_takes_the_account_that_stands_for_them_from_another_issuer(
        self, tenant, owner, everywhere
    ):
        person_id, issuer = uuid7(), "https://login.partner.example"
        account = Account.objects.create(
            id=external_account_id(tenant_id=tenant.id, issuer=issuer, subject=str(person_id)),
            email=None,
            issuer=issuer,
            asserted_email=EMAIL,
        )
        members.add_member(tenant_id=tenant.id, account_id=account.id, role=Role.VIEWER)
        with pytest.raises(CommandError, match="Give the id that their profiles have"):
            erase(EMAIL)

        certificate = erase(person_id, *([] if everywhere else ["--tenant", tenant.slug]))

        control = removed_from(certificate, tenant="", database="default")
        assert control["tenancy_account"] == 1
        assert control["audit_salts"] == 1
        assert traces_anywhere() == {}
