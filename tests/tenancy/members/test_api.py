"""The API of members, invitations and issuers: a table of who may, and the tenants kept apart."""

import itertools
import re
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from rest_framework.test import APIClient

from apps.tenancy.models import Account, Invitation, Issuer, Membership, Role, Tenant
from apps.tenancy.operations import issuers
from tests.tenancy.people import client_of, host_of, new_account, new_email, new_member

ISSUER = {"url": "https://login.partner.example", "audience": "quintet"}
RANKS = [None, *Role]


@pytest.fixture
def staff(tenant: Tenant) -> dict[Role | None, Membership]:
    """One member of each role, and an owner more, so that none is the last."""
    new_member(tenant, Role.OWNER)
    return {role: new_member(tenant, role) for role in Role}


def client_for(tenant: Tenant, staff: Any, role: Role | None) -> APIClient:
    account = staff[role].account if role else new_account("fan")
    return client_of(tenant, account)


def id_in(tenant: Tenant, kind: str) -> str:
    """Return the id of a row of a kind in a tenant."""
    match kind:
        case "members":
            return str(new_member(tenant, Role.VIEWER).id)
        case "issuers":
            issuer = issuers.trust_issuer(
                tenant_id=tenant.id, url=f"https://{uuid4().hex}.example", values={"audience": "a"}
            )
            return str(issuer.id)
        case _:
            invitation = Invitation.objects.create(
                tenant=tenant,
                email=new_email("guest"),
                role="viewer",
                token_hash=uuid4().hex,
                expires_at="2100-01-01T00:00Z",
            )
            return str(invitation.id)


class TestWhoMay:
    @pytest.mark.parametrize(
        ("method", "path", "body", "least"),
        [
            ("get", "members", None, Role.VIEWER),
            ("patch", "members/{}", {"role": "viewer"}, Role.ADMIN),
            ("delete", "members/{}", None, Role.ADMIN),
            ("get", "invitations", None, Role.ADMIN),
            ("post", "invitations", {"email": "x@people.example", "role": "viewer"}, Role.ADMIN),
            ("delete", "invitations/{}", None, Role.ADMIN),
            ("get", "issuers", None, Role.ADMIN),
            ("post", "issuers", ISSUER, Role.OWNER),
            ("patch", "issuers/{}", {"is_active": False}, Role.OWNER),
            ("delete", "issuers/{}", None, Role.OWNER),
        ],
    )
    def test_is_as_declared(
        self, tenant: Tenant, staff: Any, method: str, path: str, body: Any, least: Role
    ) -> None:
        for role in RANKS:
            Invitation.objects.filter(tenant=tenant).delete()
            Issuer.objects.filter(tenant=tenant).delete()
            where = path.format(id_in(tenant, path.split("/", maxsplit=1)[0]))
            client = client_for(tenant, staff, role)

            reply = getattr(client, method)(f"/api/v1/{where}", body, format="json")

            is_allowed = role is not None and role.rank >= least.rank
            assert (reply.status_code < 300) == is_allowed, (role, reply.content)
            assert is_allowed or reply.status_code == 403
        anonymous = APIClient(HTTP_HOST=host_of(tenant))
        assert getattr(anonymous, method)(f"/api/v1/{path.format(uuid4())}").status_code == 401


class TestTenantsApart:
    @pytest.mark.parametrize(
        ("kind", "method"),
        [
            *itertools.product(["members", "invitations", "issuers"], ["get", "delete"]),
            ("members", "patch"),
            ("issuers", "patch"),
        ],
    )
    def test_another_tenants_id_is_answered_like_none(
        self, tenant: Tenant, rival: Tenant, staff: Any, kind: str, method: str
    ) -> None:
        client = client_for(tenant, staff, Role.OWNER)
        body = {"members": {"role": "viewer"}, "issuers": {"is_active": False}}.get(kind)

        answers = [
            getattr(client, method)(f"/api/v1/{kind}/{row_id}", body, format="json")
            for row_id in (id_in(rival, kind), uuid4())
        ]

        assert [reply.status_code for reply in answers] == [404, 404]
        assert answers[0].content == answers[1].content
        own = getattr(client, method)(f"/api/v1/{kind}/{id_in(tenant, kind)}", body, format="json")
        assert own.status_code < 300

    @pytest.mark.parametrize("kind", ["members", "invitations", "issuers"])
    def test_a_list_holds_the_tenants_own(
        self, tenant: Tenant, rival: Tenant, staff: Any, kind: str
    ) -> None:
        mine, theirs = id_in(tenant, kind), id_in(rival, kind)

        reply = client_for(tenant, staff, Role.OWNER).get(f"/api/v1/{kind}?page_size=100")

        ids = {row["id"] for row in reply.json()["results"]}
        assert mine in ids
        assert theirs not in ids


