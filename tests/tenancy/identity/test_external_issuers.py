"""Tokens of an OIDC server that is not ours, in a process of its own."""

import base64
import hmac
import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.test import Client, RequestFactory
from rest_framework.request import Request

from apps.tenancy import resolution
from apps.tenancy.identity import keysets
from apps.tenancy.identity import trust as trusted
from apps.tenancy.identity.authentication import TokenAuthentication
from apps.tenancy.identity.people import Person
from apps.tenancy.models import Account, Issuer, Role, Tenant
from apps.tenancy.models.account import external_account_id
from apps.tenancy.operations import issuers, members
from tests.tenancy import people
from tests.tenancy.identity.oidc_server import (
    AUDIENCE,
    KEYCLOAK_PERSON,
    NAMED_PERSON,
    OIDCServer,
    make_server,
)
from tests.tenancy.people import client_of, client_with, forget_everything, new_member

PATH = "/api/v1/members"
SESSIONS = "/_allauth/app/v1"

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nanoidp") is None,
    reason="nanoidp, the OIDC server of these tests, is not installed (requirements/dev.txt)",
)


@pytest.fixture(autouse=True)
def patient(settings: Any) -> None:
    """A pause of a busy machine is not an issuer that is gone."""
    settings.ISSUER_TIMEOUT_SECONDS = 30.0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OIDCServer]:
    server = make_server(tmp_path_factory.mktemp("oidc"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(shared: OIDCServer) -> Iterator[OIDCServer]:
    """The server, running, whatever a test does to it."""
    yield shared
    if shared.process is None:
        shared.start()


@pytest.fixture
def trusting(tenant: Tenant, server: OIDCServer) -> Tenant:
    """A tenant that trusts the server."""
    trust(tenant, server)
    return tenant


def trust(tenant: Tenant, server: OIDCServer, **values: Any) -> Issuer:
    return issuers.trust_issuer(
        tenant_id=tenant.id, url=server.url, values={"audience": AUDIENCE, **values}
    )


def person(tenant: Tenant, token: str) -> Person:
    """Return who the API takes the sender of a token for."""
    request = RequestFactory().get(PATH, HTTP_AUTHORIZATION=f"Bearer {token}")
    request.tenant = resolution.resolved(Tenant.objects.get(id=tenant.id))  # type: ignore[attr-defined]
    found = TokenAuthentication().authenticate(Request(request))
    assert found is not None
    return found[0]


def status(tenant: Tenant, token: str) -> int:
    return client_with(tenant, token).get(PATH).status_code


def problem(tenant: Tenant, token: str) -> str:
    reply = client_with(tenant, token).get(PATH)
    assert reply["Content-Type"] == "application/problem+json"
    return str(reply.json()["type"]).removeprefix("/problems/")


class TestTrust:
    def test_a_token_is_accepted_where_its_issuer_is_trusted_and_nowhere_else(
        self, trusting: Tenant, rival: Tenant, server: OIDCServer
    ) -> None:
        token = server.token()

        assert status(trusting, token) == 403
        assert status(rival, token) == 401
        assert problem(rival, token) == "issuer-not-trusted"

    def test_says_nothing_of_whom_a_tenant_trusts(
        self, trusting: Tenant, rival: Tenant, server: OIDCServer
    ) -> None:
        reply = client_with(rival, server.token()).get(PATH)

        assert server.url not in reply.content.decode()
        assert trusting.slug not in reply.content.decode()

    def test_ends_within_seconds_though_the_token_was_believed_before(
        self, trusting: Tenant, server: OIDCServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Seconds, as they are: the test waits for a part of one.
        assert trusted.REMEMBERED_FOR <= 2
        monkeypatch.setattr(trusted, "REMEMBERED_FOR", 0.3)
        token = server.token()
        assert status(trusting, token) == 403

        # Elsewhere, so that nothing in this process is told.
        Issuer.objects.filter(tenant=trusting).update(is_active=False)
        time.sleep(0.4)

        assert problem(trusting, token) == "issuer-not-trusted"

    def test_opens_no_session_of_the_embedded_issuer(
        self, trusting: Tenant, server: OIDCServer
    ) -> None:
        account = people.new_account("fan", password=people.PASSWORD)
        app = Client(HTTP_HOST=people.host_of(trusting))
        body = {"email": account.email, "password": people.PASSWORD}
        signed_in = app.post(f"{SESSIONS}/auth/login", body, content_type="application/json")
        own = signed_in.json()["meta"]["access_token"]
        token = server.signed(sid=jwt.decode(own, options={"verify_signature": False})["sid"])

        assert status(trusting, token) == 403
        session = app.get(f"{SESSIONS}/auth/session", HTTP_AUTHORIZATION=f"Bearer {token}")
        assert session.status_code == 401

    def test_the_embedded_issuers_url_can_not_be_taken(self, trusting: Tenant) -> None:
        owner = new_member(trusting, Role.OWNER)

        reply = client_of(trusting, owner.account).post(
            "/api/v1/issuers", {"url": "https://quintet.test", "audience": "quintet"}
        )

        assert reply.status_code == 400
        assert reply.json()["errors"][0]["field"] == "url"


class TestPeople:
    def test_a_subject_that_is_a_uuid_is_the_persons_id(
        self, trusting: Tenant, server: OIDCServer
    ) -> None:
        assert person(trusting, server.token()).id == UUID(KEYCLOAK_PERSON)

    def test_any_other_subject_always_gives_the_same_id(
        self, trusting: Tenant, rival: Tenant, server: OIDCServer
    ) -> None:
        trust(rival, server)

        ids = {person(t, server.token(NAMED_PERSON)).id for t in (trusting, rival, trusting)}

        assert len(ids) == 1
        assert ids.pop().version == 5

    def test_another_claim_can_be_the_subject(self, tenant: Tenant, server: OIDCServer) -> None:
        trust(tenant, server, subject_claim="employee")
        token = server.signed(employee="0b6e38a4-51f1-4a5c-8d5e-2f0f6e6f5c01")

        assert person(tenant, token).id == UUID("0b6e38a4-51f1-4a5c-8d5e-2f0f6e6f5c01")
        assert problem(tenant, server.token()) == "invalid-token"

    def test_an_issuers_own_tenant_claim_means_nothing_here(
        self, trusting: Tenant, server: OIDCServer
    ) -> None:
        claims = jwt.decode(server.token(), options={"verify_signature": False})

        assert claims["tenant"] == "their-own-idea-of-a-tenant"
        assert person(trusting, server.token()).role is None

    def test_a_member_has_their_role(self, trusting: Tenant, server: OIDCServer) -> None:
        account = Account.objects.create(
            id=external_account_id(tenant_id=trusting.id, issuer=server.url, subject=NAMED_PERSON),
            email=None,
            issuer=server.url,
            asserted_email="grace@partner.example",
        )
        members.add_member(tenant_id=trusting.id, account_id=account.id, role=Role.EDITOR)

        assert person(trusting, server.token(NAMED_PERSON)).role == Role.EDITOR

    def test_an_issuer_can_not_speak_for_somebody_who_signs_in_here(
        self, trusting: Tenant, server: OIDCServer
    ) -> None:
        owner = new_member(trusting, Role.OWNER)

        forged = server.signed(sub=str(owner.account_id))

        assert status(trusting, forged) == 401


class TestABadToken:
    @pytest.mark.parametrize(
        ("claims", "type_"),
        [
            ({"exp": 1_600_000_000}, "token-expired"),
            ({"aud": "somebody-else"}, "invalid-token"),
            ({"aud": "quintet"}, "invalid-token"),
            ({"nbf": 4_000_000_000}, "invalid-token"),
            ({"sub": None}, "invalid-token"),
            ({"sub": "x" * 300}, "invalid-token"),
            ({"iss": "http://127.0.0.1:1"}, "issuer-not-trusted"),
        ],
        ids=str,
    )
    def test_is_refused_for_its_claims(
        self, trusting: Tenant, server: OIDCServer, claims: Any, type_: str
    ) -> None:
        assert status(trusting, server.signed()) == 403

        assert problem(trusting, server.signed(**claims)) == type_

    def test_an_id_token_is_no_access_token(self, trusting: Tenant, server: OIDCServer) -> None:
        assert status(trusting, server.sign_in()["id_token"]) == 401
        # Neither is one whose audience would do.
        assert status(trusting, server.signed(token_use="id")) == 401
        assert status(trusting, server.signed(token_use=None, typ="ID")) == 401

    def test_is_refused_without_a_signature(self, trusting: Tenant, server: OIDCServer) -> None:
        head, body, _ = server.token().split(".")
        kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
        bare = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": kid}).encode())

        assert status(trusting, f"{bare.rstrip(b'=').decode()}.{body}.") == 401

    @pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
    def test_is_refused_when_the_public_key_was_taken_for_a_secret(
        self, trusting: Tenant, server: OIDCServer, algorithm: str
    ) -> None:
        head, body, _ = server.token().split(".")
        kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
        secret = (server.directory / "keys/rsa_public.pem").read_bytes()
        forged = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": kid}).encode())
        signed = f"{forged.rstrip(b'=').decode()}.{body}"
        mac = hmac.new(secret, signed.encode(), f"sha{algorithm[2:]}").digest()

        token = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

        assert status(trusting, token) == 401

    def test_is_refused_for_an_algorithm_the_tenant_does_not_accept(
        self, tenant: Tenant, server: OIDCServer
    ) -> None:
        trust(tenant, server, algorithms=["ES256"])

        assert problem(tenant, server.token()) == "invalid-token"

    def test_is_refused_for_an_algorithm_that_its_key_is_not_for(
        self, tenant: Tenant, server: OIDCServer
    ) -> None:
        trust(tenant, server, algorithms=["RS256", "EdDSA", "ES256"])
        head, body, signature = server.token().split(".")
        kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
        other = base64.urlsafe_b64encode(json.dumps({"alg": "ES256", "kid": kid}).encode())

        assert status(tenant, f"{other.rstrip(b'=').decode()}.{body}.{signature}") == 401


class TestRotation:
    @pytest.fixture(autouse=True)
    def impatient(self, settings: Any) -> None:
        settings.ISSUER_REFETCH_SECONDS = 0.1

    def test_a_new_key_is_fetched_when_a_token_names_it(
        self, trusting: Tenant, server: OIDCServer
    ) -> None:
        old = server.token()
        assert status(trusting, old) == 403

        server.rotate()
        time.sleep(0.2)
        new = server.token()

        kids = {jwt.get_unverified_header(token)["kid"] for token in (old, new)}
        assert len(kids) == 2
        assert status(trusting, new) == 403
        # The server still publishes the old one.
        forget_everything()
        assert status(trusting, old) == 403

    def test_made_up_key_ids_do_not_become_requests_to_the_issuer(
        self, trusting: Tenant, server: OIDCServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert status(trusting, server.token()) == 403
        count = counting_fetches(monkeypatch)
        key = load_pem_private_key((server.directory / "keys/rsa_private.pem").read_bytes(), None)
        claims = jwt.decode(server.token(), options={"verify_signature": False})
        monkeypatch.setattr(client_of_server(server), "cooldown_duration", 60)

        for number in range(20):
            token = jwt.encode(
                claims,
                key,
                algorithm="RS256",
                headers={"kid": f"made-up-{number}"},  # type: ignore[arg-type]
            )
            assert status(trusting, token) == 401

        assert count() <= 1


class TestAnIssuerThatIsDown:
    @pytest.fixture(autouse=True)
    def impatient(self, settings: Any) -> None:
        settings.ISSUER_REFETCH_SECONDS = 0.5
        settings.ISSUER_KEYS_SECONDS = 300.0

    def test_gives_503_and_is_believed_again_when_it_is_back(
        self, trusting: Tenant, server: OIDCServer
    ) -> None:
        token = server.token()
        server.stop()

        reply = client_with(trusting, token).get(PATH)

        assert reply.status_code == 503
        assert reply.json()["type"] == "/problems/issuer-unreachable"
        assert reply["Retry-After"] == "1"
        assert server.url not in reply.content.decode()
        server.start()
        time.sleep(0.6)
        assert status(trusting, token) == 403

    def test_is_not_asked_again_for_every_request(
        self,
        trusting: Tenant,
        server: OIDCServer,
        monkeypatch: pytest.MonkeyPatch,
        settings: Any,
    ) -> None:
        # Longer than ten requests take on any machine.
        settings.ISSUER_REFETCH_SECONDS = 60.0
        token = server.token()
        server.stop()
        count = counting_fetches(monkeypatch)

        assert {status(trusting, token) for _ in range(10)} == {503}

        assert count() == 1

    def test_serves_people_it_vouched_for_until_its_keys_are_old(
        self, trusting: Tenant, server: OIDCServer
    ) -> None:
        first, second = server.token(), server.token()
        assert status(trusting, first) == 403
        server.stop()

        assert status(trusting, second) == 403
        client_of_server(server).jwk_set_cache.lifespan = 0
        assert status(trusting, server_less(second)) == 503

    def test_leaves_the_embedded_issuer_alone(self, trusting: Tenant, server: OIDCServer) -> None:
        owner = new_member(trusting, Role.OWNER)
        server.stop()

        assert client_of(trusting, owner.account).get(PATH).status_code == 200

    @pytest.mark.parametrize(
        "path", ["/", "/token", "/health", "/.well-known/openid-configuration", "/nowhere"]
    )
    def test_gives_503_when_its_keys_are_something_else(
        self, tenant: Tenant, server: OIDCServer, path: str
    ) -> None:
        trust(tenant, server, jwks_uri=f"{server.url}{path}")

        assert status(tenant, server.token()) == 503


def server_less(token: str) -> str:
    """Return the token, having forgotten that it was believed."""
    from apps.tenancy.identity import verification

    verification.forget()
    return token


def client_of_server(server: OIDCServer) -> Any:
    return keysets._remote[(server.url, "")]


def counting_fetches(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Count the key sets that are fetched from now on."""
    fetched: list[str] = []
    fetch = keysets.fetch_json

    def counted(url: str) -> Any:
        if "openid-configuration" in url or "jwks" in url:
            fetched.append(url)
        return fetch(url)

    monkeypatch.setattr(keysets, "fetch_json", counted)
    return lambda: len([url for url in fetched if "openid-configuration" in url])
