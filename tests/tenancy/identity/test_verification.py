"""Tokens that are not what they should be: each is refused, with the reason and no more."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.tenancy import resolution
from apps.tenancy.identity import keys, people, verification
from apps.tenancy.models import Account, Membership, Role, Tenant
from tests.tenancy.people import (
    client_with,
    forget_everything,
    host_of,
    new_account,
    new_member,
    token_of,
)

PATH = "/api/v1/members"


@pytest.fixture
def account() -> Account:
    return new_account("fan")


@pytest.fixture
def make(account: Account, tenant: Tenant) -> Callable[..., str]:
    """Return a maker of tokens: right in everything but what the test says."""

    def make(key: Any = None, alg: str = "RS256", headers: Any = None, **claims: Any) -> str:
        signing = keys.signing_key()
        now = int(time.time())
        right: dict[str, Any] = {
            "iss": "https://quintet.test",
            "aud": "quintet",
            "sub": str(account.id),
            "iat": now,
            "exp": now + 300,
            "token_use": "access",
            "tenant": str(tenant.id),
        }
        values = {k: v for k, v in {**right, **claims}.items() if v is not None}
        return jwt.encode(
            values,
            signing.private if key is None else key,
            algorithm=alg,
            headers={"kid": signing.kid, **(headers or {})},
        )

    return make


def public_pem() -> bytes:
    return (
        keys.signing_key()
        .private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed_with_public_key_as_secret(token: str) -> str:
    """The classic: HS256, with the public key that everybody can read as the secret."""
    import hashlib
    import hmac

    body = token.split(".")[1]
    head = encoded({"alg": "HS256", "typ": "JWT", "kid": keys.signing_key().kid})
    mac = hmac.new(public_pem(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def refusal(tenant: Tenant, token: str) -> dict[str, Any]:
    """Return the problem document of a refused token, having checked its form."""
    reply = client_with(tenant, token).get(PATH)
    assert reply.status_code == 401, reply.content
    assert reply["Content-Type"] == "application/problem+json"
    assert reply["WWW-Authenticate"].startswith('Bearer realm="quintet", error="invalid_token"')
    return dict(reply.json())


class TestAGoodToken:
    def test_is_accepted(self, tenant: Tenant, make: Callable[..., str]) -> None:
        assert client_with(tenant, make()).get(PATH).status_code == 403

    def test_without_a_tenant_is_good_in_every_tenant_that_trusts_the_issuer(
        self, tenant: Tenant, rival: Tenant, make: Callable[..., str]
    ) -> None:
        token = make(tenant=None)

        assert [client_with(t, token).get(PATH).status_code for t in (tenant, rival)] == [403, 403]

    @pytest.mark.usefixtures("long_memory")
    def test_costs_no_query_and_no_signature_the_second_time(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owner = new_member(tenant, Role.OWNER)
        client = client_with(tenant, token_of(owner.account, tenant))
        client.get(PATH)
        monkeypatch.setattr(verification, "_verify", None)

        with CaptureQueriesContext(connection) as queries:
            assert client.get(PATH).status_code == 200

        assert [q["sql"] for q in queries if "tenancy_membership" not in q["sql"]] == []
        assert len(queries) == 1

    def test_is_believed_in_one_tenant_only_for_having_been_verified_there(
        self, tenant: Tenant, rival: Tenant, make: Callable[..., str]
    ) -> None:
        token = make()
        assert client_with(tenant, token).get(PATH).status_code == 403

        assert refusal(rival, token)["type"] == "/problems/token-for-another-tenant"


class TestABadToken:
    @pytest.mark.parametrize(
        ("claims", "type_"),
        [
            ({"exp": 1_600_000_000}, "token-expired"),
            ({"exp": None}, "invalid-token"),
            ({"exp": "tomorrow"}, "invalid-token"),
            ({"exp": 1e400}, "invalid-token"),
            ({"iat": None}, "invalid-token"),
            ({"iat": 4_000_000_000}, "invalid-token"),
            ({"nbf": 4_000_000_000}, "invalid-token"),
            ({"aud": "somebody-else"}, "invalid-token"),
            ({"aud": None}, "invalid-token"),
            ({"aud": 7}, "invalid-token"),
            ({"iss": "https://stranger.example"}, "issuer-not-trusted"),
            ({"iss": None}, "issuer-not-trusted"),
            ({"iss": ["https://quintet.test"]}, "issuer-not-trusted"),
            ({"sub": None}, "invalid-token"),
            ({"sub": "ada"}, "invalid-token"),
            ({"sub": "0190f5e4-5a2c-7c3e-8f11-2a7b3c4d5e6f"}, "invalid-token"),
            ({"token_use": "refresh"}, "invalid-token"),
            ({"token_use": None}, "invalid-token"),
            ({"tenant": "0190f5e4-5a2c-7c3e-8f11-2a7b3c4d5e6f"}, "token-for-another-tenant"),
        ],
        ids=str,
    )
    def test_is_refused_for_its_claims(
        self, tenant: Tenant, make: Callable[..., str], claims: Any, type_: str
    ) -> None:
        try:
            token = make(**claims)
        except (TypeError, ValueError):
            # PyJWT would not make it; an attacker would. Its signature is wrong then, too.
            head, body, signature = make().split(".")
            whole = json.loads(base64.urlsafe_b64decode(body + "=="))
            token = f"{head}.{encoded({**whole, **claims})}.{signature}"

        assert refusal(tenant, token)["type"] == f"/problems/{type_}"

    def test_is_refused_for_a_signature_of_another_key(
        self, tenant: Tenant, make: Callable[..., str]
    ) -> None:
        forged = make(key=rsa.generate_private_key(public_exponent=65537, key_size=2048))

        assert refusal(tenant, forged)["detail"] == "Its signature is wrong."

    @pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE"])
    def test_is_refused_without_a_signature(
        self, tenant: Tenant, make: Callable[..., str], alg: str
    ) -> None:
        body = make().split(".")[1]
        head = encoded({"alg": alg, "kid": keys.signing_key().kid})

        assert "algorithm" in refusal(tenant, f"{head}.{body}.")["detail"]

    def test_is_refused_when_the_public_key_was_taken_for_a_secret(
        self, tenant: Tenant, make: Callable[..., str]
    ) -> None:
        forged = signed_with_public_key_as_secret(make())

        assert "algorithm" in refusal(tenant, forged)["detail"]

    def test_is_refused_for_an_algorithm_that_the_issuer_does_not_use(
        self, tenant: Tenant, make: Callable[..., str]
    ) -> None:
        assert "algorithm" in refusal(tenant, make(alg="RS512"))["detail"]

    @pytest.mark.parametrize("kid", ["unknown", "../../etc/passwd", "' OR 1=1 --", "", "\x00"])
    def test_is_refused_for_a_key_that_nobody_published(
        self, tenant: Tenant, make: Callable[..., str], kid: str
    ) -> None:
        refusal(tenant, make(headers={"kid": kid}))

    def test_does_not_lead_to_keys_it_names_itself(
        self, tenant: Tenant, make: Callable[..., str]
    ) -> None:
        own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key()))

        forged = make(key=own, headers={"jwk": jwk, "jku": "http://127.0.0.1:1/keys"})

        refusal(tenant, forged)

    @pytest.mark.parametrize(
        "token", ["a", "a.b.c", "....", "e30.e30.", "é", "x" * 9_000, "e30.W10.e30", "{}.{}.{}"]
    )
    def test_is_refused_when_it_is_none(self, tenant: Tenant, token: str) -> None:
        reply = client_with(tenant, token).get(PATH)

        assert reply.status_code == 401
        assert reply["Content-Type"] == "application/problem+json"

    @pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a b"])
    def test_a_header_that_holds_no_token_is_named(self, tenant: Tenant, header: str) -> None:
        client = APIClient(HTTP_HOST=host_of(tenant), HTTP_AUTHORIZATION=header)

        reply = client.get(PATH)

        assert reply.status_code == 401
        assert reply.json()["type"] == "/problems/bad-authorization-header"
        assert 'error="invalid_request"' in reply["WWW-Authenticate"]

    def test_no_token_is_a_challenge_without_an_error(self, tenant: Tenant) -> None:
        reply = APIClient(HTTP_HOST=host_of(tenant)).get(PATH)

        assert reply.status_code == 401
        assert reply["WWW-Authenticate"] == 'Bearer realm="quintet"'

    def test_says_nothing_of_other_tenants(
        self, tenant: Tenant, rival: Tenant, make: Callable[..., str]
    ) -> None:
        reply = client_with(rival, make()).get(PATH)

        assert tenant.slug not in reply.content.decode()
        assert str(tenant.id) not in reply.content.decode()


class TestWhatHappensAfterwards:
    def test_a_tenant_can_do_without_the_embedded_issuer(
        self, tenant: Tenant, make: Callable[..., str]
    ) -> None:
        token = make()
        assert client_with(tenant, token).get(PATH).status_code == 403

        Tenant.objects.filter(id=tenant.id).update(trusts_embedded_issuer=False)
        resolution.forget()

        assert refusal(tenant, token)["type"] == "/problems/issuer-not-trusted"

    def test_a_token_ends_when_it_expires_though_it_was_believed_before(
        self, tenant: Tenant, make: Callable[..., str], settings: Any
    ) -> None:
        settings.TOKEN_LEEWAY_SECONDS = 0
        assert client_with(tenant, make()).get(PATH).status_code == 403
        token = make(exp=int(time.time()) + 6)
        assert client_with(tenant, token).get(PATH).status_code == 403

        time.sleep(6.1)

        assert refusal(tenant, token)["type"] == "/problems/token-expired"

    def test_an_account_that_is_switched_off_is_refused(
        self, tenant: Tenant, account: Account, make: Callable[..., str]
    ) -> None:
        assert client_with(tenant, make()).get(PATH).status_code == 403

        Account.objects.filter(id=account.id).update(is_active=False)
        forget_everything()

        assert "switched off" in refusal(tenant, make())["detail"]

    def test_a_role_that_was_taken_away_is_gone_within_seconds(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Seconds, as they are: the test waits for a part of one.
        assert people.REMEMBERED_FOR <= 2
        monkeypatch.setattr(people, "REMEMBERED_FOR", 0.3)
        member = new_member(tenant, Role.VIEWER)
        client = client_with(tenant, token_of(member.account, tenant))
        assert client.get(PATH).status_code == 200

        # Elsewhere, so that nothing in this process is told.
        Membership.objects.filter(id=member.id).delete()
        time.sleep(0.4)

        assert client.get(PATH).status_code == 403

    def test_a_role_in_one_tenant_is_none_in_another(self, tenant: Tenant, rival: Tenant) -> None:
        owner = new_member(tenant, Role.OWNER)
        token = token_of(owner.account)

        assert client_with(tenant, token).get(PATH).status_code == 200
        assert client_with(rival, token).get(PATH).status_code == 403