class TestMembers:
    def test_are_shown_with_address_and_role(self, tenant: Tenant, staff: Any) -> None:
        reply = client_for(tenant, staff, Role.VIEWER).get("/api/v1/members?page_size=3")

        rows = reply.json()["results"]
        assert len(rows) == 3
        assert set(rows[0]) == {"id", "account_id", "email", "name", "role", "joined_at"}
        following = client_for(tenant, staff, Role.VIEWER).get(reply.json()["next"])
        assert not {row["id"] for row in rows} & {r["id"] for r in following.json()["results"]}

    def test_may_leave(self, tenant: Tenant, staff: Any) -> None:
        reply = client_for(tenant, staff, Role.VIEWER).delete(
            f"/api/v1/members/{staff[Role.VIEWER].id}"
        )

        assert reply.status_code == 204

    def test_the_ownership_is_transferred(self, tenant: Tenant, staff: Any) -> None:
        body = {"member_id": str(staff[Role.EDITOR].id)}
        path = "/api/v1/members/transfer-ownership"

        refused = client_for(tenant, staff, Role.ADMIN).post(path, body, format="json")
        reply = client_for(tenant, staff, Role.OWNER).post(path, body, format="json")

        assert refused.status_code == 403
        assert reply.json()["role"] == "owner"
        staff[Role.OWNER].refresh_from_db()
        assert staff[Role.OWNER].role == Role.ADMIN

    def test_the_last_owner_is_told_what_to_do(self, tenant: Tenant) -> None:
        owner = new_member(tenant, Role.OWNER)

        reply = client_of(tenant, owner.account).patch(
            f"/api/v1/members/{owner.id}", {"role": "viewer"}, format="json"
        )

        assert reply.status_code == 409
        assert reply.json()["type"] == "/problems/last-owner"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"role": "emperor"}, "role"),
            ({}, "role"),
            ({"role": "viewer", "x": 1}, "x"),
            ({"role": None}, "role"),
        ],
    )
    def test_a_bad_body_names_the_field(
        self, tenant: Tenant, staff: Any, body: Any, field: str
    ) -> None:
        reply = client_for(tenant, staff, Role.OWNER).patch(
            f"/api/v1/members/{staff[Role.VIEWER].id}", body, format="json"
        )

        assert reply.status_code == 400
        assert [error["field"] for error in reply.json()["errors"]] == [field]

    def test_what_has_changed_meanwhile_is_not_overwritten(
        self, tenant: Tenant, staff: Any
    ) -> None:
        client = client_for(tenant, staff, Role.OWNER)
        path = f"/api/v1/members/{staff[Role.VIEWER].id}"
        etag = client.get(path)["ETag"]

        first = client.patch(path, {"role": "support"}, format="json", HTTP_IF_MATCH=etag)
        second = client.patch(path, {"role": "editor"}, format="json", HTTP_IF_MATCH=etag)

        assert (first.status_code, second.status_code) == (200, 412)


