"""The public keys of issuers: the embedded one's read in the process, the others' fetched and kept.

Both are PyJWT's own key-set client, so there is one way from a token's `kid` to a key.
"""

import logging
import threading
import time
from collections import OrderedDict
from typing import Any

from django.conf import settings
from jwt import PyJWKClient, PyJWKSet
from jwt.exceptions import PyJWTError

from apps.kernel.errors import Unavailable
from apps.tenancy.identity import keys
from apps.tenancy.identity.fetching import Unfetchable, fetch_json
from apps.tenancy.identity.trust import TrustedIssuer

logger = logging.getLogger(__name__)

KEPT_AT_MOST = 2_000


class IssuerUnreachable(Unavailable):
    """The keys of the token's issuer can't be had, so the token can be neither believed nor refused."""

    slug = "issuer-unreachable"
    title = "The issuer of this token does not answer right now."

    def __init__(self) -> None:
        wait = max(1, round(settings.ISSUER_REFETCH_SECONDS))
        super().__init__(
            "Its keys can't be read, so the token can't be checked. Try again shortly.",
            headers={"Retry-After": str(wait)},
        )


class EmbeddedKeys(PyJWKClient):
    """The embedded issuer's key set, without a request to oneself."""

    def __init__(self) -> None:
        super().__init__(
            "https://embedded.invalid/", lifespan=keys.REMEMBERED_FOR, cooldown_duration=1
        )

    def fetch_data(self) -> Any:
        """Return the key set that is published now: another process may have had a new key sign."""
        keys.forget()
        return keys.jwks()


class RemoteKeys(PyJWKClient):
    """An external issuer's key set. Read anew when it is old, or for an unknown key, not too often.

    A set that has become old and can't be read anew is not used: the issuer may have withdrawn a key.
    """

    def __init__(self, *, issuer_url: str, jwks_uri: str) -> None:
        super().__init__(
            jwks_uri or f"{issuer_url.rstrip('/')}/.well-known/openid-configuration",
            lifespan=settings.ISSUER_KEYS_SECONDS,
            cooldown_duration=settings.ISSUER_REFETCH_SECONDS,
        )
        self.issuer_url = issuer_url
        self.jwks_uri = jwks_uri
        self._down_until = 0.0

    def fetch_data(self) -> Any:
        """Fetch and check the key set.

        :raises IssuerUnreachable: it can't be had. Not tried again for a while, so that a dead issuer
            doesn't hold up a thread for each request.
        """
        if time.monotonic() < self._down_until:
            raise IssuerUnreachable
        try:
            found = fetch_json(self.jwks_uri or self._discover())
            self._get_signing_keys_from_jwk_set(PyJWKSet.from_dict(self._as_jwk_set_payload(found)))
        except (Unfetchable, PyJWTError, TypeError, ValueError, KeyError, AttributeError) as error:
            self._down_until = time.monotonic() + settings.ISSUER_REFETCH_SECONDS
            logger.warning("the keys of issuer %s can't be read: %s", self.issuer_url, error)
            raise IssuerUnreachable from error
        return found

    def _discover(self) -> str:
        document = fetch_json(self.uri)
        if not isinstance(document, dict) or document.get("issuer") != self.issuer_url:
            raise Unfetchable(f"{self.uri} is not the discovery document of {self.issuer_url}")
        jwks_uri = document.get("jwks_uri")
        if not isinstance(jwks_uri, str):
            raise Unfetchable(f"{self.uri} names no jwks_uri")
        return jwks_uri


_embedded = EmbeddedKeys()
_remote: OrderedDict[tuple[str, str], RemoteKeys] = OrderedDict()
_lock = threading.Lock()


def keys_of(issuer: TrustedIssuer) -> PyJWKClient:
    """Return the key set of an issuer. Tenants that name the same one share it."""
    if issuer.is_embedded:
        return _embedded
    # By both: whoever names other keys for an issuer must not change whom the others believe.
    name = (issuer.url, issuer.jwks_uri)
    with _lock:
        client = _remote.get(name)
        if client is None:
            client = RemoteKeys(issuer_url=issuer.url, jwks_uri=issuer.jwks_uri)
            _remote[name] = client
            while len(_remote) > KEPT_AT_MOST:
                _remote.popitem(last=False)
        else:
            _remote.move_to_end(name)
    return client


def forget() -> None:
    """Forget every key set kept in this process."""
    global _embedded  # noqa: PLW0603 - replaced whole, so that no reader sees half of it
    with _lock:
        _remote.clear()
        _embedded = EmbeddedKeys()
