"""The one way a token is verified, whoever issued it."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import jwt
from django.conf import settings
from jwt.exceptions import PyJWKClientError, PyJWTError

from apps.kernel.errors import Problem
from apps.tenancy.identity import keysets
from apps.tenancy.identity.trust import Trust, TrustedIssuer

MAX_TOKEN_LENGTH = 8_192
UUID_PATTERN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# A verified token is believed without its signature being checked again for this long, at most.
BELIEVED_FOR = 30.0
BELIEVED_AT_MOST = 20_000
KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
# Keycloak says in `typ` what a token is for, allauth in `token_use`.
FOREIGN_TYPES = frozenset({"ID", "Refresh", "Offline", "Logout"})


class TokenRefused(Problem):
    """The token is not accepted; the title and detail say why, and the header says it to machines."""

    status = 401
    slug = "invalid-token"
    title = "The token is not accepted."

    def __init__(self, detail: str) -> None:
        super().__init__(
            detail,
            headers={
                # RFC 6750, section 3: every refusal of a token that was sent is `invalid_token`.
                "WWW-Authenticate": f'Bearer realm="quintet", error="invalid_token", '
                f'error_description="{_quotable(detail)}"'
            },
        )


class TokenExpired(TokenRefused):
    """The token was good, and is too old."""

    slug = "token-expired"
    title = "The token has expired."


class IssuerNotTrusted(TokenRefused):
    """This tenant does not trust the token's issuer."""

    slug = "issuer-not-trusted"
    title = "The issuer of this token is not trusted here."


class TokenForAnotherTenant(TokenRefused):
    """The token was issued for one tenant, and sent to another."""

    slug = "token-for-another-tenant"
    title = "The token is for another tenant."


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that can be believed: what it says, who said it, and of whom."""

    claims: Mapping[str, Any]
    issuer: TrustedIssuer
    subject: str
    person_id: UUID


_believed: OrderedDict[tuple[bytes, bytes], tuple[float, Verified]] = OrderedDict()
_lock = threading.Lock()


def verify(*, token: str, trust: Trust) -> Verified:
    """Return what a token says, having checked signature, issuer, audience, times, use and tenant.

    May fetch an issuer's keys, so it is never called inside a bound block.

    :raises TokenRefused: it, or one of its kinds, says why.
    :raises IssuerUnreachable: the issuer's keys can't be had.
    """
    name = (sha256(token.encode()).digest(), trust.mark)
    now = time.time()
    with _lock:
        known = _believed.get(name)
        if known is not None:
            if known[0] > now:
                _believed.move_to_end(name)
                return known[1]
            del _believed[name]
    verified = _verify(token, trust)
    with _lock:
        _believed[name] = (min(verified.claims["exp"], now + BELIEVED_FOR), verified)
        while len(_believed) > BELIEVED_AT_MOST:
            _believed.popitem(last=False)
    return verified


def forget() -> None:
    """Forget every verified token of this process."""
    with _lock:
        _believed.clear()


def _verify(token: str, trust: Trust) -> Verified:
    header, unverified = _read(token)
    issuer = trust.issuers.get(str(unverified.get("iss")))
    if issuer is None:
        raise IssuerNotTrusted(
            "This tenant accepts no tokens of its issuer (`iss`). Sign in with one that it trusts."
        )
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
        raise TokenRefused("It is signed with an algorithm that is not accepted of its issuer.")
    claims = _checked_claims(token, _key(header, algorithm, issuer), algorithm, issuer)
    _check_use(claims, issuer)
    _check_tenant(claims, issuer, trust)
    subject = claims.get(issuer.subject_claim)
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise TokenRefused(f"It names nobody: the claim `{issuer.subject_claim}` is missing.")
    return Verified(claims, issuer, subject, _person_id(subject, issuer))


def _read(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if len(token) > MAX_TOKEN_LENGTH:
        raise TokenRefused("It is too long.")
    try:
        whole = jwt.decode_complete(token, options={"verify_signature": False})
    except (PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise TokenRefused("It is not a JSON Web Token.") from error
    return whole["header"], whole["payload"]


def _key(header: Mapping[str, Any], algorithm: str, issuer: TrustedIssuer) -> Any:
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise TokenRefused("It does not name the key that signed it (`kid`).")
    try:
        key = keysets.keys_of(issuer).get_signing_key(kid)
    except PyJWKClientError as error:
        raise TokenRefused("It was signed with a key that its issuer does not publish.") from error
    # The key says what it is for. Without this, a public key could be read as an HMAC secret.
    if key.key_type != KEY_TYPES[algorithm[:2]]:
        raise TokenRefused("It is signed with an algorithm that its key is not for.")
    return key.key


def _checked_claims(token: str, key: Any, algorithm: str, issuer: TrustedIssuer) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key=key,
            algorithms=[algorithm],
            issuer=issuer.url,
            audience=issuer.audience,
            leeway=settings.TOKEN_LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenExpired("Refresh it, or sign in again.") from error
    except jwt.ImmatureSignatureError as error:
        raise TokenRefused("It is not valid yet (`nbf` or `iat` is in the future).") from error
    except jwt.InvalidAudienceError as error:
        raise TokenRefused("It is meant for somebody else (`aud`).") from error
    except jwt.MissingRequiredClaimError as error:
        raise TokenRefused(f"It lacks the claim `{error.claim}`.") from error
    except jwt.InvalidSignatureError as error:
        raise TokenRefused("Its signature is wrong.") from error
    except (PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise TokenRefused("One of its claims is not of the right kind.") from error


def _check_use(claims: Mapping[str, Any], issuer: TrustedIssuer) -> None:
    use = claims.get("token_use")
    if (
        (issuer.is_embedded and use != "access")
        or use in {"id", "refresh"}
        or claims.get("typ") in FOREIGN_TYPES
    ):
        raise TokenRefused("It is not an access token.")


def _check_tenant(claims: Mapping[str, Any], issuer: TrustedIssuer, trust: Trust) -> None:
    # What an external issuer means by `tenant` is its own affair.
    meant = claims.get("tenant") if issuer.is_embedded else None
    if meant is not None and trust.tenant_id is not None and meant != str(trust.tenant_id):
        raise TokenForAnotherTenant(
            "It was issued on another tenant's host. Sign in on this one's, with the same account."
        )


def _person_id(subject: str, issuer: TrustedIssuer) -> UUID:
    # In the usual form only: `UUID` also reads braces and urn:uuid:, and two subjects would be one.
    if UUID_PATTERN.fullmatch(subject):
        return UUID(subject)
    if issuer.is_embedded:
        raise TokenRefused("Its subject (`sub`) is not a UUID.")
    # The same person gets the same id each time, and no other issuer's subject does.
    return uuid5(NAMESPACE_URL, f"{issuer.url}\n{subject}")


def _quotable(text: str) -> str:
    return text.replace("`", "").replace("\\", "").replace('"', "'")
