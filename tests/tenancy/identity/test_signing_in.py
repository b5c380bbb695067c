"""Signing up and in at the embedded issuer, through its own addresses, for apps and for browsers."""

import base64
import hashlib
import re
import secrets
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client

from apps.tenancy.models import Account, Tenant
from tests.tenancy.people import PASSWORD, client_with, host_of, new_account, new_email

APP = "/_allauth/app/v1"
BROWSER = "/_allauth/browser/v1"


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def assert_accepted(tenant: Tenant, token: str) -> None:
    # Whoever is known but not of the staff is told so; whoever is not known gets 401.
    assert client_with(tenant, token).get("/api/v1/members").status_code == 403


@pytest.fixture
def app(tenant: Tenant) -> Client:
    """A mobile app: it keeps no cookies of its own."""
    return Client(HTTP_HOST=host_of(tenant))


def post(client: Client, path: str, body: dict[str, Any], **headers: Any) -> Any:
    return client.post(path, body, content_type="application/json", **headers)


class TestApp:
    def test_signs_up_and_calls_the_api_with_the_token_it_is_given(
        self, app: Client, tenant: Tenant
    ) -> None:
        email = new_email("fan")

        reply = post(app, f"{APP}/auth/signup", {"email": email, "password": PASSWORD})

        assert reply.status_code == 200, reply.content
        meta = reply.json()["meta"]
        assert meta["expires_in"] == 900
        assert_accepted(tenant, meta["access_token"])
        account = Account.objects.get(email=email)
        claims = claims_of(meta["access_token"])
        assert claims["sub"] == str(account.id)
        assert claims["tenant"] == str(tenant.id)
        assert claims["iss"] == "https://quintet.test"
        assert claims["email_verified"] is False

    def test_signs_in_however_the_address_is_typed(self, app: Client, tenant: Tenant) -> None:
        account = new_account("fan", password=PASSWORD)

        reply = post(
            app, f"{APP}/auth/login", {"email": account.email.upper(), "password": PASSWORD}
        )

        assert reply.status_code == 200, reply.content
        assert_accepted(tenant, reply.json()["meta"]["access_token"])

    def test_is_refused_with_a_wrong_password(self, app: Client) -> None:
        account = new_account("fan", password=PASSWORD)

        reply = post(app, f"{APP}/auth/login", {"email": account.email, "password": "not-this-one"})

        assert reply.status_code == 400
        assert "access_token" not in reply.content.decode()

    def test_refreshes_once_with_each_refresh_token(self, app: Client, tenant: Tenant) -> None:
        account = new_account("fan", password=PASSWORD)
        login = post(app, f"{APP}/auth/login", {"email": account.email, "password": PASSWORD})
        first = login.json()["meta"]["refresh_token"]

        fresh = post(app, f"{APP}/tokens/refresh", {"refresh_token": first}).json()["data"]

        assert_accepted(tenant, fresh["access_token"])
        assert claims_of(fresh["access_token"])["tenant"] == str(tenant.id)
        assert fresh["refresh_token"] != first
        again = post(app, f"{APP}/tokens/refresh", {"refresh_token": first})
        assert again.status_code == 400

    def test_can_not_refresh_after_signing_out(self, app: Client) -> None:
        account = new_account("fan", password=PASSWORD)
        login = post(app, f"{APP}/auth/login", {"email": account.email, "password": PASSWORD})
        meta = login.json()["meta"]

        out = app.delete(f"{APP}/auth/session", HTTP_X_SESSION_TOKEN=meta["session_token"])

        assert out.status_code == 401
        body = {"refresh_token": meta["refresh_token"]}
        assert post(app, f"{APP}/tokens/refresh", body).status_code == 400

    def test_can_not_refresh_once_the_account_is_switched_off(self, app: Client) -> None:
        account = new_account("fan", password=PASSWORD)
        login = post(app, f"{APP}/auth/login", {"email": account.email, "password": PASSWORD})

        Account.objects.filter(id=account.id).update(is_active=False)

        body = {"refresh_token": login.json()["meta"]["refresh_token"]}
        assert post(app, f"{APP}/tokens/refresh", body).status_code == 400

    def test_a_refresh_token_is_no_access_token(self, app: Client, tenant: Tenant) -> None:
        account = new_account("fan", password=PASSWORD)
        login = post(app, f"{APP}/auth/login", {"email": account.email, "password": PASSWORD})

        reply = client_with(tenant, login.json()["meta"]["refresh_token"]).get("/api/v1/members")

        assert reply.status_code == 401

    def test_may_use_the_access_token_in_place_of_the_session_token(self, app: Client) -> None:
        account = new_account("fan", password=PASSWORD)
        login = post(app, f"{APP}/auth/login", {"email": account.email, "password": PASSWORD})
        token = login.json()["meta"]["access_token"]

        session = app.get(f"{APP}/auth/session", HTTP_AUTHORIZATION=f"Bearer {token}")

        assert session.status_code == 200
        assert session.json()["data"]["user"]["id"] == str(account.id)

    def test_a_token_of_the_tenant_next_door_is_refused_by_name(
        self, app: Client, rival: Tenant
    ) -> None:
        account = new_account("fan", password=PASSWORD)
        login = post(app, f"{APP}/auth/login", {"email": account.email, "password": PASSWORD})

        reply = client_with(rival, login.json()["meta"]["access_token"]).get("/api/v1/members")

        assert reply.status_code == 401
        assert reply.json()["type"] == "/problems/token-for-another-tenant"

    def test_confirms_its_address_by_the_link_in_the_email(
        self, app: Client, tenant: Tenant
    ) -> None:
        email = new_email("fan")
        post(app, f"{APP}/auth/signup", {"email": email, "password": PASSWORD})
        link = re.search(r"https?://\S+", mail.outbox[-1].body)
        assert link

        path = urlsplit(link.group()).path
        assert urlsplit(link.group()).netloc == host_of(tenant)
        Client(HTTP_HOST=host_of(tenant)).post(path)

        login = post(app, f"{APP}/auth/login", {"email": email, "password": PASSWORD})
        assert claims_of(login.json()["meta"]["access_token"])["email_verified"] is True


