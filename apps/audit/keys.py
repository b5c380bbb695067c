"""The keys of seals: Ed25519, behind a small port."""

import base64
import binascii
import os
import re
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from apps.audit.errors import SealKeyMalformed, SealKeyMissing
from config import embedded

SEED_SIZE = 32
LOCAL_FILE = "seal-keys"
SEEDS_VARIABLE = "QUINTET_SEAL_KEYS"
PUBLIC_VARIABLE = "QUINTET_SEAL_PUBLIC_KEYS"
# Both alphabets, padded or not. 32 bytes end on a character of which two bits are not used.
_BASE64 = re.compile(r"[A-Za-z0-9_+/-]{43}=?")


class SealKeys(Protocol):
    """Where the keys of seals come from."""

    def signing_key(self) -> Ed25519PrivateKey:
        """Return the key that signs now.

        :raises SealKeyMissing: there is none.
        """

    def public_keys(self) -> Mapping[str, Ed25519PublicKey]:
        """Return every key whose signatures are trusted, by key id."""


class ConfiguredKeys:
    """The adapter of the environment, and of a local file where the embedded server runs."""

    def signing_key(self) -> Ed25519PrivateKey:
        """Return the first of the seeds.

        :raises SealKeyMissing: none is set, and this is no development machine.
        :raises SealKeyMalformed: what is set is no key.
        """
        seeds = self._seeds()
        if not seeds:
            raise SealKeyMissing()
        return Ed25519PrivateKey.from_private_bytes(seeds[0])

    def public_keys(self) -> Mapping[str, Ed25519PublicKey]:
        """Return the keys of all seeds, and the ones that only verify.

        :raises SealKeyMalformed: what is set is no key.
        """
        known = [Ed25519PrivateKey.from_private_bytes(seed).public_key() for seed in self._seeds()]
        known += [
            Ed25519PublicKey.from_public_bytes(raw)
            for raw in _decoded(settings.SEAL_PUBLIC_KEYS, where=PUBLIC_VARIABLE)
        ]
        return {key_id_of(key): key for key in known}

    def _seeds(self) -> list[bytes]:
        if settings.SEAL_KEYS or not settings.EMBEDDED_POSTGRES:
            return _decoded(settings.SEAL_KEYS, where=SEEDS_VARIABLE)
        kept = embedded.local_secret(var=settings.VAR, name=LOCAL_FILE)
        return _decoded(kept.split(","), where=f"the local file {LOCAL_FILE}")


def configured() -> SealKeys:
    """Return the keys this installation is configured with."""
    return ConfiguredKeys()


def key_id_of(key: Ed25519PublicKey) -> str:
    """Return the short name of a key: 16 hexadecimal digits."""
    return sha256(key.public_bytes_raw()).hexdigest()[:16]


def is_signed(statement: str, signature: bytes, *, key: Ed25519PublicKey) -> bool:
    """Whether the signature is by the key, over the statement."""
    try:
        key.verify(signature, statement.encode())
    except InvalidSignature:
        return False
    return True


def public_text(key: Ed25519PublicKey) -> str:
    """Return a public key in base64."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def make_seed() -> str:
    """Return a new private key in base64."""
    return base64.b64encode(secrets.token_bytes(SEED_SIZE)).decode()


def key_of(seed: str) -> Ed25519PublicKey:
    """Return the public key of a private one in base64."""
    (raw,) = _decoded([seed], where="the new keys")
    return Ed25519PrivateKey.from_private_bytes(raw).public_key()


def are_set() -> bool:
    """Whether private keys are configured, behind which a new one has to come."""
    return bool(settings.SEAL_KEYS)


def keeps_its_own() -> bool:
    """Whether the keys are in a local file, which `put_first` may change."""
    return bool(settings.EMBEDDED_POSTGRES and not are_set())


def put_first(seed: str) -> None:
    """Have a new key sign from now on, in the local file; the others still verify."""
    kept = embedded.local_secret(var=settings.VAR, name=LOCAL_FILE)
    draft = settings.VAR / f".{LOCAL_FILE}.{os.getpid()}"
    draft.touch(mode=0o600)
    draft.write_text(f"{seed},{kept}")
    # Whoever reads meanwhile sees the file as it was or as it is.
    draft.replace(settings.VAR / LOCAL_FILE)


def _decoded(texts: list[str], *, where: str) -> list[bytes]:
    return [
        _decode(text, where=where, position=number)
        for number, text in enumerate((text.strip() for text in texts), start=1)
        if text
    ]


def _decode(text: str, *, where: str, position: int) -> bytes:
    if not _BASE64.fullmatch(text):
        raise SealKeyMalformed(where=where, position=position)
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=", validate=True)
    except binascii.Error:
        raise SealKeyMalformed(where=where, position=position) from None
