"""Discovery, the published keys, and what rotating them does to tokens."""

import base64
import json
import time
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from apps.tenancy.identity import keys
from apps.tenancy.models import SigningKey, Tenant
from tests.tenancy.people import (
    client_with,
    forget_everything,
    host_of,
    new_account,
    token_of,
)


def fetch(path: str, host: str = "quintet.test") -> Any:
    reply = Client(HTTP_HOST=host).get(path, secure=True)
    assert reply.status_code == 200
    return reply.json()


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=="), "big")


def verify_by_hand(token: str, key_set: dict[str, Any]) -> dict[str, Any]:
    """Verify a token with nothing but RSA and the published numbers."""
    head, body, signature = token.split(".")
    kid = json.loads(base64.urlsafe_b64decode(head + "=="))["kid"]
    (jwk,) = (key for key in key_set["keys"] if key["kid"] == kid)
    public = rsa.RSAPublicNumbers(number(jwk["e"]), number(jwk["n"])).public_key()
    public.verify(
        base64.urlsafe_b64decode(signature + "=="),
        f"{head}.{body}".encode(),
        padding.PKCS1v15(),
        hashes.SHA256(),
    )
    return dict(json.loads(base64.urlsafe_b64decode(body + "==")))


def kid_of(token: str) -> str:
    return str(json.loads(base64.urlsafe_b64decode(token.split(".", maxsplit=1)[0] + "=="))["kid"])


def status_with(tenant: Tenant, token: str) -> int:
    return client_with(tenant, token).get("/api/v1/members").status_code


def rotate(*options: str) -> dict[str, Any]:
    out = StringIO()
    call_command("rotate_signing_key", *options, "--format", "json", stdout=out)
    return dict(json.loads(out.getvalue()))


class TestDiscovery:
    def test_names_the_issuer_and_where_its_keys_are(self) -> None:
        document = fetch("/.well-known/openid-configuration")

        assert document["issuer"] == "https://quintet.test"
        assert document["jwks_uri"] == "https://quintet.test/.well-known/jwks.json"
        assert document["token_endpoint"] == "https://quintet.test/identity/o/api/token"

    def test_a_tenants_host_has_the_same_issuer_and_keys(self, tenant: Tenant) -> None:
        token = token_of(new_account("fan"), tenant)

        there = fetch("/.well-known/openid-configuration", host_of(tenant))

        assert there["issuer"] == "https://quintet.test"
        assert verify_by_hand(token, fetch("/.well-known/jwks.json", host_of(tenant)))


class TestPublishedKeys:
    def test_verify_a_token_by_hand(self) -> None:
        account = new_account("fan")

        claims = verify_by_hand(token_of(account), fetch("/.well-known/jwks.json"))

        assert claims["sub"] == str(account.id)

    def test_do_not_verify_a_token_that_was_changed(self) -> None:
        head, body, signature = token_of(new_account("fan")).split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        claims["sub"] = str(new_account("stranger").id)
        forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()

        with pytest.raises(InvalidSignature):
            verify_by_hand(f"{head}.{forged}.{signature}", fetch("/.well-known/jwks.json"))

    def test_hold_no_private_number(self) -> None:
        for key in fetch("/.well-known/jwks.json")["keys"]:
            assert set(key) <= {"kty", "n", "e", "kid", "use", "alg", "key_ops"}


