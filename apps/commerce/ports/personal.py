"""Sealing what is personal in a row, so that the database alone does not tell it.

Sealed bytes begin with the version of their form and the id of their key; then come nonce, ciphertext and
tag of AES-256-GCM. Tenant and row are authenticated along with them: taken to another row, they stay
shut.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

VERSION = b"\x01"
KEY_ID_BYTES = 8
NONCE_BYTES = 12
KEY_BYTES = 32
_HEAD = len(VERSION) + KEY_ID_BYTES


class Unsealable(ValueError):
    """It belongs to another row, was tampered with, or was sealed under a key that is not known here."""


class Sealing(Protocol):
    """Whoever keeps the keys: these settings, or a service of its own."""

    def seal(self, value: Mapping[str, Any], *, tenant_id: UUID, row_id: UUID) -> bytes:
        """Return a JSON object encrypted, for one row of one tenant."""

    def unseal(self, sealed: bytes, *, tenant_id: UUID, row_id: UUID) -> dict[str, Any]:
        """Return what was sealed for the row.

        :raises Unsealable: it was not sealed for it, or is no longer what was sealed.
        """


class KeyRing:
    """AES-256-GCM under keys of this process: the first seals, all of them unseal."""

    def __init__(self, *keys: bytes) -> None:
        self._current = _id_of(keys[0])
        self._ciphers = {_id_of(key): AESGCM(key) for key in keys}

    def seal(self, value: Mapping[str, Any], *, tenant_id: UUID, row_id: UUID) -> bytes:
        """Return a JSON object encrypted, for one row of one tenant."""
        head, nonce = self.head, os.urandom(NONCE_BYTES)
        cipher = self._ciphers[self._current]
        return (
            head + nonce + cipher.encrypt(nonce, orjson.dumps(value), _of(head, tenant_id, row_id))
        )

    def unseal(self, sealed: bytes, *, tenant_id: UUID, row_id: UUID) -> dict[str, Any]:
        """Return what was sealed for the row.

        :raises Unsealable: it was not sealed for it, or is no longer what was sealed.
        """
        head, nonce = sealed[:_HEAD], sealed[_HEAD : _HEAD + NONCE_BYTES]
        cipher = self._ciphers.get(head[len(VERSION) :])
        if not head.startswith(VERSION) or cipher is None or len(nonce) < NONCE_BYTES:
            raise Unsealable("It was sealed under a key that is not in QUINTET_PERSONAL_DATA_KEYS.")
        try:
            text = cipher.decrypt(
                nonce, sealed[_HEAD + NONCE_BYTES :], _of(head, tenant_id, row_id)
            )
        except InvalidTag as error:
            raise Unsealable("It was sealed for another row, or was changed since.") from error
        opened: dict[str, Any] = orjson.loads(text)
        return opened

    @property
    def head(self) -> bytes:
        """What everything begins with that is sealed by the key that seals now."""
        return VERSION + self._current


def seal(value: Mapping[str, Any], *, tenant_id: UUID, row_id: UUID) -> bytes:
    """Return a JSON object encrypted, for one row of one tenant."""
    return ring().seal(value, tenant_id=tenant_id, row_id=row_id)


def unseal(sealed: bytes, *, tenant_id: UUID, row_id: UUID) -> dict[str, Any]:
    """Return what was sealed for the row.

    :raises Unsealable: it was not sealed for it, or is no longer what was sealed.
    """
    return ring().unseal(bytes(sealed), tenant_id=tenant_id, row_id=row_id)


def ring() -> KeyRing:
    """Return the keys of the settings.

    :raises ImproperlyConfigured: one of them is no AES-256 key in base64.
    """
    secrets = (settings.SECRET_KEY, *getattr(settings, "SECRET_KEY_FALLBACKS", ()))
    return _ring(tuple(settings.PERSONAL_DATA_KEYS), tuple(str(secret) for secret in secrets))


@lru_cache(maxsize=4)
def _ring(encoded: tuple[str, ...], secrets: tuple[str, ...]) -> KeyRing:
    # What was sealed before there were keys of its own is still read.
    keys = [_decoded(key) for key in encoded]
    return KeyRing(*keys, *(_derived(secret) for secret in secrets))


def _decoded(key: str) -> bytes:
    try:
        decoded = base64.b64decode(key, validate=True)
    except binascii.Error:
        decoded = b""
    if len(decoded) != KEY_BYTES:
        raise ImproperlyConfigured(
            f"QUINTET_PERSONAL_DATA_KEYS holds keys of {KEY_BYTES} bytes in base64: "
            "`openssl rand -base64 32` makes one."
        )
    return decoded


def _derived(secret: str) -> bytes:
    derive = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=b"personal data")
    return derive.derive(secret.encode())


def _id_of(key: bytes) -> bytes:
    return sha256(b"key id:" + key).digest()[:KEY_ID_BYTES]


def _of(head: bytes, tenant_id: UUID, row_id: UUID) -> bytes:
    return head + tenant_id.bytes + row_id.bytes