class TestInvitations:
    def test_lead_from_the_email_to_the_staff(self, tenant: Tenant, staff: Any) -> None:
        newcomer = new_account("newcomer")
        body = {"email": newcomer.address, "role": "editor"}

        sent = client_for(tenant, staff, Role.ADMIN).post(
            "/api/v1/invitations", body, format="json"
        )

        assert sent.status_code == 201, sent.content
        assert sent["Location"] == f"/api/v1/invitations/{sent.json()['id']}"
        found = re.search(r"#token=(\S+)", str(mail.outbox[-1].body))
        assert found
        assert found.group(1) not in sent.content.decode()
        client = client_of(tenant, newcomer)
        assert client.get("/api/v1/members").status_code == 403
        for _ in range(2):
            accepted = client.post(
                "/api/v1/invitations/accept", {"token": found.group(1)}, format="json"
            )
            assert accepted.status_code == 200, accepted.content
            assert accepted.json()["role"] == "editor"
        assert client.get("/api/v1/members").status_code == 200

    def test_are_not_accepted_by_somebody_else(self, tenant: Tenant, staff: Any) -> None:
        body = {"email": new_email("newcomer"), "role": "editor"}
        client_for(tenant, staff, Role.ADMIN).post("/api/v1/invitations", body, format="json")
        found = re.search(r"#token=(\S+)", str(mail.outbox[-1].body))
        assert found

        reply = client_of(tenant, new_account("stranger")).post(
            "/api/v1/invitations/accept", {"token": found.group(1)}, format="json"
        )

        assert reply.status_code == 403
        assert reply.json()["type"] == "/problems/invitation-for-somebody-else"
        assert body["email"] not in reply.content.decode()

    def test_can_be_declined_without_an_account(self, tenant: Tenant, staff: Any) -> None:
        body = {"email": new_email("newcomer"), "role": "editor"}
        client_for(tenant, staff, Role.ADMIN).post("/api/v1/invitations", body, format="json")
        found = re.search(r"#token=(\S+)", str(mail.outbox[-1].body))
        assert found
        anonymous = APIClient(HTTP_HOST=host_of(tenant))

        reply = anonymous.post(
            "/api/v1/invitations/decline", {"token": found.group(1)}, format="json"
        )

        assert reply.status_code == 204
        assert (
            anonymous.post(
                "/api/v1/invitations/decline", {"token": "made-up"}, format="json"
            ).status_code
            == 404
        )


class TestIssuers:
    def test_are_added_changed_and_removed(self, tenant: Tenant, staff: Any) -> None:
        client = client_for(tenant, staff, Role.OWNER)

        made = client.post("/api/v1/issuers", ISSUER, format="json")
        assert made.status_code == 201, made.content
        path = made["Location"]
        changed = client.patch(path, {"algorithms": ["ES256"]}, format="json")

        assert changed.json()["algorithms"] == ["ES256"]
        assert changed.json()["audience"] == "quintet"
        assert client.post("/api/v1/issuers", ISSUER, format="json").status_code == 409
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"url": "http://login.partner.example"}, "url"),
            ({"url": "https://127.0.0.1"}, "url"),
            ({"url": "nonsense"}, "url"),
            ({"url": "https://quintet.test"}, "url"),
            ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
            ({"jwks_uri": "https://169.254.169.254/keys"}, "jwks_uri"),
            ({"algorithms": ["HS256"]}, "algorithms.0"),
            ({"algorithms": ["none"]}, "algorithms.0"),
            ({"algorithms": []}, "algorithms"),
            ({"audience": ""}, "audience"),
            ({"audience": "a\x00"}, "audience"),
            ({"tenant_id": "0190f5e4-5a2c-7c3e-8f11-2a7b3c4d5e6f"}, "tenant_id"),
        ],
        ids=str,
    )
    def test_a_dangerous_one_is_refused_by_field(
        self, tenant: Tenant, staff: Any, settings: Any, change: Any, field: str
    ) -> None:
        settings.ALLOW_INSECURE_ISSUERS = False

        reply = client_for(tenant, staff, Role.OWNER).post(
            "/api/v1/issuers", {**ISSUER, **change}, format="json"
        )

        assert reply.status_code == 400, reply.content
        assert [error["field"] for error in reply.json()["errors"]] == [field]


def test_accounts_are_told_apart_by_address_in_any_case() -> None:
    account = new_account("fan")

    assert Account.objects.get_by_natural_key(account.address.upper()) == account
