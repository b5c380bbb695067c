"""Text messages: through Twilio, or written down where nobody is to be sent any."""

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from uuid import UUID

import requests
from django.conf import settings

from apps.platform.ports.carried import Outcome, write_down

TIMEOUT_SECONDS = 10.0
# Codes of Twilio's that say that the number will never take a message: it is none, is blocked, can't
# be reached by messages, or its owner said STOP.
FINAL_CODES = frozenset({21211, 21214, 21217, 21610, 21612, 21614, 30003, 30004, 30005, 30006})
_SERVICE = "MG"


@dataclass(frozen=True, slots=True)
class TextMessage:
    """What is to be sent, to a number in E.164."""

    id: UUID
    tenant_id: UUID
    to: str
    body: str


def send(message: TextMessage) -> Outcome:
    """Send a text message, and return what came of it; whatever goes wrong is in the answer."""
    if settings.SMS_CARRIER == "twilio":
        return _send_by_twilio(message)
    return write_down(
        settings.SMS_CARRIER,
        {"id": str(message.id), "channel": "SMS", "to": message.to, "body": message.body},
    )


def _send_by_twilio(message: TextMessage) -> Outcome:
    account = settings.TWILIO_ACCOUNT
    sender = settings.TWILIO_SENDER
    form = {"To": message.to, "Body": message.body}
    form["MessagingServiceSid" if sender.startswith(_SERVICE) else "From"] = sender
    if settings.TWILIO_REPORTS_URL:
        form["StatusCallback"] = reports_url(message.tenant_id)
    try:
        answer = requests.post(
            f"{settings.TWILIO_URL}/2010-04-01/Accounts/{account}/Messages.json",
            data=form,
            auth=(account, settings.TWILIO_TOKEN),
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        said = dict(answer.json())
    except (requests.RequestException, ValueError, TypeError) as error:
        return Outcome(error=f"Twilio does not answer: {type(error).__name__}")
    if answer.ok:
        return Outcome(message_id=str(said.get("sid", "")))
    code = said.get("code")
    return Outcome(
        error=f"Twilio answered {answer.status_code} (code {code}).", is_final=code in FINAL_CODES
    )


def reports_url(tenant_id: UUID) -> str:
    """Return where Twilio reports what became of a tenant's messages."""
    return f"{settings.TWILIO_REPORTS_URL}/{tenant_id}"


def is_signed_by_twilio(*, url: str, form: Mapping[str, str], signature: str) -> bool:
    """Return whether a report is Twilio's: it is signed with the account's token.

    :param url: the one that Twilio was told to report to.
    """
    if not settings.TWILIO_TOKEN:
        return False
    signed = url + "".join(f"{name}{form[name]}" for name in sorted(form))
    digest = hmac.new(settings.TWILIO_TOKEN.encode(), signed.encode(), sha1).digest()
    return hmac.compare_digest(base64.b64encode(digest).decode(), signature)
