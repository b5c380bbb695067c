"""Pushes to browsers: encrypted for each of them (RFC 8291), signed by us (RFC 8292)."""

import base64
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import jwt
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from apps.platform.ports import outbound_http
from apps.platform.ports.carried import Outcome, write_down

# A push service keeps it for a browser that is off for so long.
KEPT_SECONDS = 86_400
TOKEN_SECONDS = 43_200
RECORD_SIZE = 4_096
GONE = (404, 410)
_CURVE = ec.SECP256R1()
_POINT_BYTES = 65
_AUTH_BYTES = 16
# The order of P-256, below which a private key is.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, slots=True)
class Push:
    """What is to be sent to one browser. `keys` are its subscription's: `p256dh` and `auth`."""

    id: UUID
    endpoint: str
    keys: Mapping[str, str]
    title: str
    body: str
    topic: str


def send(push: Push) -> Outcome:
    """Send a push, and return what came of it; whatever goes wrong is in the answer.

    It goes to where the public internet is, as webhooks do: a browser names the address.
    """
    content = {"id": str(push.id), "title": push.title, "body": push.body, "topic": push.topic}
    if settings.PUSH_CARRIER != "webpush":
        return write_down(
            settings.PUSH_CARRIER, {**content, "channel": "PUSH", "to": push.endpoint}
        )
    try:
        body = encrypted(json.dumps(content, ensure_ascii=False).encode(), keys=push.keys)
    except ValueError:
        return Outcome(error="The browser's keys are none.", is_final=True)
    answer = outbound_http.post(
        url=push.endpoint,
        body=body,
        headers={
            "Authorization": _authorization(push.endpoint),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(KEPT_SECONDS),
            # A repeat takes the place of the first, if that still waits for the browser.
            "Topic": base64.urlsafe_b64encode(push.id.bytes).decode().rstrip("="),
        },
    )
    if answer.is_success:
        return Outcome(message_id=str(push.id))
    said = answer.error or f"The push service answered {answer.status}."
    return Outcome(error=said, is_final=answer.status in GONE)


def fault_of_subscription(*, endpoint: str, keys: Mapping[str, str]) -> str | None:
    """Return what is wrong with a browser's subscription; None if nothing is."""
    if fault := outbound_http.fault_of_url(endpoint):
        return fault
    try:
        encrypted(b"", keys=keys)
    except ValueError:
        return "Its keys are none: p256dh is a point of P-256, auth has 16 bytes."
    return None


def public_key() -> str:
    """Return what browsers subscribe with: the `applicationServerKey`."""
    return _encoded(_point(_key().public_key()))


def encrypted(content: bytes, *, keys: Mapping[str, str]) -> bytes:
    """Return what only the browser with these keys can read (aes128gcm, one record).

    :raises ValueError: the keys are none.
    """
    point, auth = _decoded(keys.get("p256dh", "")), _decoded(keys.get("auth", ""))
    if len(point) != _POINT_BYTES or len(auth) != _AUTH_BYTES:
        raise ValueError("The keys have the wrong length.")
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    ours = ec.generate_private_key(_CURVE)
    our_point = _point(ours.public_key())
    shared = ours.exchange(ec.ECDH(), theirs)
    secret = _derived(shared, salt=auth, info=b"WebPush: info\x00" + point + our_point, length=32)
    salt = os.urandom(16)
    key = _derived(secret, salt=salt, info=b"Content-Encoding: aes128gcm\x00", length=16)
    nonce = _derived(secret, salt=salt, info=b"Content-Encoding: nonce\x00", length=12)
    header = salt + RECORD_SIZE.to_bytes(4, "big") + bytes([len(our_point)]) + our_point
    # 2 marks the last record.
    return header + AESGCM(key).encrypt(nonce, content + b"\x02", None)


def _derived(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


def _authorization(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    claims: dict[str, Any] = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(time.time()) + TOKEN_SECONDS,
        "sub": settings.VAPID_CONTACT,
    }
    return f"vapid t={jwt.encode(claims, _key(), algorithm='ES256')}, k={public_key()}"


def _key() -> ec.EllipticCurvePrivateKey:
    return _key_of(settings.VAPID_KEY, str(settings.SECRET_KEY))


@lru_cache(maxsize=4)
def _key_of(configured: str, secret_key: str) -> ec.EllipticCurvePrivateKey:
    if configured:
        return ec.derive_private_key(int.from_bytes(_decoded(configured), "big"), _CURVE)
    seed = _derived(secret_key.encode(), salt=b"", info=b"quintet push signatures", length=48)
    return ec.derive_private_key(int.from_bytes(seed, "big") % (_ORDER - 1) + 1, _CURVE)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