class TestRotation:
    def test_signs_with_a_new_key_and_still_accepts_what_the_old_one_signed(
        self, tenant: Tenant
    ) -> None:
        account = new_account("fan")
        old = token_of(account, tenant)
        assert status_with(tenant, old) == 403

        kid = rotate()["kid"]
        forget_everything()
        new = token_of(account, tenant)

        assert kid_of(new) == kid != kid_of(old)
        published = fetch("/.well-known/jwks.json")
        assert {kid_of(old), kid_of(new)} <= {key["kid"] for key in published["keys"]}
        assert verify_by_hand(old, published)
        assert verify_by_hand(new, published)
        assert [status_with(tenant, token) for token in (old, new)] == [403, 403]

    def test_is_noticed_by_a_process_that_knew_only_the_old_key(self, tenant: Tenant) -> None:
        account = new_account("fan")
        assert status_with(tenant, token_of(account, tenant)) == 403

        rotate()

        # Nothing was forgotten here: the key sets still hold the old key alone.
        assert status_with(tenant, token_of(account, tenant)) == 403

    def test_is_noticed_by_a_process_in_which_nothing_was_forgotten(
        self, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        account = new_account("fan")
        assert status_with(tenant, token_of(account, tenant)) == 403
        remembered = keys.published_keys()
        rotate()
        fresh = token_of(account, tenant)

        monkeypatch.setattr(keys, "_remembered", (time.monotonic() + 60, remembered))

        assert status_with(tenant, fresh) == 403

    def test_refuses_what_a_leaked_key_signed(self, tenant: Tenant) -> None:
        account = new_account("fan")
        leaked = token_of(account, tenant)

        rotate("--revoke-old")
        forget_everything()

        assert status_with(tenant, leaked) == 401
        assert status_with(tenant, token_of(account, tenant)) == 403

    def test_stops_publishing_a_key_once_its_tokens_have_expired(self) -> None:
        old = keys.signing_key()
        rotate()
        SigningKey.objects.filter(kid=old.kid).update(
            retires_at=timezone.now() - timedelta(seconds=1)
        )
        keys.forget()

        published = {key["kid"] for key in fetch("/.well-known/jwks.json")["keys"]}

        assert old.kid not in published

    def test_a_dry_run_changes_nothing(self) -> None:
        before = keys.signing_key().kid

        call_command("rotate_signing_key", "--dry-run", stdout=StringIO())
        keys.forget()

        assert keys.signing_key().kid == before


class TestKeyAtRest:
    def test_is_not_readable_without_the_secret_key(self) -> None:
        key = keys.signing_key()

        stored = SigningKey.objects.get(kid=key.kid).sealed_private_key

        assert "PRIVATE KEY" in key.pem
        assert "PRIVATE KEY" not in stored
        assert base64.b64encode(b"PRIVATE KEY")[:10].decode() not in stored

    def test_says_what_to_do_when_the_secret_key_has_changed(self, settings: Any) -> None:
        keys.signing_key()
        keys.forget()
        old, settings.SECRET_KEY = settings.SECRET_KEY, "another-secret-key-of-this-test"

        with pytest.raises(ImproperlyConfigured, match="SECRET_KEY_FALLBACKS"):
            keys.published_keys()

        settings.SECRET_KEY_FALLBACKS = [old]
        assert keys.published_keys()


class TestConfiguredKey:
    @pytest.fixture
    def pem(self, settings: Any) -> str:
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        settings.SIGNING_KEY = private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        return str(settings.SIGNING_KEY)

    def test_signs_instead_of_the_stored_ones_which_still_verify(
        self, tenant: Tenant, pem: str, settings: Any
    ) -> None:
        account = new_account("fan")
        settings.SIGNING_KEY = ""
        keys.forget()
        stored = token_of(account, tenant)
        settings.SIGNING_KEY = pem
        forget_everything()
        keys.forget()

        configured = token_of(account, tenant)

        assert kid_of(configured) != kid_of(stored)
        assert verify_by_hand(configured, fetch("/.well-known/jwks.json"))
        assert [status_with(tenant, token) for token in (stored, configured)] == [403, 403]

    def test_is_not_rotated_behind_the_back_of_who_keeps_it(self, pem: str) -> None:
        with pytest.raises(CommandError, match="QUINTET_SIGNING_KEY"):
            rotate()

    @pytest.fixture(autouse=True)
    def forget_keys(self) -> Any:
        yield
        keys.forget()