class TestBrowser:
    def test_signs_up_with_a_cookie_and_a_csrf_token(self, tenant: Tenant) -> None:
        browser = Client(HTTP_HOST=host_of(tenant), enforce_csrf_checks=True)
        browser.get(f"{BROWSER}/config")
        body = {"email": new_email("fan"), "password": PASSWORD}

        without = post(browser, f"{BROWSER}/auth/signup", body)
        reply = post(
            browser,
            f"{BROWSER}/auth/signup",
            body,
            HTTP_X_CSRFTOKEN=browser.cookies["csrftoken"].value,
        )

        assert without.status_code == 403
        assert reply.status_code == 200, reply.content
        assert browser.get(f"{BROWSER}/auth/session").status_code == 200
        assert browser.cookies["quintet_session"]["httponly"]

    def test_a_cookie_alone_does_not_open_the_api(self, tenant: Tenant) -> None:
        browser = Client(HTTP_HOST=host_of(tenant))
        browser.force_login(new_account("fan"))

        reply = browser.get("/api/v1/members")

        assert reply.status_code == 401
        assert reply["WWW-Authenticate"] == 'Bearer realm="quintet"'

    def test_takes_tokens_by_authorization_code_with_pkce(self, tenant: Tenant) -> None:
        account = new_account("fan", password=PASSWORD)
        browser = Client(HTTP_HOST=host_of(tenant))
        tokens = self.take_tokens(browser, account)

        assert_accepted(tenant, tokens["access_token"])
        claims = claims_of(tokens["access_token"])
        assert (claims["aud"], claims["tenant"]) == ("quintet", str(tenant.id))
        fresh = browser.post(
            "/identity/o/api/token",
            {
                "grant_type": "refresh_token",
                "refresh_token": tokens["refresh_token"],
                "client_id": self.client_id,
            },
        )
        assert fresh.status_code == 200, fresh.content
        assert_accepted(tenant, fresh.json()["access_token"])

    def test_an_id_token_is_no_access_token(self, tenant: Tenant) -> None:
        browser = Client(HTTP_HOST=host_of(tenant))
        tokens = self.take_tokens(browser, new_account("fan", password=PASSWORD))

        reply = client_with(tenant, tokens["id_token"]).get("/api/v1/members")

        assert reply.status_code == 401

    def test_the_access_token_opens_the_issuers_own_userinfo(self, tenant: Tenant) -> None:
        account = new_account("fan", password=PASSWORD)
        browser = Client(HTTP_HOST=host_of(tenant))
        tokens = self.take_tokens(browser, account)

        reply = browser.get(
            "/identity/o/api/userinfo", HTTP_AUTHORIZATION=f"Bearer {tokens['access_token']}"
        )

        assert reply.json()["sub"] == str(account.id)

    def take_tokens(self, browser: Client, account: Account) -> dict[str, Any]:
        self.client_id = f"web-{secrets.token_hex(4)}"
        callback = "https://app.example/callback"
        call_command(
            "create_oidc_client", self.client_id, "--redirect-uri", callback, stdout=StringIO()
        )
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = urlencode(
            {
                "client_id": self.client_id,
                "redirect_uri": callback,
                "response_type": "code",
                "scope": "openid email",
                "state": "xyz",
                "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            }
        )
        asked = browser.get(f"/identity/o/authorize?{query}")
        assert asked.status_code == 302
        assert asked["Location"].startswith("/accounts/login/")
        signed_in = browser.post(asked["Location"], {"login": account.email, "password": PASSWORD})
        assert signed_in.status_code == 302, signed_in.content
        granted = browser.get(f"/identity/o/authorize?{query}")
        assert granted.status_code == 302, granted.content
        code = parse_qs(urlsplit(granted["Location"]).query)["code"][0]
        exchange = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback,
            "client_id": self.client_id,
            "code_verifier": verifier,
        }
        stolen = browser.post("/identity/o/api/token", {**exchange, "code_verifier": "x" * 48})
        assert stolen.status_code == 400
        reply = browser.post("/identity/o/api/token", exchange)
        assert reply.status_code == 200, reply.content
        return dict(reply.json())
