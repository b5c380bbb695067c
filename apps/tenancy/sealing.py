"""Sealing: keeping a secret in a database, encrypted under the deployment's secret key."""

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unsealable(ValueError):
    """It was sealed under another secret key, or for another purpose, or was tampered with."""


def seal(secret: str, *, purpose: str) -> str:
    """Return a secret encrypted, so that only `unseal` with the same purpose opens it."""
    return _fernet(purpose).encrypt(secret.encode()).decode()


def unseal(sealed: str, *, purpose: str) -> str:
    """Return what was sealed, under the secret key or one of its fallbacks.

    :raises Unsealable: none of them opens it.
    """
    try:
        return _fernet(purpose).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unsealable("It was sealed under another QUINTET_SECRET_KEY.") from error


def _fernet(purpose: str) -> MultiFernet:
    secrets = (settings.SECRET_KEY, *getattr(settings, "SECRET_KEY_FALLBACKS", ()))
    return _fernet_of(tuple(str(secret) for secret in secrets), purpose)


@lru_cache(maxsize=16)
def _fernet_of(secrets: tuple[str, ...], purpose: str) -> MultiFernet:
    return MultiFernet([Fernet(_derived(secret, purpose)) for secret in secrets])


def _derived(secret: str, purpose: str) -> bytes:
    derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode())
    return base64.urlsafe_b64encode(derive.derive(secret.encode()))
