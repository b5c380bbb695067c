"""The embedded issuer's signing keys: kept encrypted in the control plane, published until they retire."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from allauth.core.internal import jwkkit
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.utils import timezone

from apps.tenancy import sealing
from apps.tenancy.models import SigningKey

ALGORITHM = "RS256"
KEY_BITS = 2048
_PURPOSE = "quintet signing keys at rest"
# Other processes learn of a new key, or of a revoked one, within this time.
REMEMBERED_FOR = 2.0
# Held while the first key is made, so that several processes starting at once make one.
_LOCK_ID = 7_105_000_201
_lock = threading.Lock()
_remembered: tuple[float, tuple["Key", ...]] = (0.0, ())


@dataclass(frozen=True)
class Key:
    """A key pair, and when it was issued and retires."""

    kid: str
    pem: str
    created_at: datetime
    retires_at: datetime | None

    def __repr__(self) -> str:
        return f"<Key {self.kid}>"

    @property
    def private(self) -> rsa.RSAPrivateKey:
        """The private key, parsed."""
        return _parsed(self.pem)[1]

    @property
    def jwk(self) -> dict[str, Any]:
        """The public half, as a JWKS publishes it."""
        return _parsed(self.pem)[0]


@lru_cache(maxsize=32)
def _parsed(pem: str) -> tuple[dict[str, Any], rsa.RSAPrivateKey]:
    return jwkkit.load_jwk_from_pem(pem)


def published_keys() -> tuple[Key, ...]:
    """Return the keys whose tokens are accepted, the one that signs first.

    :raises ImproperlyConfigured: a stored key can't be decrypted with this secret key.
    """
    global _remembered  # noqa: PLW0603 - one small cache per process
    until, keys = _remembered
    if until < time.monotonic():
        keys = _load()
        _remembered = (time.monotonic() + REMEMBERED_FOR, keys)
    return keys


def signing_key() -> Key:
    """Return the key that signs, making the very first one."""
    keys = published_keys()
    if not keys:
        _make_first()
        forget()
        keys = published_keys()
    return keys[0]


def jwks() -> dict[str, Any]:
    """Return the key set that the embedded issuer publishes."""
    signing_key()
    return {"keys": [{**key.jwk, "use": "sig", "alg": ALGORITHM} for key in published_keys()]}


def rotate(*, rotated_at: datetime, revoke_old: bool = False) -> SigningKey:
    """Have a new key sign from now on.

    Older keys stay published until every token they signed has expired.

    :param revoke_old: older keys retire at once, and their tokens with them: for a key that leaked.
    :raises ImproperlyConfigured: QUINTET_SIGNING_KEY signs, so a stored key never would.
    """
    if settings.SIGNING_KEY:
        raise ImproperlyConfigured(
            "QUINTET_SIGNING_KEY signs here. Rotate it where it is kept, and leave the old public "
            "key's owner time: tokens it signed are refused once it is gone."
        )
    overlap = timedelta(seconds=0 if revoke_old else settings.SIGNING_KEY_OVERLAP_SECONDS)
    with transaction.atomic():
        _hold_lock()
        _retire(at=rotated_at + overlap, now=rotated_at)
        key = _make(created_at=rotated_at)
    forget()
    return key


def forget() -> None:
    """Forget what this process remembers of the keys."""
    global _remembered  # noqa: PLW0603 - see published_keys
    with _lock:
        _remembered = (0.0, ())


def _load() -> tuple[Key, ...]:
    now = timezone.now()
    keys = [
        Key(row.kid, _unseal(row), row.created_at, row.retires_at)
        for row in SigningKey.objects.order_by("-created_at", "kid")
        if row.retires_at is None or row.retires_at > now
    ]
    if settings.SIGNING_KEY:
        keys.insert(0, _configured(settings.SIGNING_KEY))
    return tuple(keys)


@lru_cache(maxsize=2)
def _configured(pem: str) -> Key:
    try:
        jwk, private = jwkkit.load_jwk_from_pem(pem)
    except ValueError as error:
        raise ImproperlyConfigured("QUINTET_SIGNING_KEY is not the PEM of an RSA key.") from error
    if private.key_size < KEY_BITS:
        raise ImproperlyConfigured(f"QUINTET_SIGNING_KEY has fewer than {KEY_BITS} bits.")
    # Later than any stored key, so that allauth, which takes the latest, signs with it too.
    return Key(jwk["kid"], pem, datetime(9999, 1, 1, tzinfo=UTC), None)


def _make_first() -> None:
    with transaction.atomic():
        _hold_lock()
        now = timezone.now()
        if not any(k.retires_at is None or k.retires_at > now for k in SigningKey.objects.all()):
            _make(created_at=now)


def _make(*, created_at: datetime) -> SigningKey:
    private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    jwk, _ = jwkkit.load_jwk_from_pem(pem)
    return SigningKey.objects.create(
        kid=jwk["kid"],
        sealed_private_key=sealing.seal(pem, purpose=_PURPOSE),
        created_at=created_at,
    )


def _retire(*, at: datetime, now: datetime) -> None:
    current = SigningKey.objects.exclude(retires_at__lte=now)
    # A key that was to retire sooner keeps that date.
    current.exclude(retires_at__lt=at).update(retires_at=at)


def _hold_lock() -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_ID])


def _unseal(row: SigningKey) -> str:
    try:
        return sealing.unseal(row.sealed_private_key, purpose=_PURPOSE)
    except sealing.Unsealable as error:
        raise ImproperlyConfigured(
            f"The signing key {row.kid} was stored under another QUINTET_SECRET_KEY. Name that one in "
            "QUINTET_SECRET_KEY_FALLBACKS, or run `manage.py rotate_signing_key --revoke-old`, which "
            "signs everybody out."
        ) from error
