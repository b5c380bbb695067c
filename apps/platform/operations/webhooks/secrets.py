"""The secrets that deliveries are signed with: sealed in the endpoint's row, shown once."""

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from standardwebhooks import Webhook

from apps.tenancy import sealing

PREFIX = "whsec_"
BYTES = 32
# A consumer has this long to learn of a new secret.
FORMER_VALID_FOR = timedelta(hours=24)
_PURPOSE = "quintet webhook secrets at rest"

# {"sealed": text, "valid_until": ISO 8601 or None}, the newest first.
Sealed = dict[str, Any]


def new_secret() -> str:
    """Return a secret as Standard Webhooks writes them."""
    return PREFIX + base64.b64encode(secrets.token_bytes(BYTES)).decode()


def sealed(secret: str) -> Sealed:
    """Return a secret as a row keeps it."""
    return {"sealed": sealing.seal(secret, purpose=_PURPOSE), "valid_until": None}


def still_valid(kept: Sequence[Sealed], *, at: datetime) -> list[Sealed]:
    """Return those of the secrets that deliveries are signed with at a time."""
    return [
        each
        for each in kept
        if each["valid_until"] is None or datetime.fromisoformat(each["valid_until"]) > at
    ]


def ending(kept: Sequence[Sealed], *, at: datetime) -> list[Sealed]:
    """Return the secrets that are still valid, each of them for a while only."""
    until = (at + FORMER_VALID_FOR).isoformat()
    return [
        {**each, "valid_until": each["valid_until"] or until} for each in still_valid(kept, at=at)
    ]


def signatures(kept: Sequence[Sealed], *, message_id: str, body: str, signed_at: datetime) -> str:
    """Return the header `webhook-signature`: one signature for each secret that is valid.

    :raises Unsealable: a secret was sealed under another secret key.
    """
    return " ".join(
        Webhook(sealing.unseal(each["sealed"], purpose=_PURPOSE)).sign(
            msg_id=message_id, timestamp=signed_at, data=body
        )
        for each in still_valid(kept, at=signed_at)
    )
